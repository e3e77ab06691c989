//! How long is too long.

use std::time::Duration;

use crate::model::State;

/// The states in which a connection can be stuck, in the order of its life, and how long is usual
/// there at the most.
///
/// Each state but two lasts a round trip when all is well. Three seconds without an answer to a
/// SYN or SYN+ACK are two of them lost; five seconds for a FIN are more retransmissions than a
/// network loses by accident. FIN_WAIT2 and CLOSE_WAIT last as long as a program takes to notice
/// that the other has closed, which may be some seconds on a busy machine. ESTABLISHED counts from
/// the first data that is not acknowledged; CLOSED from the end of the connection, which poll()
/// tells its process of at once.
const USUAL: [(State, Duration); 9] = [
    (State::SynSent, Duration::from_secs(3)),
    (State::SynRecv, Duration::from_secs(3)),
    (State::Established, Duration::from_secs(5)),
    (State::FinWait1, Duration::from_secs(5)),
    (State::FinWait2, Duration::from_secs(10)),
    (State::CloseWait, Duration::from_secs(10)),
    (State::LastAck, Duration::from_secs(5)),
    (State::Closing, Duration::from_secs(5)),
    (State::Closed, Duration::from_secs(5)),
];

/// Nothing gets stuck in that state.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("nothing gets stuck in {0}; the states to watch are {names}", names = USUAL.map(|(state, _)| state.name()).join(" "))]
pub struct NotWatched(State);

/// How long a connection may stay in a state before it counts as stuck.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Thresholds(Vec<(State, Duration)>);

impl Thresholds {
    /// The usual ones, of all states in which a connection can be stuck.
    #[must_use]
    pub fn usual() -> Self {
        Self(USUAL.into())
    }

    /// The usual ones, or one for all states; of some states alone, if any are named.
    ///
    /// # Errors
    /// When a state is named in which nothing gets stuck.
    pub fn new(for_all: Option<Duration>, states: &[State]) -> Result<Self, NotWatched> {
        let watched = |state: &State| USUAL.iter().any(|(watched, _)| watched == state);
        if let Some(state) = states.iter().find(|state| !watched(state)) {
            return Err(NotWatched(*state));
        }
        Ok(Self(
            USUAL
                .into_iter()
                .filter(|(state, _)| states.is_empty() || states.contains(state))
                .map(|(state, usual)| (state, for_all.unwrap_or(usual)))
                .collect(),
        ))
    }

    /// The threshold of a state; `None` if nothing is stuck there.
    #[must_use]
    pub fn of(&self, state: State) -> Option<Duration> {
        self.0
            .iter()
            .find(|(watched, _)| *watched == state)
            .map(|(_, threshold)| *threshold)
    }

    /// The states that are watched.
    #[must_use]
    pub fn states(&self) -> Vec<State> {
        self.0.iter().map(|(state, _)| *state).collect()
    }

    /// The shortest; `None` if no state is watched.
    #[must_use]
    pub fn shortest(&self) -> Option<Duration> {
        self.0.iter().map(|(_, threshold)| *threshold).min()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_time_is_for_all_states_and_named_states_are_the_only_ones() {
        let usual = Thresholds::new(None, &[]).unwrap();
        assert_eq!(usual.of(State::SynSent), Some(Duration::from_secs(3)));
        assert_eq!(usual.of(State::CloseWait), Some(Duration::from_secs(10)));
        assert_eq!(usual.of(State::Established), Some(Duration::from_secs(5)));
        assert_eq!(usual.of(State::TimeWait), None);
        assert_eq!(usual.shortest(), Some(Duration::from_secs(3)));
        let one = Duration::from_secs(30);
        let given = Thresholds::new(Some(one), &[State::LastAck]).unwrap();
        assert_eq!(given.of(State::LastAck), Some(one));
        assert_eq!(given.of(State::SynSent), None);
        assert_eq!(given.states(), [State::LastAck]);
        let wrong = Thresholds::new(None, &[State::LastAck, State::TimeWait]).unwrap_err();
        assert!(wrong.to_string().contains("stuck in TIME_WAIT"), "{wrong}");
    }
}
