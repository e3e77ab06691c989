//! SYNs that this machine sends, seen by the timer that would send them again.
//!
//! `tcp_connect()`, net/ipv4/tcp_output.c, arms it as soon as the SYN is out, within connect(): by
//! then the port is chosen. Without it no SYN was sent: connect() failed before, or was put off to
//! the first write (TCP_FASTOPEN_CONNECT).

use tcptrace_ebpf::wire::kind;

use crate::{
    child,
    head::{HeadBuffer, at_most_255},
    kernel::{peek, setting},
    minisock::{SockBytes, netns_of},
    ring,
    select::wanted,
    state::{LISTEN, SYN_RECV, SYN_SENT},
};

/// The retransmission timer of the socket at that address was armed.
#[inline(always)]
pub fn armed(address: u64) {
    // It is armed for data, too, with most ACKs: nothing may come before this. Nothing that was
    // noted at the transition would do: a SYN is sent again by another CPU, and a task may lose
    // its own in between.
    let state: u8 = peek(address, setting!(offsets.sock_common_state));
    if state == SYN_RECV {
        fast_open_armed(address);
    }
    if state != SYN_SENT {
        return;
    }
    let bytes = SockBytes::at(address);
    let mut buffer = HeadBuffer::new();
    let head = buffer.zeroed();
    if !bytes.addresses(head) {
        return;
    }
    head.cookie = bytes.field(setting!(offsets.sock_common_cookie));
    head.netns = netns_of(bytes.net());
    if !wanted(head) {
        // Its transition to SYN_SENT passed, if nothing but the port, then unknown, speaks against
        // it: userspace need not remember it any longer.
        let port = core::mem::take(&mut head.local_port);
        if !wanted(head) {
            return;
        }
        head.local_port = port;
        head.from = 1;
    }
    head.kind = kind::SYN;
    head.to = SYN_SENT;
    let sent_us: u64 = peek(address, setting!(offsets.tcp_mstamp));
    head.time_ns = sent_us * 1000;
    head.retransmits = at_most_255(peek(address, setting!(offsets.tcp_total_retrans)));
    ring::send_head(head, bytes.link());
}

/// The child that TCP Fast Open makes waits for an acknowledgement, which may come much later and
/// on another CPU: tcp_fastopen_create_child(), net/ipv4/tcp_fastopen.c, arms its timer. Before 6.15
/// it has no cookie yet.
#[inline(always)]
fn fast_open_armed(address: u64) {
    let Some(time_ns) = child::goes_on(address) else {
        return;
    };
    let bytes = SockBytes::at(address);
    let mut buffer = HeadBuffer::new();
    let head = buffer.zeroed();
    if !bytes.addresses(head) {
        return;
    }
    head.netns = netns_of(bytes.net());
    if !wanted(head) {
        return;
    }
    head.kind = kind::SOCKET;
    head.cookie = bytes.field(setting!(offsets.sock_common_cookie));
    head.from = LISTEN;
    head.to = SYN_RECV;
    head.time_ns = time_ns;
    ring::send_head(head, bytes.link());
}
