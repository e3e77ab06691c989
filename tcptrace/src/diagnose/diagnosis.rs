//! From what is known of a connection to who is to blame.

use std::time::Duration;

use super::{
    Suspect, Verdict,
    age::{Silence, silence},
    schedule::{self, Outlook},
};
use crate::{
    host::{TcpInfo, Timer, TimerKind},
    model::{SocketKind, State},
};

/// TCP_TIMEWAIT_LEN: what waits longer than that in FIN_WAIT2 is no minisock at first.
const MINISOCK_AT_MOST: Duration = Duration::from_secs(60);
/// What a timer may be above its setting: it is counted in jiffies.
const JIFFIES: Duration = Duration::from_millis(50);

/// A setting, and its value.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Limit {
    /// Its name: a sysctl, or a socket option.
    pub name: &'static str,
    /// The present value; `None` where it can't be told: a socket option, mostly.
    pub value: Option<u32>,
}

/// What is in a connection's queues, in bytes of data; `None` where it can't be told, or has no
/// meaning in that state.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Queues {
    /// Received, and not read by its process.
    pub unread: Option<u32>,
    /// Not sent yet.
    pub unsent: Option<u32>,
    /// Sent, and not acknowledged by the peer.
    pub unacked: Option<u32>,
    /// The peer takes no more.
    pub zero_window: Option<bool>,
}

/// What is to be said of a connection that is stuck.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Diagnosis {
    /// Why it does not go on.
    pub verdict: Verdict,
    /// What governs how long that can last; `None`: nothing does.
    pub setting: Option<Limit>,
    /// Until the kernel gives up, if the peer stays as it is; `None` where no timer runs, or it
    /// can't be told.
    pub remaining: Option<Duration>,
    /// Retransmissions or probes so far, without an answer.
    pub retries: Option<u32>,
    /// How many there will be at the most.
    pub most_retries: Option<u32>,
    /// What is in its queues.
    pub queues: Queues,
    /// The connection is over; only its descriptor is open.
    pub is_over: bool,
}

impl Diagnosis {
    /// Whether a timeout of the connection's own (TCP_USER_TIMEOUT) would matter.
    #[must_use]
    pub fn depends_on_user_timeout(&self) -> bool {
        let limited = self
            .setting
            .is_some_and(|limit| limit.name == "tcp_retries2");
        limited || self.verdict == Verdict::ZeroWindow
    }
}

/// What decides over how long it lasts.
#[derive(Clone, Copy, Debug, Default)]
struct Course {
    setting: Option<Limit>,
    remaining: Option<Duration>,
    retries: Option<u32>,
    most_retries: Option<u32>,
}

/// Tells why a connection in one of the watched states does not go on.
#[must_use]
pub fn diagnose(suspect: &Suspect) -> Diagnosis {
    let queues = queues(suspect);
    let verdict = verdict(suspect, &queues);
    let course = course(suspect, verdict);
    Diagnosis {
        verdict,
        setting: course.setting,
        remaining: course.remaining,
        retries: course.retries,
        most_retries: course.most_retries,
        queues,
        is_over: suspect.state == State::Closed,
    }
}

fn queues(suspect: &Suspect) -> Queues {
    let Some(info) = suspect.info else {
        return Queues::default();
    };
    match suspect.state {
        State::SynSent | State::SynRecv => Queues::default(),
        state => {
            // Behind the data is our FIN, where it is not acknowledged; and in front of
            // everything that is not read the peer's, until read() comes to it.
            let ours = u32::from(matches!(
                state,
                State::FinWait1 | State::LastAck | State::Closing
            ));
            let theirs = u32::from(matches!(
                state,
                State::CloseWait | State::LastAck | State::Closing
            ));
            let unsent = info.unsent.map(|bytes| bytes.saturating_sub(ours));
            Queues {
                unread: Some(suspect.recv_queue.saturating_sub(theirs)),
                unsent,
                unacked: unsent
                    .map(|unsent| (suspect.send_queue.saturating_sub(ours)).saturating_sub(unsent)),
                zero_window: info.window.map(|window| window == 0),
            }
        }
    }
}

fn verdict(suspect: &Suspect, queues: &Queues) -> Verdict {
    match suspect.state {
        State::SynRecv if suspect.kind == SocketKind::Request => of_request(suspect),
        State::SynRecv => Verdict::HalfOpen,
        State::Established => of_data(suspect, queues),
        State::Closed => Verdict::NotClosed,
        State::FinWait2 if suspect.is_orphan() => Verdict::FinAwaited,
        State::FinWait2 => Verdict::HalfClosed,
        // A SYN that was sent is sent again by a timer.
        State::SynSent if suspect.timer.is_none() => Verdict::NotSent,
        State::CloseWait if !suspect.owned => Verdict::NotAccepted,
        // The peer's FIN is counted until read() comes to it.
        State::CloseWait if suspect.recv_queue > 0 => Verdict::NotRead,
        State::CloseWait if still_sends(suspect, queues) => Verdict::StillSending,
        State::CloseWait => Verdict::NotClosed,
        State::FinWait1 | State::LastAck | State::Closing => of_fin(suspect, queues),
        _ => Verdict::NoAnswer,
    }
}

fn of_data(suspect: &Suspect, queues: &Queues) -> Verdict {
    match silence(suspect) {
        Silence::Total(_) => Verdict::PeerSilent,
        Silence::Deaf(_) => Verdict::NotAcked,
        Silence::Window(_) => Verdict::ZeroWindow,
        // It goes on; nobody asks then.
        Silence::None if queues.zero_window == Some(true) => Verdict::ZeroWindow,
        Silence::None => Verdict::PeerSilent,
    }
}

fn of_request(suspect: &Suspect) -> Verdict {
    if suspect.listening.is_some_and(|it| it.is_full()) {
        return Verdict::AcceptQueueFull;
    }
    match suspect.timer {
        // Its timer ran out, and yet the SYN+ACK was not sent again: the third ACK has come
        // (`syn_ack_recalc()`, net/ipv4/inet_connection_sock.c).
        Some(timer) if timeouts(timer) > timer.retries.into() => Verdict::DataAwaited,
        _ => Verdict::HalfOpen,
    }
}

/// How often the timer of a half-open connection has run out.
fn timeouts(timer: Timer) -> u32 {
    let left = timer.remaining.saturating_sub(JIFFIES);
    schedule::request_timeouts(timer.retries.into(), left)
}

fn of_fin(suspect: &Suspect, queues: &Queues) -> Verdict {
    let Some(info) = suspect.info else {
        return Verdict::NotAcked;
    };
    // One probe or retransmission may be on its way at any time.
    let silent = info.retransmits > 1 || info.probes > 1;
    if queues.zero_window == Some(true) && !silent {
        return Verdict::ZeroWindow;
    }
    if still_sends(suspect, queues) {
        return Verdict::StillSending;
    }
    Verdict::NotAcked
}

/// Data waits to be sent or acknowledged, and the peer answers.
fn still_sends(suspect: &Suspect, queues: &Queues) -> bool {
    let waits = queues.unsent.unwrap_or_default() > 0 || queues.unacked.unwrap_or_default() > 0;
    waits && suspect.info.is_some_and(|info| answers(&info))
}

/// An ACK came within the time in which one is expected.
fn answers(info: &TcpInfo) -> bool {
    info.retransmits <= 1
        && info.probes <= 1
        && info.last_ack <= (info.rto * 2).max(Duration::from_secs(1))
}

fn course(suspect: &Suspect, verdict: Verdict) -> Course {
    let settings = &suspect.settings;
    let timer = suspect.timer;
    let limit = |name, value| Some(Limit { name, value });
    match verdict {
        Verdict::NoAnswer => {
            let retries = suspect.info.map(|info| u32::from(info.retransmits));
            let outlook = timer
                .filter(|timer| timer.kind == TimerKind::Retransmit)
                .and_then(|timer| schedule::syn(retries?, timer.remaining, settings));
            Course::of(
                limit("tcp_syn_retries", settings.syn_retries),
                retries,
                outlook,
            )
        }
        // SYNs that crossed: `tcp_write_timeout()` counts them as SYNs.
        Verdict::HalfOpen if suspect.kind != SocketKind::Request => Course::of(
            limit("tcp_syn_retries", settings.syn_retries),
            suspect.info.map(|info| info.retransmits.into()),
            None,
        ),
        Verdict::HalfOpen | Verdict::AcceptQueueFull => {
            let retries = timer.map(|timer| u32::from(timer.retries));
            let outlook =
                timer.and_then(|timer| schedule::request(retries?, timer.remaining, settings));
            let setting = match verdict {
                Verdict::AcceptQueueFull => limit("somaxconn", settings.somaxconn),
                _ => limit("tcp_synack_retries", settings.synack_retries),
            };
            Course::of(setting, retries, outlook)
        }
        Verdict::DataAwaited => Course::of(limit("TCP_DEFER_ACCEPT", None), None, None),
        Verdict::PeerSilent | Verdict::NotAcked => not_acked(suspect),
        Verdict::ZeroWindow => closed_window(suspect),
        Verdict::FinAwaited => fin_awaited(suspect),
        // What it sent last is not acknowledged: that ends it, whatever the process does.
        Verdict::NotClosed | Verdict::NotRead
            if suspect.info.is_some_and(|info| info.retransmits > 1) =>
        {
            not_acked(suspect)
        }
        Verdict::NotSent => Course::of(
            Some(Limit {
                name: "TCP_FASTOPEN_CONNECT",
                value: None,
            }),
            None,
            None,
        ),
        Verdict::StillSending
        | Verdict::HalfClosed
        | Verdict::NotClosed
        | Verdict::NotRead
        | Verdict::NotAccepted => Course::default(),
    }
}

impl Course {
    fn of(setting: Option<Limit>, retries: Option<u32>, outlook: Option<Outlook>) -> Self {
        Self {
            setting,
            remaining: outlook.map(|outlook| outlook.remaining),
            retries,
            most_retries: outlook.map(|outlook| outlook.most),
        }
    }
}

fn not_acked(suspect: &Suspect) -> Course {
    let settings = &suspect.settings;
    let orphan = suspect.is_orphan();
    let asked = suspect.context.user_timeout_ms;
    if let (Some(limit_ms @ 1..), Some(info), Some(timer)) = (asked, suspect.info, suspect.timer) {
        return user_timeout(suspect, limit_ms, &info, timer);
    }
    let setting = if orphan {
        Limit {
            name: "tcp_orphan_retries",
            value: settings.orphan_retries,
        }
    } else {
        Limit {
            name: "tcp_retries2",
            value: settings.retries2,
        }
    };
    let (Some(info), Some(timer)) = (suspect.info, suspect.timer) else {
        return Course::of(Some(setting), None, None);
    };
    match timer.kind {
        TimerKind::Retransmit => Course::of(
            Some(setting),
            Some(info.retransmits.into()),
            schedule::unacked(&info, timer.remaining, orphan, settings)
                // A timeout of its own may come first.
                .filter(|_| suspect.state != State::Established || asked.is_some()),
        ),
        TimerKind::Probe => Course::of(
            Some(setting),
            Some(info.probes.into()),
            match (orphan, asked) {
                (true, _) => schedule::probes(&info, timer.remaining, settings),
                (false, Some(0)) => schedule::silent_probes(&info, timer.remaining, settings),
                (false, _) => None,
            },
        ),
        TimerKind::Keepalive | TimerKind::TimeWait => Course::of(Some(setting), None, None),
    }
}

/// What a process has set for its connection comes before everything else.
fn user_timeout(suspect: &Suspect, limit_ms: u32, info: &TcpInfo, timer: Timer) -> Course {
    let limit = Duration::from_millis(limit_ms.into());
    let (retries, remaining) = match timer.kind {
        TimerKind::Retransmit => (
            info.retransmits,
            schedule::until_user_timeout(info, timer.remaining, limit, &suspect.settings),
        ),
        TimerKind::Probe => (
            info.probes,
            limit
                .saturating_sub(schedule::closed_for(
                    info,
                    timer.remaining,
                    &suspect.settings,
                ))
                .max(timer.remaining),
        ),
        TimerKind::Keepalive | TimerKind::TimeWait => return Course::default(),
    };
    Course {
        setting: Some(Limit {
            name: "TCP_USER_TIMEOUT",
            value: Some(limit_ms),
        }),
        remaining: Some(remaining),
        retries: Some(retries.into()),
        most_retries: None,
    }
}

/// A peer that answers probes keeps a socket that a process has for as long as it likes, unless
/// the process has set a limit.
fn closed_window(suspect: &Suspect) -> Course {
    if !suspect.is_orphan() {
        return match (suspect.context.user_timeout_ms, suspect.info, suspect.timer) {
            (Some(limit_ms @ 1..), Some(info), Some(timer)) => {
                user_timeout(suspect, limit_ms, &info, timer)
            }
            _ => Course::default(),
        };
    }
    let settings = &suspect.settings;
    let outlook = match (suspect.info, suspect.timer) {
        (Some(info), Some(timer)) if timer.kind == TimerKind::Probe => {
            schedule::probes(&info, timer.remaining, settings)
        }
        _ => None,
    };
    Course {
        setting: Some(Limit {
            name: "tcp_orphan_retries",
            value: settings.orphan_retries,
        }),
        remaining: outlook.map(|outlook| outlook.remaining),
        ..Course::default()
    }
}

/// How long tcp_fin_timeout lets an orphan wait as a full socket first, and then as a minisock:
/// above 60 s, T - 60 s each (`tcp_rcv_state_process()`, `tcp_keepalive_timer()`).
pub(super) fn fin_wait2(timeout_s: u32) -> (Duration, Duration) {
    let timeout = Duration::from_secs(timeout_s.into());
    match timeout.checked_sub(MINISOCK_AT_MOST) {
        Some(more) if !more.is_zero() => (more, more),
        _ => (Duration::ZERO, timeout),
    }
}

fn fin_awaited(suspect: &Suspect) -> Course {
    let given = suspect.settings.fin_timeout_s;
    let by_sysctl = Some(Limit {
        name: "tcp_fin_timeout",
        value: given,
    });
    let by_socket = Some(Limit {
        name: "TCP_LINGER2",
        value: None,
    });
    let Some(left) = suspect
        .timer
        .filter(|timer| timer.kind == TimerKind::TimeWait)
        .map(|timer| timer.remaining)
    else {
        return Course::of(by_sysctl, None, None);
    };
    let Some(timeout) = given else {
        return Course {
            setting: by_sysctl,
            remaining: Some(left),
            ..Course::default()
        };
    };
    let (first, then) = fin_wait2(timeout);
    let (longest, more) = match suspect.kind {
        SocketKind::Minisock => (then, Duration::ZERO),
        // Closed while its ACK came: it waits as a full socket even below 60 s, and only then.
        _ if first.is_zero() => (then, Duration::ZERO),
        _ => (first, then),
    };
    if left <= longest + JIFFIES {
        Course {
            setting: by_sysctl,
            remaining: Some(left + more),
            ..Course::default()
        }
    } else {
        Course {
            setting: by_socket,
            // As a full socket it waits for more than 60 s in all, but for how long the kernel
            // does not tell.
            remaining: (suspect.kind == SocketKind::Minisock).then_some(left),
            ..Course::default()
        }
    }
}
