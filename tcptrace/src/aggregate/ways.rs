//! Transitions, counted by where from, where to, and why.

use crate::model::{Reason, State, Transition};

/// How many states there are.
pub(super) const STATES: usize = State::ALL.len();
/// How many reasons there are.
pub(super) const REASONS: usize = Reason::ALL.len();

/// A way from one state to another.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Way {
    /// The state left.
    pub from: State,
    /// The state entered.
    pub to: State,
}

/// Counts by state left, state entered, and reason.
type Counts = [[[u64; REASONS]; STATES]; STATES];

/// How often each way was taken, for each reason.
#[derive(Debug)]
pub struct Ways(Box<Counts>);

impl Clone for Ways {
    fn clone(&self) -> Self {
        Self(self.0.clone())
    }

    /// Into the memory that is there.
    fn clone_from(&mut self, other: &Self) {
        self.0.clone_from(&other.0);
    }
}

impl Default for Ways {
    fn default() -> Self {
        Self(Box::new([[[0; REASONS]; STATES]; STATES]))
    }
}

impl Ways {
    /// Counts a transition.
    pub fn take(&mut self, it: &Transition) {
        self.0[it.from as usize][it.to as usize][it.reason as usize] += 1;
    }

    /// By reason, in the order of [`Reason::ALL`].
    #[must_use]
    pub fn of(&self, from: State, to: State) -> &[u64; REASONS] {
        &self.0[from as usize][to as usize]
    }

    /// By reason, way by way.
    pub(super) fn each(&self) -> impl Iterator<Item = &[u64; REASONS]> {
        self.0.iter().flatten()
    }

    /// Those that were taken, with how often.
    pub fn iter(&self) -> impl Iterator<Item = (Way, Reason, u64)> + '_ {
        State::ALL.into_iter().flat_map(move |from| {
            State::ALL.into_iter().flat_map(move |to| {
                let counts = Reason::ALL.into_iter().zip(self.of(from, to));
                counts
                    .filter(|(_, count)| **count > 0)
                    .map(move |(reason, count)| (Way { from, to }, reason, *count))
            })
        })
    }
}

/// How many are in each state: counted once, and then kept by what happens.
#[derive(Clone, Copy, Debug, Default)]
pub struct InStates(Option<[i64; STATES]>);

impl InStates {
    /// Whether a transition leaves the state it comes from: LISTEN -> SYN_RECV does not, as the
    /// listener goes on listening.
    #[must_use]
    pub fn is_left(it: &Transition) -> bool {
        !(it.from == State::Listen && it.to == State::SynRecv)
    }

    /// Says how many there are, as they were counted when all so far was taken; `None`: nobody
    /// knows.
    pub fn set(&mut self, now: Option<[u64; STATES]>) {
        self.0 = now.map(|now| now.map(|it| i64::try_from(it).unwrap_or(i64::MAX)));
    }

    /// Takes a transition.
    pub fn take(&mut self, it: &Transition) {
        if let Some(now) = &mut self.0 {
            now[it.to as usize] += 1;
            now[it.from as usize] -= i64::from(Self::is_left(it));
        }
    }

    /// How many are in each, in the order of [`State::ALL`]; `None`: unknown.
    #[must_use]
    pub fn all(&self) -> Option<[u64; STATES]> {
        self.0
            .map(|now| now.map(|it| u64::try_from(it).unwrap_or(0)))
    }

    /// How many are in a state; `None`: unknown, and of CLOSED, in which no connection is.
    #[must_use]
    pub fn of(&self, state: State) -> Option<u64> {
        // What was lost can't be counted.
        self.0
            .map(|now| u64::try_from(now[state as usize]).unwrap_or(0))
            .filter(|_| state != State::Closed)
    }
}
