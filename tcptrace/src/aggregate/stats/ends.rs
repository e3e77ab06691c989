//! How connections, handshakes and TIME_WAITs ended.

use std::collections::BTreeMap;

use crate::model::{Detail, FlowEnd, Reason, State, Transition};

/// Why a handshake failed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Failure {
    /// SYN_SENT: of a connection that this side opened; SYN_RECV: the peer.
    pub state: State,
    /// Why.
    pub reason: Reason,
    /// More about why.
    pub detail: Option<Detail>,
}

/// Failed handshakes by reason.
pub type FailedHandshakes = BTreeMap<Failure, u64>;

/// Counts of ends. There are few different ones, so that they need no bound.
#[derive(Clone, Debug, Default)]
pub struct Ends {
    /// How connections left the application's hands, with more about why; `graceful` is a FIN of
    /// each side.
    pub connections: BTreeMap<(FlowEnd, Option<Detail>), u64>,
    /// What ended TIME_WAITs.
    pub time_waits: BTreeMap<Reason, u64>,
    /// Handshakes that did not lead to ESTABLISHED.
    pub failed_handshakes: FailedHandshakes,
}

impl Ends {
    /// Counts a transition, if it is an end.
    pub fn take(&mut self, it: &Transition) {
        if it.from == State::TimeWait {
            *self.time_waits.entry(it.reason).or_default() += 1;
        }
        if let Some(end) = FlowEnd::of(it) {
            let detail = it.detail.filter(|_| end != FlowEnd::Graceful);
            *self.connections.entry((end, detail)).or_default() += 1;
        }
        if it.to == State::Closed && matches!(it.from, State::SynSent | State::SynRecv) {
            let failure = Failure {
                state: it.from,
                reason: it.reason,
                detail: it.detail,
            };
            *self.failed_handshakes.entry(failure).or_default() += 1;
        }
    }

    /// The same whatever else is known of why.
    #[must_use]
    pub fn by_reason(&self) -> BTreeMap<FlowEnd, u64> {
        let mut counts = BTreeMap::new();
        for ((end, _), count) in &self.connections {
            *counts.entry(*end).or_default() += count;
        }
        counts
    }

    /// How many connections ended.
    #[must_use]
    pub fn count(&self) -> u64 {
        self.connections.values().sum()
    }

    /// Takes another's counts in.
    pub fn absorb(&mut self, other: Self) {
        add(&mut self.connections, other.connections);
        add(&mut self.time_waits, other.time_waits);
        add(&mut self.failed_handshakes, other.failed_handshakes);
    }
}

fn add<K: Ord>(to: &mut BTreeMap<K, u64>, from: BTreeMap<K, u64>) {
    for (key, count) in from {
        *to.entry(key).or_default() += count;
    }
}
