//! RSTs that arrive, and that this machine sends.

use aya_ebpf::{macros::map, maps::PerCpuArray};
use tcptrace_ebpf::wire::{Head, evidence, kind};

use crate::{
    head::HeadBuffer,
    kernel::{now, peek, read, setting},
    minisock::SockBytes,
    ring,
    sock_common::cookie,
    state::{CLOSED, LISTEN},
};

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

/// RSTs of full sockets on this CPU. Each is the cookie of a socket, or 0: addresses are used
/// again.
#[derive(Clone, Copy)]
#[repr(C)]
struct Resets {
    /// Got one, and will be closed by it next.
    received: u64,
    /// Sent one, and will be closed next.
    sent: u64,
    /// Was closed just now for a reason that an RST that is sent next would tell.
    doubtful: u64,
}

/// The last ones of this CPU: tcp_reset(), net/ipv4/tcp_input.c, closes the socket in the same
/// breath, tcp_out_of_resources() and tcp_keepalive_timer(), net/ipv4/tcp_timer.c, send first and
/// close then, __tcp_close() and tcp_disconnect(), net/ipv4/tcp.c, the other way round.
#[map]
static RESETS: PerCpuArray<Resets> = PerCpuArray::with_max_entries(1, 0);

/// An RST arrived for a full socket.
#[inline(always)]
pub fn received(sk: *const u8) {
    // SAFETY: `sk` is the struct sock that the tracepoint passes.
    let state: u8 = unsafe { read(sk, setting!(offsets.sock_common_state)) };
    // One that is closed already stays so.
    if state != CLOSED
        && let Some(resets) = RESETS.get_ptr_mut(0)
    {
        // SAFETY: the value of this CPU; the verifier checked the address.
        unsafe { (*resets).received = cookie(sk) };
    }
}

/// A full socket is closed: the bits of [`evidence`] that tell of RSTs.
#[inline(always)]
pub fn evidence_of(cookie: u64) -> u8 {
    let Some(resets) = RESETS.get_ptr_mut(0) else {
        return 0;
    };
    let mut bits = 0;
    // SAFETY: as above.
    unsafe {
        if (*resets).received == cookie {
            (*resets).received = 0;
            bits |= evidence::RST_RECEIVED;
        }
        if (*resets).sent == cookie {
            (*resets).sent = 0;
            bits |= evidence::RST_SENT;
        }
    }
    bits
}

/// Whether it was closed by an RST of its own is told by what it does next.
#[inline(always)]
pub fn doubt(cookie: u64) {
    if let Some(resets) = RESETS.get_ptr_mut(0) {
        // SAFETY: as above.
        unsafe { (*resets).doubtful = cookie };
    }
}

/// A full socket sends an RST by itself, not for a segment.
#[inline(always)]
fn sent_by_itself(sk: *const u8) {
    let Some(resets) = RESETS.get_ptr_mut(0) else {
        return;
    };
    // SAFETY: `sk` is the struct sock that the tracepoint passes; `resets` as above.
    unsafe {
        let state: u8 = read(sk, setting!(offsets.sock_common_state));
        let cookie = cookie(sk);
        if state != CLOSED {
            (*resets).sent = cookie;
        } else if (*resets).doubtful == cookie {
            (*resets).doubtful = 0;
            send_reset(sk);
        }
    }
}

/// Tells that a full socket that is closed has sent an RST.
#[inline(always)]
fn send_reset(sk: *const u8) {
    // It begins with a sock_common.
    let mut buffer = HeadBuffer::new();
    let head = buffer.zeroed();
    if !SockBytes::at(sk as u64).read(head, 0) {
        return;
    }
    head.kind = kind::RESET_SENT;
    ring::send_head(head, 0);
}

/// Notes whom an RST is sent for.
#[inline(always)]
pub fn sent(sk: *const u8, skb: *const u8) {
    if sk.is_null() {
        return;
    }
    if skb.is_null() {
        sent_by_itself(sk);
        return;
    }
    // SAFETY: `sk` and `skb` are the struct sock and struct sk_buff that the tracepoint passes.
    let state: u8 = unsafe { read(sk, setting!(offsets.sock_common_state)) };
    if state == CLOSED {
        // Closed by data that nobody will read.
        send_reset(sk);
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
        let ends = last.remote_port == u32::from(head.remote_port)
            && last.netns == head.netns
            && now().wrapping_sub(last.time_ns) < SAME_SOFTIRQ;
        if ends {
            // It ends no other one: two may differ in nothing but their link.
            // SAFETY: as above.
            unsafe { (*answered).time_ns = 0 };
        }
        ends
    })
}
