//! RSTs that this machine sends in answer to a segment.

use aya_ebpf::{macros::map, maps::PerCpuArray};
use tcptrace_ebpf::wire::{Head, kind};

use crate::{
    kernel::{now, peek, read, setting},
    minisock::Snapshot,
    ring,
};

/// TCP_CLOSE and TCP_LISTEN, include/net/tcp_states.h.
const CLOSED: u8 = 7;
const LISTEN: u8 = 10;

/// An RST that a listener's segment was answered by.
#[derive(Clone, Copy)]
#[repr(C)]
struct Answered {
    /// CLOCK_MONOTONIC, ns.
    time_ns: u64,
    netns: u32,
    /// The source port of the segment.
    remote_port: u32,
}

/// The last one of this CPU.
#[map]
static ANSWERED: PerCpuArray<Answered> = PerCpuArray::with_max_entries(1, 0);

/// The request goes in the same softirq, microseconds later, or as much later as a hypervisor has
/// the CPU do something else; another one with the same port hardly goes so soon. ns.
const SAME_SOFTIRQ: u64 = 100_000_000;

/// Notes whom an RST is sent for.
#[inline(always)]
pub fn sent(sk: *const u8, skb: *const u8) {
    if sk.is_null() || skb.is_null() {
        return;
    }
    // SAFETY: `sk` and `skb` are the struct sock and struct sk_buff that the tracepoint passes.
    let state: u8 = unsafe { read(sk, setting!(offsets.sock_common_state)) };
    if state == CLOSED {
        // A full socket, closed by data that nobody will read. It begins with a sock_common.
        let Some(mut head) = Snapshot::at(sk as u64).head(0) else {
            return;
        };
        head.kind = kind::ABORTED;
        ring::send_head(&head);
    } else if state == LISTEN
        && let Some(answered) = ANSWERED.get_ptr_mut(0)
    {
        // SAFETY: see above; `answered` is the value of this CPU.
        unsafe {
            let head: u64 = read(skb, setting!(offsets.skb_head));
            let transport: u16 = read(skb, setting!(offsets.skb_transport_header));
            let source: u16 = peek(head + u64::from(transport), 0);
            let net: *const u8 = read(sk, setting!(offsets.sock_common_net));
            answered.write(Answered {
                time_ns: now(),
                netns: read(net, setting!(offsets.net_ns_inum)),
                remote_port: u32::from(u16::from_be(source)),
            });
        }
    }
}

/// Whether the segment that ends a request now was answered by an RST: tcp_check_req() sends it
/// first, then drops the request.
#[inline(always)]
pub fn ends_request(head: &Head) -> bool {
    ANSWERED.get_ptr_mut(0).is_some_and(|answered| {
        // SAFETY: the value of this CPU; the verifier checked the address.
        let last = unsafe { answered.read() };
        last.remote_port == u32::from(head.remote_port)
            && last.netns == head.netns
            && now().wrapping_sub(last.time_ns) < SAME_SOFTIRQ
    })
}
