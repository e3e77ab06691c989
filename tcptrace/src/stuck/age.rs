//! How long a connection has been in its state, as far as the kernel tells of one that is older
//! than the trace.

use std::time::Duration;

use super::{Suspect, schedule};
use crate::{
    snapshot::TimerKind,
    track::{ExistingKind, State},
};

/// How long a connection has been in its state.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Held {
    /// In ns; `None`: nothing is known.
    pub ns: Option<u64>,
    /// It is so long at the least: it began before tracing did.
    pub at_least: bool,
}

/// What the kernel tells of how long a connection waits.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Evidence {
    /// So long it has been in its state, at the least.
    pub held: Option<Duration>,
    /// So long it has waited, probably: what it waits for may have begun before its state did, or
    /// the setting not be the one that its timer was made by.
    pub waited: Option<Duration>,
}

impl Evidence {
    /// The longer of both; `None` if there is none.
    #[must_use]
    pub fn longest(&self) -> Option<Duration> {
        self.held.max(self.waited)
    }

    fn held(held: Duration) -> Self {
        Self {
            held: Some(held),
            waited: None,
        }
    }

    fn waited(waited: Duration) -> Self {
        Self {
            held: None,
            waited: Some(waited),
        }
    }
}

/// Looks for evidence of how long a connection has been in its state.
#[must_use]
pub fn evidence(suspect: &Suspect) -> Evidence {
    let settings = &suspect.settings;
    let timer = suspect.timer;
    match (suspect.state, suspect.kind) {
        (State::SynSent, _) => match (suspect.info, timer) {
            (Some(info), Some(timer)) if timer.kind == TimerKind::Retransmit => {
                let retransmits = info.retransmits.into();
                Evidence::held(schedule::syn_age(retransmits, timer.remaining, settings))
            }
            _ => Evidence::default(),
        },
        (State::SynRecv, ExistingKind::Request) => match timer {
            Some(timer) => {
                let retransmits = timer.retries.into();
                let age = schedule::request_age(retransmits, timer.remaining, settings);
                Evidence::held(age)
            }
            None => Evidence::default(),
        },
        (State::FinWait2, ExistingKind::Minisock) => of_minisock(suspect),
        // The segment that led there had an ACK (`tcp_ack()` notes when), and whatever came later
        // makes the time shorter.
        (State::FinWait2 | State::CloseWait, _) => Evidence {
            held: suspect.info.map(|info| info.last_ack),
            waited: None,
        },
        (State::FinWait1 | State::LastAck | State::Closing, _) => of_fin(suspect),
        _ => Evidence::default(),
    }
}

/// Of a FIN that is not acknowledged.
fn of_fin(suspect: &Suspect) -> Evidence {
    let (Some(info), Some(timer)) = (suspect.info, suspect.timer) else {
        return Evidence::default();
    };
    match timer.kind {
        TimerKind::Retransmit => {
            let since = schedule::unacked_for(&info, timer.remaining, &suspect.settings);
            // Data in front of the FIN may have been sent before the FIN was.
            if suspect.send_queue == 1 {
                Evidence::held(since)
            } else {
                Evidence::waited(since)
            }
        }
        TimerKind::Probe => Evidence::waited(schedule::closed_for(
            &info,
            timer.remaining,
            &suspect.settings,
        )),
        TimerKind::Keepalive | TimerKind::TimeWait => Evidence::default(),
    }
}

/// What has passed of tcp_fin_timeout, unless the timer shows that it is not that.
fn of_minisock(suspect: &Suspect) -> Evidence {
    let (Some(timer), Some(timeout)) = (suspect.timer, suspect.settings.fin_timeout_s) else {
        return Evidence::default();
    };
    let (before, here) = super::diagnosis::fin_wait2(timeout);
    here.checked_sub(timer.remaining)
        .map(|passed| Evidence::waited(before + passed))
        .unwrap_or_default()
}
