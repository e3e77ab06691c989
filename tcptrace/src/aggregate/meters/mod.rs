//! What a monitoring system asks for: counters that only grow, and durations in buckets. Kept as
//! things happen, and bounded.

mod groups;
mod timings;

pub use self::{
    groups::{GroupMeters, Groups},
    timings::{BOUNDS_S, Example, SCHEMA, Timings},
};
use super::{
    stats::Retried,
    ways::{InStates, STATES, Ways},
};
use crate::model::{Closer, FlowEnd, Reason, Side, State, Transition};

/// What a counter with a label of its own counts.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Series {
    /// Transitions from a state to another for a reason.
    Way(State, State, Reason),
    /// Connections that ended in a way, closed first by one side; `None`: unknown.
    Closed(FlowEnd, Option<Closer>),
    /// Handshakes that needed a SYN or SYN+ACK again, by who opened the connection (`None`:
    /// unknown), and whether they were completed.
    Retried(Option<Side>, bool),
}

impl Series {
    /// How many kinds there are.
    pub const KINDS: usize = 3;

    /// Which kind: below [`KINDS`](Self::KINDS).
    #[must_use]
    pub const fn kind(self) -> usize {
        match self {
            Self::Way(..) => 0,
            Self::Closed(..) => 1,
            Self::Retried(..) => 2,
        }
    }

    /// As how many time series it is shown: what ends a TIME_WAIT, and a reset, is counted by a
    /// metric of its own, too.
    #[must_use]
    pub fn shown_as(self) -> usize {
        match self {
            Self::Way(from, _, reason) => {
                1 + usize::from(from == State::TimeWait) + usize::from(Reset::of(reason).is_some())
            }
            _ => 1,
        }
    }

    /// What a transition counts for.
    fn each(it: &Transition) -> impl Iterator<Item = Self> {
        let closed = FlowEnd::of(it).map(|end| Self::Closed(end, it.closer));
        let retried =
            Retried::in_handshake(it).map(|_| Self::Retried(it.opener, it.to != State::Closed));
        [Some(Self::Way(it.from, it.to, it.reason)), closed, retried]
            .into_iter()
            .flatten()
    }
}

/// Which way a RST went.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Reset {
    /// From this side.
    Sent,
    /// From the peer.
    Received,
}

impl Reset {
    /// The RST that ended a connection for a reason, if one did.
    #[must_use]
    pub const fn of(reason: Reason) -> Option<Self> {
        match reason {
            Reason::ResetByUs => Some(Self::Sent),
            Reason::ResetByPeer | Reason::Refused => Some(Self::Received),
            _ => None,
        }
    }

    /// Its name.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Sent => "sent",
            Self::Received => "received",
        }
    }
}

/// How many ends there are: graceful, and each reason.
const ENDS: usize = 1 + Reason::ALL.len();
/// How many closers: unknown, and each.
const CLOSERS: usize = 1 + Closer::ALL.len();

/// Counters, durations, and what is in each state.
#[derive(Clone, Debug)]
pub struct Meters {
    ways: Ways,
    now: InStates,
    held: [Timings; STATES],
    handshakes: [Timings; 2],
    closed: [[u64; CLOSERS]; ENDS],
    /// By who opened (unknown, local, remote), and whether it was completed.
    retried: [[u64; 2]; 3],
}

impl Default for Meters {
    fn default() -> Self {
        Self {
            ways: Ways::default(),
            now: InStates::default(),
            held: std::array::from_fn(|_| Timings::default()),
            handshakes: std::array::from_fn(|_| Timings::default()),
            closed: [[0; CLOSERS]; ENDS],
            retried: [[0; 2]; 3],
        }
    }
}

impl Meters {
    /// Takes a transition.
    pub fn take(&mut self, it: &Transition) {
        self.ways.take(it);
        self.now.take(it);
        if let Some(ns) = it.held_ns.filter(|_| InStates::is_left(it)) {
            self.held[it.from as usize].record(ns, it.cookie, it.time_ns);
            // Of two that open at once, both states are the handshake: that is rare, and left out.
            if it.reason == Reason::HandshakeComplete {
                match (it.from, it.opener) {
                    (State::SynSent, _) => {
                        let ns = it.unsent_ns.map(|unsent| ns.saturating_sub(unsent));
                        if let Some(ns) = ns {
                            self.handshakes[0].record(ns, it.cookie, it.time_ns);
                        }
                    }
                    (State::SynRecv, Some(Side::Remote)) => {
                        self.handshakes[1].record(ns, it.cookie, it.time_ns);
                    }
                    _ => {}
                }
            }
        }
        if let Some(end) = FlowEnd::of(it) {
            self.closed[end_index(end)][closer_index(it.closer)] += 1;
        }
        if Retried::in_handshake(it).is_some() {
            self.retried[opener_index(it.opener)][usize::from(it.to != State::Closed)] += 1;
        }
    }

    /// Says how many are in each state, as they were counted when all so far was taken; `None`:
    /// nobody knows.
    pub fn set_now(&mut self, now: Option<[u64; STATES]>) {
        self.now.set(now);
    }

    /// How many are in a state; `None`: unknown.
    #[must_use]
    pub fn now(&self, state: State) -> Option<u64> {
        self.now.of(state)
    }

    /// How long those were in a state that left it, as far as that is known.
    #[must_use]
    pub fn held(&self, state: State) -> &Timings {
        &self.held[state as usize]
    }

    /// Handshakes of connections that one side opened: from its SYN to the SYN+ACK, or to the ACK.
    #[must_use]
    pub fn handshakes(&self, opener: Side) -> &Timings {
        &self.handshakes[match opener {
            Side::Local => 0,
            Side::Remote => 1,
        }]
    }

    /// All counters that counted something.
    pub fn counters(&self) -> impl Iterator<Item = (Series, u64)> + '_ {
        let ways = self.ways.iter();
        let ways = ways.map(|(way, reason, count)| (Series::Way(way.from, way.to, reason), count));
        let ends = [FlowEnd::Graceful].into_iter();
        let ends = ends.chain(Reason::ALL.into_iter().map(FlowEnd::Reason));
        let closed = ends.flat_map(move |end| {
            let closers = [None].into_iter().chain(Closer::ALL.map(Some));
            closers.map(move |closer| {
                let count = self.closed[end_index(end)][closer_index(closer)];
                (Series::Closed(end, closer), count)
            })
        });
        let openers = [None, Some(Side::Local), Some(Side::Remote)].into_iter();
        let retried = openers.flat_map(move |opener| {
            [false, true].into_iter().map(move |completed| {
                let count = self.retried[opener_index(opener)][usize::from(completed)];
                (Series::Retried(opener, completed), count)
            })
        });
        ways.chain(closed)
            .chain(retried)
            .filter(|(_, count)| *count > 0)
    }
}

const fn end_index(end: FlowEnd) -> usize {
    match end {
        FlowEnd::Graceful => 0,
        FlowEnd::Reason(reason) => 1 + reason as usize,
    }
}

const fn closer_index(closer: Option<Closer>) -> usize {
    match closer {
        None => 0,
        Some(closer) => 1 + closer as usize,
    }
}

const fn opener_index(opener: Option<Side>) -> usize {
    match opener {
        None => 0,
        Some(Side::Local) => 1,
        Some(Side::Remote) => 2,
    }
}
