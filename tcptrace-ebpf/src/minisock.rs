//! Reading `struct inet_timewait_sock` and `struct request_sock`.

use tcptrace_ebpf::{
    settings::MINISOCK_BYTES,
    wire::{Head, change, flag},
};

use crate::{
    kernel::{now, peek, peek_into, read, setting},
    select::wanted,
    sock_common,
};

/// The beginning of a minisock or request: a copy, since the verifier knows no type for it.
#[repr(align(8))]
pub struct SockBytes([u8; MINISOCK_BYTES]);

impl SockBytes {
    #[inline(always)]
    pub fn at(address: u64) -> Self {
        let mut bytes = core::mem::MaybeUninit::<Self>::uninit();
        // SAFETY: the helper writes all of it, zero on a fault.
        unsafe {
            peek_into(bytes.as_mut_ptr().cast(), MINISOCK_BYTES as u32, address);
            bytes.assume_init()
        }
    }

    #[inline(always)]
    pub fn field<T: Copy>(&self, offset: u32) -> T {
        // SAFETY: userspace checked that the offsets lie within.
        unsafe { read(self.0.as_ptr(), offset) }
    }

    /// Reads the addresses and ports into a head. Returns false if the family isn't IP.
    #[inline(always)]
    pub fn addresses(&self, head: &mut Head) -> bool {
        // SAFETY: minisocks and requests begin with a sock_common.
        unsafe { sock_common::addresses(self.0.as_ptr(), head) }
    }

    /// Address of the network namespace.
    #[inline(always)]
    pub fn net(&self) -> u64 {
        self.field(setting!(offsets.sock_common_net))
    }

    /// Index of the network interface that is a part of the identity; 0: none is. A request has it
    /// from its listener, or from the SYN where the peer's address is link-local
    /// (`tcp_conn_request()`, net/ipv4/tcp_input.c; `tcp_v6_init_req()`, net/ipv6/tcp_ipv6.c: the
    /// field is `ir_iif`), and a minisock from its full socket.
    #[inline(always)]
    pub fn link(&self) -> u32 {
        self.field(setting!(offsets.sock_common_bound_dev_if))
    }

    /// Whether it is TCP's, by the name of its `struct proto`: "TCP" or "TCPv6". DCCP's, which is
    /// gone since 6.16, have timers with the same functions.
    #[inline(always)]
    fn is_of_tcp(&self) -> bool {
        let proto: u64 = self.field(setting!(offsets.sock_common_prot));
        setting!(dccp) == 0 || peek::<u8>(proto, setting!(offsets.proto_name)) == b'T'
    }

    /// Reads what is the same of all into a head. Returns false if it is not asked for.
    #[inline(always)]
    pub fn read(&self, head: &mut Head, what: u8) -> bool {
        if !self.addresses(head) || !self.is_of_tcp() {
            return false;
        }
        head.netns = netns_of(self.net());
        if !wanted(head) {
            return false;
        }
        // It only ends what there is.
        if what == change::CANCELLED && is_gone(self.net()) {
            head.flags = flag::NETNS_GONE;
        }
        head.from = what;
        head.cookie = self.field(setting!(offsets.sock_common_cookie));
        head.time_ns = now();
        true
    }
}

/// The inode number of the namespace, whose pointer has no type to the verifier.
#[inline(always)]
pub fn netns_of(net: u64) -> u32 {
    peek(net, setting!(offsets.net_ns_inum))
}

/// Whether the namespace is being taken down.
#[inline(always)]
fn is_gone(net: u64) -> bool {
    peek::<u32>(net, setting!(offsets.net_ns_count)) == 0
}
