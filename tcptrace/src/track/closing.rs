//! Why a full socket closed.

use super::{Detail, Reason, State};
use crate::decode::SocketEvent;

/// errno, as `sk_err` has it (include/uapi/asm-generic/errno.h; the same on x86 and arm).
mod errno {
    pub const PIPE: u16 = libc::EPIPE as u16;
    pub const CONNABORTED: u16 = libc::ECONNABORTED as u16;
    pub const CONNRESET: u16 = libc::ECONNRESET as u16;
    pub const TIMEDOUT: u16 = libc::ETIMEDOUT as u16;
    pub const CONNREFUSED: u16 = libc::ECONNREFUSED as u16;
    pub const HOSTUNREACH: u16 = libc::EHOSTUNREACH as u16;
    pub const NETUNREACH: u16 = libc::ENETUNREACH as u16;
}

/// What else must be known to tell why a socket closed.
#[derive(Clone, Copy, Debug)]
pub(super) struct Seen {
    /// No event was lost since the connection was last heard of, and minisocks are traced: that
    /// none began means that there was none.
    pub minisocks: bool,
    /// Its local port is known: connect() got one.
    pub port: bool,
}

/// Whether `ss -K` closed it; then the running task is not its owner.
pub(super) fn killed(event: &SocketEvent) -> bool {
    event.to == State::Closed && event.errno == errno::CONNABORTED
}

/// Whether an RST that we sent may be what closed it. Data that comes after close() is answered by
/// one, and the socket has ECONNRESET, or no error, just as if the peer had sent it
/// (tcp_rcv_state_process(), net/ipv4/tcp_input.c); an [`Event::Aborted`](crate::decode::Event)
/// follows then.
pub(super) fn is_doubtful(event: &SocketEvent) -> bool {
    event.to == State::Closed
        && matches!(event.from, State::FinWait1 | State::FinWait2)
        && event.receive_shutdown
        && matches!(event.errno, 0 | errno::CONNRESET)
}

/// Tells why a full socket went to CLOSED, without a minisock that lives on.
pub(super) fn reason(event: &SocketEvent, seen: Seen) -> (Reason, Option<Detail>) {
    let owned = event.owner.is_some();
    let reason = match (event.from, event.errno) {
        (State::Listen, _) => Reason::ListenerClosed,
        (_, errno::CONNABORTED) => Reason::Killed,
        (State::SynSent, errno::CONNREFUSED) => Reason::Refused,
        (_, errno::CONNRESET | errno::PIPE | errno::CONNREFUSED) => Reason::ResetByPeer,
        (_, errno::TIMEDOUT) => timeout(event),
        (State::SynSent, 0) if owned => {
            let detail = if seen.port {
                Detail::GivenUp
            } else {
                Detail::NoFreePort
            };
            return (Reason::Unknown, Some(detail));
        }
        (State::SynSent, 0) => Reason::Unknown,
        (State::SynSent, _) => Reason::Unreachable,
        // Retransmissions were used up while ICMP said that there is no way
        // (tcp_write_err(), net/ipv4/tcp_timer.c, prefers sk_err_soft).
        (_, errno::HOSTUNREACH | errno::NETUNREACH) => timeout(event),
        (State::LastAck, 0) => Reason::FinAcked,
        (State::FinWait2 | State::Closing, 0) => without_minisock(event, seen),
        // SO_LINGER 0, unread data, disconnect(), a listener that goes with connections that
        // nobody accepted, no memory: an RST is sent with each.
        (State::Established | State::CloseWait | State::FinWait1, 0) => Reason::ResetByUs,
        (State::SynRecv, 0) if owned => Reason::ResetByUs,
        _ => Reason::Unknown,
    };
    (reason, None)
}

/// FIN_WAIT2 and CLOSING end in a minisock, unless there are too many.
fn without_minisock(event: &SocketEvent, seen: Seen) -> Reason {
    // TCP_LINGER2 below zero: tcp_close() sends an RST rather than wait for the FIN.
    if event.measured.is_some_and(|measured| measured.linger2 < 0) {
        return Reason::ResetByUs;
    }
    // disconnect() on a socket that was only shut down: __tcp_close() and tcp_fin() both set
    // RCV_SHUTDOWN before the minisock would be made.
    if !event.receive_shutdown {
        return if event.owner.is_some() {
            Reason::ResetByUs
        } else {
            Reason::Unknown
        };
    }
    if seen.minisocks {
        Reason::Overflow
    } else {
        Reason::Unknown
    }
}

/// ETIMEDOUT says of both that it was: keepalive probes go out only when nothing is
/// unacknowledged (tcp_keepalive_timer(), net/ipv4/tcp_timer.c).
fn timeout(event: &SocketEvent) -> Reason {
    match event.measured {
        Some(measured)
            if event.keepalive && measured.unacked == 0 && event.from != State::SynSent =>
        {
            Reason::KeepaliveTimeout
        }
        _ => Reason::TimedOut,
    }
}
