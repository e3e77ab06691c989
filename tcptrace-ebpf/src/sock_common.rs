//! What full sockets, minisocks and requests begin with: `struct sock_common`,
//! include/net/sock.h.

use aya_ebpf::helpers::generated::bpf_get_socket_cookie;
use tcptrace_ebpf::wire::Head;

use crate::kernel::{read, setting};

const AF_INET: u16 = 2;
const AF_INET6: u16 = 10;

/// Reads the addresses and ports into a head. Returns false if the family isn't IP.
///
/// # Safety
/// A sock_common is at `skc`, readable as [`read`] demands.
#[inline(always)]
pub unsafe fn addresses(skc: *const u8, head: &mut Head) -> bool {
    // SAFETY: the caller's.
    unsafe {
        head.local_port = read(skc, setting!(offsets.sock_common_num));
        head.remote_port = u16::from_be(read(skc, setting!(offsets.sock_common_dport)));
        head.family = 4;
        let local = head.local_addr.as_mut_ptr();
        let remote = head.remote_addr.as_mut_ptr();
        match read::<u16>(skc, setting!(offsets.sock_common_family)) {
            AF_INET6 => {
                let daddr = setting!(offsets.sock_common_v6_daddr);
                let saddr = setting!(offsets.sock_common_v6_rcv_saddr);
                let peer: [u64; 2] = [read(skc, daddr), read(skc, daddr + 8)];
                let own: [u64; 2] = [read(skc, saddr), read(skc, saddr + 8)];
                // Then the IPv4 fields hold the addresses. A listener has no peer, and what is
                // bound to a mapped address never gets one that isn't (tcp_v6_connect()).
                if !(is_mapped(peer) || peer == [0; 2] && is_mapped(own)) {
                    head.family = 6;
                    local.cast::<[u64; 2]>().write(own);
                    remote.cast::<[u64; 2]>().write(peer);
                    return true;
                }
            }
            AF_INET => {}
            _ => return false,
        }
        local
            .cast::<u32>()
            .write(read(skc, setting!(offsets.sock_common_rcv_saddr)));
        remote
            .cast::<u32>()
            .write(read(skc, setting!(offsets.sock_common_daddr)));
        true
    }
}

/// Whether an address is IPv4-mapped, ::ffff:0:0/96: two words as they lie in memory.
#[inline(always)]
fn is_mapped(addr: [u64; 2]) -> bool {
    addr[0] == 0 && addr[1] & 0xffff_ffff == u64::from(0xffff_0000_u32.to_le())
}

/// Index of the network interface that is a part of the identity; 0: none is.
///
/// # Safety
/// A sock_common is at `skc`, readable as [`read`] demands.
#[inline(always)]
pub unsafe fn link(skc: *const u8) -> u32 {
    // SAFETY: the caller's.
    unsafe { read(skc, setting!(offsets.sock_common_bound_dev_if)) }
}

/// The cookie of a full socket, which is made if it has none yet. The helper exists for tracing
/// programs since 5.12.
///
/// # Safety
/// `sk` is a struct sock that a tracepoint passes.
#[inline(always)]
pub unsafe fn cookie(sk: *const u8) -> u64 {
    // SAFETY: the caller's.
    unsafe {
        match read(sk, setting!(offsets.sock_common_cookie)) {
            0 => bpf_get_socket_cookie(sk.cast_mut().cast()),
            cookie => cookie,
        }
    }
}
