//! The children of listeners: the full socket that the third ACK makes of a request.
//!
//! tcp_check_req(), net/ipv4/tcp_minisocks.c, does it in one go: syn_recv_sock() makes the child,
//! inet_csk_complete_hashdance() lets the request go, and tcp_child_process() lets the child go
//! on. A SYN cookie (tcp_get_cookie_sock()) and TCP Fast Open (tcp_fastopen_create_child()) make a
//! child without a request.
//!
//! So of one that had a request nothing is sent: that it goes on tells all. One that had none is
//! told when it goes on, with the time at which it was made. Before 6.15 it could not be told
//! earlier: inet_csk_clone_lock(), net/ipv4/inet_connection_sock.c, sets the state first, and its
//! callers give the copy of the listener its own addresses and its cookie then.

use aya_ebpf::{macros::map, maps::PerCpuArray};

use crate::{
    kernel::{now, peek, read, setting},
    minisock::SockBytes,
};

/// The child that this CPU made last, until its request is gone or it goes on.
#[map]
static CHILD: PerCpuArray<Child> = PerCpuArray::with_max_entries(1, 0);

#[derive(Clone, Copy)]
#[repr(C)]
struct Child {
    /// Its address; 0: there is none.
    sk: u64,
    /// When it was made: CLOCK_MONOTONIC, ns.
    time_ns: u64,
    /// Address of its network namespace.
    net: u64,
    /// `skc_portpair`, as far as it has it.
    ports: u64,
}

/// A child was made.
///
/// # Safety
/// `sk` is the struct sock that the tracepoint passes.
#[inline(always)]
pub unsafe fn born(sk: *const u8) {
    if let Some(kept) = CHILD.get_ptr_mut(0) {
        // SAFETY: the caller's; `kept` is the value of this CPU, the verifier checked the address.
        unsafe {
            kept.write(Child {
                sk: sk as u64,
                time_ns: now(),
                net: read(sk, setting!(offsets.sock_common_net)),
                ports: u64::from(read::<u32>(sk, setting!(offsets.sock_common_dport))),
            });
        }
    }
}

/// Something becomes of a full socket in SYN_RECV: if it was made just before, and had no request,
/// gives the time back at which it was.
#[inline(always)]
pub fn goes_on(sk: u64) -> Option<u64> {
    let child = CHILD.get_ptr_mut(0)?;
    // SAFETY: as above.
    unsafe {
        if (*child).sk != sk {
            return None;
        }
        (*child).sk = 0;
        Some((*child).time_ns)
    }
}

/// Whether a request, which goes, has become the child that this CPU made last.
#[inline(always)]
pub fn completes(request: &SockBytes) -> bool {
    let Some(kept) = CHILD.get_ptr_mut(0) else {
        return false;
    };
    // SAFETY: as above.
    let child = unsafe { kept.read() };
    if child.sk == 0 || child.net != request.net() {
        return false;
    }
    // Nothing else is done on this CPU in between: the ports are enough, two fields that lie behind
    // each other.
    let dport = setting!(offsets.sock_common_dport);
    let ports: u32 = request.field(dport);
    // Before 6.15 it had its listener's when it was made, and has its own by now.
    let same = child.ports as u32 == ports || peek::<u32>(child.sk, dport) == ports;
    if same {
        // SAFETY: as above.
        unsafe { (*kept).sk = 0 };
    }
    same
}
