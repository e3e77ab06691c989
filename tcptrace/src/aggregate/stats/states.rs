//! What states connections went through.

use super::{Durations, Retried};
use crate::model::{State, Transition};

/// Figures of one state.
#[derive(Clone, Debug, Default)]
pub struct StateFigures {
    /// Connections that came into it.
    pub entered: u64,
    /// Connections that left it.
    pub left: u64,
    /// Of those that left SYN_SENT or SYN_RECV, the ones whose SYN or SYN+ACK was sent again.
    pub retried: u64,
    /// How long those that left were in it, as far as that is known.
    pub held: Durations,
}

/// Figures by state.
#[derive(Clone, Debug, Default)]
pub struct States([StateFigures; State::ALL.len()]);

impl States {
    /// Counts a transition. LISTEN -> SYN_RECV leaves no LISTEN: the listener goes on listening.
    pub fn take(&mut self, it: &Transition) {
        self.0[it.to as usize].entered += 1;
        if it.from == State::Listen && it.to == State::SynRecv {
            return;
        }
        let from = &mut self.0[it.from as usize];
        from.left += 1;
        from.retried += u64::from(Retried::in_handshake(it).is_some());
        if let Some(ns) = it.held_ns {
            from.held.record(ns);
        }
    }

    /// All states with their figures, in the order of a connection's life. CLOSED is not among
    /// them: connections are not in it, they begin and end there.
    pub fn iter(&self) -> impl Iterator<Item = (State, &StateFigures)> {
        State::ALL
            .into_iter()
            .zip(&self.0)
            .filter(|(state, _)| *state != State::Closed)
    }

    /// The figures of one state.
    #[must_use]
    pub fn of(&self, state: State) -> &StateFigures {
        &self.0[state as usize]
    }

    /// Takes another's figures in.
    pub fn absorb(&mut self, other: Self) {
        for (mine, more) in self.0.iter_mut().zip(other.0) {
            mine.entered += more.entered;
            mine.left += more.left;
            mine.retried += more.retried;
            mine.held.absorb(more.held);
        }
    }
}
