//! The children of listeners: the full socket that the third ACK makes of a request.
//!
//! tcp_check_req(), net/ipv4/tcp_minisocks.c, does it in one go: syn_recv_sock() makes the child,
//! inet_csk_complete_hashdance() lets the request go, and tcp_child_process() lets the child go
//! on. A SYN cookie (tcp_get_cookie_sock()) and TCP Fast Open (tcp_fastopen_create_child()) make a
//! child without a request.

use aya_ebpf::{macros::map, maps::PerCpuArray};
use tcptrace_ebpf::wire::Head;

use crate::kernel::{peek, setting};

/// The child that this CPU made last, until its request is gone or it goes on.
#[map]
static CHILD: PerCpuArray<Child> = PerCpuArray::with_max_entries(1, 0);

#[derive(Clone, Copy)]
#[repr(C)]
struct Child {
    /// Its address; 0: it was told when it was made.
    sk: u64,
    /// When it was made: CLOCK_MONOTONIC, ns.
    time_ns: u64,
    /// Address of its network namespace; 0: there is no child.
    net: u64,
    remote_addr: [u64; 2],
    local_port: u16,
    remote_port: u16,
    reserved: u32,
}

/// A child was made, and is told.
#[inline(always)]
pub fn born(head: &Head, net: u64) {
    keep(Child {
        sk: 0,
        time_ns: 0,
        net,
        remote_addr: remote_addr(head),
        local_port: head.local_port,
        remote_port: head.remote_port,
        reserved: 0,
    });
}

/// A child was made, and is still a copy of its listener: before 6.15 inet_csk_clone_lock(),
/// net/ipv4/inet_connection_sock.c, sets the state first, and its callers give it its addresses
/// and its cookie then. It is told when it is heard of next, as what it is then.
#[inline(always)]
pub fn born_without_a_peer(sk: u64, net: u64, time_ns: u64) {
    keep(Child {
        sk,
        time_ns,
        net,
        remote_addr: [0; 2],
        local_port: 0,
        remote_port: 0,
        reserved: 0,
    });
}

/// Something becomes of a full socket in SYN_RECV: if it was made just before, and is not told
/// yet, gives the time back at which it was.
#[inline(always)]
pub fn goes_on(sk: u64) -> Option<u64> {
    let child = CHILD.get_ptr_mut(0)?;
    // SAFETY: the value of this CPU; the verifier checked the address.
    unsafe {
        // One of a SYN cookie had no request.
        (*child).net = 0;
        if (*child).sk != sk {
            return None;
        }
        (*child).sk = 0;
        Some((*child).time_ns)
    }
}

/// Whether a request that goes has become the child that this CPU made last.
#[inline(always)]
pub fn completes(request: &Head, net: u64) -> bool {
    let Some(kept) = CHILD.get_ptr_mut(0) else {
        return false;
    };
    // SAFETY: as above.
    let child = unsafe { kept.read() };
    if child.net != net {
        return false;
    }
    let same = if child.sk != 0 {
        // By now it has its own addresses. Nothing else is done on this CPU in between: the ports
        // are enough.
        let num: u16 = peek(child.sk, setting!(offsets.sock_common_num));
        let dport: u16 = peek(child.sk, setting!(offsets.sock_common_dport));
        num == request.local_port && u16::from_be(dport) == request.remote_port
    } else {
        child.local_port == request.local_port
            && child.remote_port == request.remote_port
            && child.remote_addr == remote_addr(request)
    };
    if same {
        // SAFETY: as above.
        unsafe { (*kept).net = 0 };
    }
    same
}

#[inline(always)]
fn keep(child: Child) {
    if let Some(kept) = CHILD.get_ptr_mut(0) {
        // SAFETY: the value of this CPU; the verifier checked the address.
        unsafe { kept.write(child) };
    }
}

#[inline(always)]
fn remote_addr(head: &Head) -> [u64; 2] {
    // SAFETY: 16 bytes, in a struct that is aligned for u64, behind three fields of 8 bytes.
    unsafe { (&raw const head.remote_addr).cast::<[u64; 2]>().read() }
}
