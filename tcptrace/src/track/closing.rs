//! Why a full socket closed: the one table of which evidence gives which reason.
//!
//! An RST is evidence where it was seen to arrive or to be sent, never where an error is left in
//! `sk_err`: ICMP sets that, too, and one that was set long before may still stand there
//! (IP_RECVERR).

use super::syn;
use crate::model::{Detail, Reason, SocketEvent, State};

/// errno, as `sk_err` has it (include/uapi/asm-generic/errno.h; the same on x86 and arm).
mod errno {
    pub const PIPE: u8 = libc::EPIPE as u8;
    pub const CONNABORTED: u8 = libc::ECONNABORTED as u8;
    pub const CONNRESET: u8 = libc::ECONNRESET as u8;
    pub const TIMEDOUT: u8 = libc::ETIMEDOUT as u8;

    /// What `icmp_err_convert` (net/ipv4/icmp.c) and `icmpv6_err_convert()` (net/ipv6/icmp.c) make
    /// of a message that says why a packet did not arrive.
    pub const ICMP: [u8; 9] = [
        libc::ECONNREFUSED as u8,
        libc::EHOSTUNREACH as u8,
        libc::ENETUNREACH as u8,
        libc::ENOPROTOOPT as u8,
        libc::EHOSTDOWN as u8,
        libc::ENONET as u8,
        libc::EOPNOTSUPP as u8,
        libc::EACCES as u8,
        libc::EPROTO as u8,
    ];
}

/// What else must be known to tell why a socket closed.
#[derive(Clone, Copy, Debug)]
pub(super) struct Seen {
    /// No event was lost since the connection was last heard of, and minisocks are traced: that
    /// none began means that there was none.
    pub minisocks: bool,
    /// RSTs that arrive and that are sent are traced.
    pub resets: bool,
    /// Whether its SYN was sent; `None`: unknown.
    pub syn: Option<bool>,
    /// Its local port is known: connect() got one.
    pub port: bool,
}

/// Why a socket closed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Close {
    pub reason: Reason,
    pub detail: Option<Detail>,
    /// It is so only if the socket sends no RST next; otherwise that closed it.
    pub doubtful: bool,
}

impl Close {
    pub fn certain(reason: Reason) -> Self {
        Self {
            reason,
            detail: None,
            doubtful: false,
        }
    }

    fn unless_a_reset_follows(reason: Reason) -> Self {
        Self {
            doubtful: true,
            ..Self::certain(reason)
        }
    }

    fn with(self, detail: Detail) -> Self {
        Self {
            detail: Some(detail),
            ..self
        }
    }
}

/// Whether `ss -K` closed it; then the running task is not its owner.
pub(super) fn killed(event: &SocketEvent) -> bool {
    event.to == State::Closed && event.errno == errno::CONNABORTED
}

/// Tells why a full socket went to CLOSED, without a minisock that lives on.
pub(super) fn why(event: &SocketEvent, seen: Seen) -> Close {
    use Close as Is;
    use State::{CloseWait, Closing, Established, FinWait1, FinWait2, LastAck, SynRecv, SynSent};

    let it = event.evidence;
    let owned = event.owner.is_some();
    match (event.from, event.errno) {
        (State::Listen, _) => Is::certain(Reason::ListenerClosed),

        // What was seen.
        (SynSent, _) if it.rst_received => Is::certain(Reason::Refused),
        // tcp_reset() also closes one that gets data which nobody will read, and an RST is sent
        // for that: tcp_rcv_state_process(), net/ipv4/tcp_input.c.
        (FinWait1 | FinWait2 | Closing | LastAck, _) if it.rst_received && it.receive_shutdown => {
            Is::unless_a_reset_follows(match seen.resets {
                true => Reason::ResetByPeer,
                false => Reason::Unknown,
            })
        }
        _ if it.rst_received => Is::certain(Reason::ResetByPeer),
        (_, errno::CONNABORTED) => Is::certain(Reason::Killed),
        // tcp_keepalive_timer(), net/ipv4/tcp_timer.c, sends an RST, then gives up; nothing else
        // that gives up does.
        (_, errno::TIMEDOUT) => timeout(event, seen),
        (from, error) if it.rst_sent && error != 0 && from != SynSent => {
            Is::certain(Reason::KeepaliveTimeout)
        }
        // An orphan whose time is over, above 60 s: the same function.
        (FinWait2, 0) if it.rst_sent && event.orphan && !owned => Is::certain(Reason::FinTimeout),
        _ if it.rst_sent => Is::certain(Reason::ResetByUs),
        // A socket in repair says nothing to its peer: tcp_disconnect(), net/ipv4/tcp.c.
        _ if it.repair && owned => Is::certain(Reason::Unknown).with(Detail::Repair),
        _ if event.netns_gone => Is::certain(Reason::Killed).with(Detail::NetnsGone),

        // tcp_v4_err() and tcp_v6_err() close those that are not established at once.
        (SynSent | SynRecv, error) if errno::ICMP.contains(&error) => {
            if error == errno::ICMP[0] && !seen.resets {
                return Is::certain(Reason::Unknown);
            }
            Is::certain(Reason::Unreachable).with(Detail::Icmp)
        }
        (SynSent, 0) if owned => Close {
            detail: syn::unanswered(event, seen.port, seen.syn),
            ..Is::certain(Reason::Unknown)
        },
        (SynSent, _) => Is::certain(Reason::Unknown),

        // All is acknowledged: there is nothing else that it could wait for.
        (LastAck, 0) if !it.unacked => Is::certain(Reason::FinAcked),

        // Where RSTs are not traced, the error is all that there is: tcp_reset() sets these two,
        // and whoever sends the RST.
        (_, errno::CONNRESET | errno::PIPE) if !seen.resets => Is::certain(Reason::Unknown),

        // tcp_write_err(), net/ipv4/tcp_timer.c, prefers what ICMP said to ETIMEDOUT; an error
        // that was left there by IP_RECVERR ends nothing.
        (_, error) if errno::ICMP.contains(&error) && it.unacked && !owned => {
            Is::certain(Reason::TimedOut)
        }

        // Too many to wait, and every end that is not told otherwise was acknowledged.
        // disconnect() on a socket that was only shut down has no RCV_SHUTDOWN: __tcp_close() and
        // tcp_fin() both set it before the minisock would be made.
        (FinWait2, 0) if seen.minisocks && seen.resets && it.receive_shutdown => {
            Is::unless_a_reset_follows(Reason::Overflow)
        }
        (Closing, 0) if seen.minisocks && seen.resets && it.receive_shutdown && !it.unacked => {
            Is::unless_a_reset_follows(Reason::Overflow)
        }

        // SO_LINGER 0, unread data, disconnect(), a listener that goes with connections that
        // nobody accepted: an RST is sent with each.
        (Established | CloseWait, 0) => Is::certain(Reason::ResetByUs),
        (SynRecv, 0) if owned => Is::certain(Reason::ResetByUs),
        (FinWait1, 0) if owned && (it.linger_0 || it.unread) => Is::certain(Reason::ResetByUs),

        _ => Is::unless_a_reset_follows(Reason::Unknown),
    }
}

/// ETIMEDOUT says of both that it was.
fn timeout(event: &SocketEvent, seen: Seen) -> Close {
    Close::certain(if event.from == State::SynSent {
        Reason::TimedOut
    } else if event.evidence.rst_sent {
        Reason::KeepaliveTimeout
    } else if seen.resets || event.evidence.unacked || !event.keepalive {
        Reason::TimedOut
    } else {
        // Probes go out only when nothing is unacknowledged.
        Reason::KeepaliveTimeout
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        model::{Closer, Evidence, FlowEnd, Owner, Side},
        track::flow::Flow,
    };

    /// Everything that can be seen at once, and what becomes of it.
    fn for_each_combination(mut each: impl FnMut(&SocketEvent, Seen, Close)) {
        let errors = [
            0,
            errno::PIPE,
            errno::CONNABORTED,
            errno::CONNRESET,
            errno::TIMEDOUT,
        ];
        let errors: Vec<u8> = errors.into_iter().chain(errno::ICMP).collect();
        for from in State::ALL {
            for error in &errors {
                for bits in 0..1_u32 << 15 {
                    let has = |bit: u32| bits >> bit & 1 == 1;
                    let event = SocketEvent {
                        errno: *error,
                        owner: has(0).then(Owner::default),
                        orphan: has(1),
                        keepalive: has(2),
                        netns_gone: has(3),
                        evidence: Evidence {
                            receive_shutdown: has(4),
                            linger_0: has(5),
                            unread: has(6),
                            unacked: has(7),
                            repair: has(8),
                            rst_received: has(9),
                            rst_sent: has(10),
                            syn_out: has(14),
                        },
                        ..SocketEvent::closed(from)
                    };
                    let seen = Seen {
                        minisocks: has(11),
                        resets: has(12),
                        port: has(13),
                        syn: [None, Some(false), Some(true)][bits as usize % 3],
                    };
                    each(&event, seen, why(&event, seen));
                }
            }
        }
    }

    #[test]
    fn nothing_is_said_that_nothing_shows() {
        for_each_combination(|event, seen, close| {
            let it = event.evidence;
            let what = || format!("{:?} {close:?} of {event:?}, {seen:?}", event.from);
            let mut flow = Flow::new(event.tuple, event.from);
            flow.opener = Some(Side::Local);
            let told = flow
                .step(None, 1, State::Closed, close.reason)
                .with(close.detail);
            if FlowEnd::of(&told) == Some(FlowEnd::Graceful) {
                assert!(!it.unacked && event.from == State::LastAck, "{}", what());
                assert!(!it.rst_received && !it.rst_sent, "{}", what());
            }
            let shown = Closer::shown_by(event.from);
            assert!(shown.is_none() || told.closer == shown, "{}", what());
            if shown.is_none() && told.closer == Some(Closer::Remote) {
                assert!(it.rst_received, "{}", what());
            }
            if shown.is_none() && told.closer == Some(Closer::Local) {
                let by_itself = matches!(
                    event.from,
                    State::Established | State::CloseWait | State::SynRecv | State::FinWait1
                );
                assert!(it.rst_sent || (event.errno == 0 && by_itself), "{}", what());
            }
            match close.reason {
                Reason::Overflow => {
                    assert!(
                        seen.minisocks && seen.resets && close.doubtful,
                        "{}",
                        what()
                    );
                    let acked = event.from == State::FinWait2 || !it.unacked;
                    assert!(acked && event.errno == 0, "{}", what());
                    assert!(!it.rst_received && !it.rst_sent, "{}", what());
                }
                Reason::Refused | Reason::ResetByPeer => {
                    assert!(it.rst_received, "{}", what());
                }
                Reason::Killed => assert!(
                    event.errno == errno::CONNABORTED || event.netns_gone,
                    "{}",
                    what()
                ),
                Reason::TimedOut | Reason::KeepaliveTimeout => {
                    assert!(event.errno != 0 && !it.rst_received, "{}", what());
                }
                Reason::FinTimeout => {
                    assert!(event.orphan && event.from == State::FinWait2, "{}", what());
                }
                _ => {}
            }
            if close.detail == Some(Detail::GivenUp) {
                assert!(
                    (seen.syn == Some(true) || it.syn_out) && seen.port,
                    "{}",
                    what()
                );
            }
            if matches!(
                close.detail,
                Some(Detail::AddressInUse | Detail::NothingSent)
            ) {
                assert!(seen.syn != Some(true) && seen.port, "{}", what());
            }
            if close.detail == Some(Detail::Icmp) {
                assert!(!it.rst_received && told.closer.is_none(), "{}", what());
            }
        });
    }
}
