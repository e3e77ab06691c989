//! How long a connection has been in its state, as far as the kernel tells of one that is older
//! than the trace.

use std::time::Duration;

use serde::{Deserialize, Serialize};

use super::{Suspect, schedule};
use crate::{
    host::TimerKind,
    model::{SocketKind, State, ns},
};

/// How long a connection has been in its state, as it is told.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Held {
    /// In ns; `None`: nothing is known.
    pub ns: Option<u64>,
    /// It is so long at the least: it began before tracing did.
    pub at_least: bool,
    /// It is so long as a setting says that may not be the one by which its timer was made.
    pub estimated: bool,
}

/// What the kernel tells of how long a connection waits.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Age {
    /// So long it has been in its state, at the least.
    pub held: Option<Duration>,
    /// So long it has waited for what keeps it, at the least: that may have begun before its
    /// state did.
    pub waited: Option<Duration>,
    /// What it waited is only an estimate: the setting may not be the one that its timer was made
    /// by.
    pub estimated: bool,
}

impl Age {
    /// The longer of both; `None` if there is none.
    #[must_use]
    pub fn longest(&self) -> Option<Duration> {
        self.held.max(self.waited)
    }

    /// The longer of both, of what began before tracing did; or a longer time since it was first
    /// seen.
    #[must_use]
    pub fn since_before(&self, watched_ns: Option<u64>) -> Held {
        let longest = self.longest().map(ns);
        let estimated = self.estimated && longest > watched_ns && self.held < self.waited;
        Held {
            ns: longest.max(watched_ns),
            at_least: !estimated,
            estimated,
        }
    }

    /// How long a connection has been in its state, or has waited there.
    #[must_use]
    pub fn of(suspect: &Suspect) -> Self {
        let settings = &suspect.settings;
        let timer = suspect.timer;
        match (suspect.state, suspect.kind) {
            (State::SynSent, _) => match (suspect.info, timer) {
                (Some(info), Some(timer)) if timer.kind == TimerKind::Retransmit => {
                    let retransmits = info.retransmits.into();
                    Age::held(schedule::syn_age(retransmits, timer.remaining, settings))
                }
                _ => Age::default(),
            },
            (State::SynRecv, SocketKind::Request) => match timer {
                Some(timer) => {
                    let retransmits = timer.retries.into();
                    let age = schedule::request_age(retransmits, timer.remaining, settings);
                    Age::held(age)
                }
                None => Age::default(),
            },
            (State::FinWait2, SocketKind::Minisock) => of_minisock(suspect),
            // The segment that led there had an ACK (`tcp_ack()` notes when), and whatever came later
            // makes the time shorter.
            (State::FinWait2 | State::CloseWait, _) => Age {
                held: suspect.info.map(|info| info.last_ack),
                ..Age::default()
            },
            (State::Established, _) => Age::waited(silence(suspect).for_how_long()),
            (State::FinWait1 | State::LastAck | State::Closing, _) => of_fin(suspect),
            _ => Age::default(),
        }
    }

    fn held(held: Duration) -> Self {
        Self {
            held: Some(held),
            ..Self::default()
        }
    }

    fn waited(waited: Duration) -> Self {
        Self {
            waited: Some(waited),
            ..Self::default()
        }
    }
}

/// What an established connection hears of its peer, while something of its own waits for that.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Silence {
    /// All goes on.
    None,
    /// For so long nothing came.
    Total(Duration),
    /// For so long what was sent is not acknowledged, though the peer is heard.
    Deaf(Duration),
    /// For so long the window has been closed, and the peer answers probes.
    Window(Duration),
}

impl Silence {
    fn for_how_long(self) -> Duration {
        match self {
            Self::None => Duration::ZERO,
            Self::Total(time) | Self::Deaf(time) | Self::Window(time) => time,
        }
    }
}

/// An ACK may be duplicated, or be on its way, when the first segment is lost that others are
/// measured by: only so many retransmissions of one are a sign, while the peer is heard.
const DEAF: u8 = 3;

/// Listens for the peer of an established connection.
pub(super) fn silence(suspect: &Suspect) -> Silence {
    let (Some(info), Some(timer)) = (suspect.info, suspect.timer) else {
        return Silence::None;
    };
    let settings = &suspect.settings;
    match timer.kind {
        _ if suspect.send_queue == 0 => Silence::None,
        TimerKind::Retransmit => {
            let mut since = schedule::unacked_for(&info, timer.remaining, settings);
            if info.retransmits == 0 {
                // It may be the timer of a tail loss probe, which is shorter.
                since = since.min(info.last_sent);
            }
            if info.last_ack >= since / 2 {
                Silence::Total(since.min(info.last_ack))
            } else if info.window == Some(0) {
                // The peer has taken back its window: what is sent again probes it.
                Silence::Window(since)
            } else if info.retransmits >= DEAF {
                Silence::Deaf(since)
            } else {
                Silence::None
            }
        }
        TimerKind::Probe => {
            let since = schedule::closed_for(&info, timer.remaining, settings);
            // One probe may be on its way at any time.
            if info.probes > 1 {
                Silence::Total(since.min(info.last_ack))
            } else {
                Silence::Window(since)
            }
        }
        TimerKind::Keepalive | TimerKind::TimeWait => Silence::None,
    }
}

/// Of a FIN that is not acknowledged.
fn of_fin(suspect: &Suspect) -> Age {
    let (Some(info), Some(timer)) = (suspect.info, suspect.timer) else {
        return Age::default();
    };
    match timer.kind {
        TimerKind::Retransmit => {
            let since = schedule::unacked_for(&info, timer.remaining, &suspect.settings);
            // Data in front of the FIN may have been sent before the FIN was.
            if suspect.send_queue == 1 {
                Age::held(since)
            } else {
                Age::waited(since)
            }
        }
        TimerKind::Probe => Age::waited(schedule::closed_for(
            &info,
            timer.remaining,
            &suspect.settings,
        )),
        TimerKind::Keepalive | TimerKind::TimeWait => Age::default(),
    }
}

/// What has passed of tcp_fin_timeout, unless the timer shows that it is not that.
fn of_minisock(suspect: &Suspect) -> Age {
    let (Some(timer), Some(timeout)) = (suspect.timer, suspect.settings.fin_timeout_s) else {
        return Age::default();
    };
    let (before, here) = super::diagnosis::fin_wait2(timeout);
    here.checked_sub(timer.remaining)
        .map(|passed| Age {
            estimated: true,
            ..Age::waited(before + passed)
        })
        .unwrap_or_default()
}
