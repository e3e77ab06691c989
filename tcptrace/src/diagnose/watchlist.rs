//! Which connections of a live trace are due, and which were told already.

use rustc_hash::FxHashMap;

use super::{Age, Held, Thresholds};
use crate::model::{Connection, Cookie, SocketKind, State, Tuple, ns};

/// What a connection is known by: a half-open one has no socket yet.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
enum Key {
    Socket(Cookie),
    Request(Tuple),
}

impl Key {
    fn of(connection: &Connection) -> Option<Self> {
        match (connection.kind, connection.cookie) {
            (SocketKind::Request, _) => Some(Self::Request(connection.tuple)),
            (_, Some(cookie)) => Some(Self::Socket(cookie)),
            (_, None) => None,
        }
    }
}

/// How a connection in a state stands.
#[derive(Clone, Copy, Debug)]
struct Entry {
    state: State,
    since: Option<u64>,
    stage: Stage,
    /// The round in which it was last there.
    round: u64,
}

#[derive(Clone, Copy, Debug)]
enum Stage {
    /// It is to be looked at.
    Due,
    /// It is older than the trace: it has been in its state since `latest`, or longer, and is due
    /// at `at`.
    Waits { latest: u64, at: u64 },
    /// It was told, or is gone.
    Settled,
}

/// Remembers the connections that are due or were told. It holds no more than are stuck, or older
/// than the trace and in a watched state.
#[derive(Debug)]
pub struct Watchlist {
    thresholds: Thresholds,
    entries: FxHashMap<Key, Entry>,
    round: u64,
}

impl Watchlist {
    /// An empty one.
    #[must_use]
    pub fn new(thresholds: Thresholds) -> Self {
        Self {
            thresholds,
            entries: FxHashMap::default(),
            round: 0,
        }
    }

    /// Goes through all connections at `now` (CLOCK_MONOTONIC, ns): those that are in their state
    /// for too long, or of unknown age, and are not settled.
    pub fn due(
        &mut self,
        connections: impl Iterator<Item = Connection>,
        now: u64,
    ) -> Vec<Connection> {
        self.round += 1;
        let mut due = Vec::new();
        for it in connections {
            // What waits in these two is not to be told from how long it is in them.
            if matches!(it.state, State::Established | State::Closed) {
                continue;
            }
            let Some(threshold) = self.thresholds.of(it.state) else {
                continue;
            };
            let over = |since: u64| now.saturating_sub(since) >= ns(threshold);
            if it.since.is_some_and(|since| !over(since)) {
                continue;
            }
            let Some(key) = Key::of(&it) else { continue };
            let fresh = Entry {
                state: it.state,
                since: it.since,
                stage: Stage::Due,
                round: self.round,
            };
            let entry = self.entries.entry(key).or_insert(fresh);
            if (entry.state, entry.since) != (it.state, it.since) {
                *entry = fresh;
            }
            entry.round = self.round;
            match entry.stage {
                Stage::Due => due.push(it),
                Stage::Waits { at, .. } if at <= now => due.push(it),
                Stage::Waits { .. } | Stage::Settled => {}
            }
        }
        let round = self.round;
        self.entries.retain(|_, entry| entry.round == round);
        due
    }

    /// Takes what a look at one that was due gave: how long it has been in its state, if it is to
    /// be told now. Otherwise it waits until that is certain.
    pub fn judge(&mut self, it: &Connection, age: &Age, now: u64) -> Option<Held> {
        let threshold = self.thresholds.of(it.state)?;
        let entry = self.entries.get_mut(&Key::of(it)?)?;
        if (entry.state, entry.since) != (it.state, it.since) {
            // It went on while it was looked at.
            return None;
        }
        if let Some(since) = it.since {
            entry.stage = Stage::Settled;
            return Some(Held {
                ns: Some(now.saturating_sub(since)),
                at_least: false,
                estimated: false,
            });
        }
        if let Stage::Waits { latest, .. } = entry.stage {
            entry.stage = Stage::Settled;
            return Some(age.since_before(Some(now.saturating_sub(latest))));
        }
        if age.longest().is_some_and(|longest| longest >= threshold) {
            entry.stage = Stage::Settled;
            return Some(age.since_before(None));
        }
        let known = age.held.map(ns);
        let waited = age.longest().unwrap_or_default();
        entry.stage = Stage::Waits {
            latest: now.saturating_sub(known.unwrap_or_default()),
            at: now.saturating_add(ns(threshold.saturating_sub(waited))),
        };
        None
    }

    /// One that was due is not there any more: the event that tells so is on its way.
    pub fn settle(&mut self, it: &Connection) {
        if let Some(entry) = Key::of(it).and_then(|key| self.entries.get_mut(&key)) {
            entry.stage = Stage::Settled;
        }
    }

    /// How many are remembered.
    #[must_use]
    pub fn remembered(&self) -> usize {
        self.entries.len()
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;
    use crate::model::{Endpoint, Owner};

    const SECOND: u64 = 1_000_000_000;

    fn connection(cookie: u64, state: State, since: Option<u64>) -> Connection {
        let end = Endpoint::new([127, 0, 0, 1].into(), 80);
        Connection {
            cookie: Cookie::new(cookie),
            tuple: Tuple {
                netns: 1,
                link: None,
                local: end,
                remote: end,
            },
            state,
            since,
            kind: SocketKind::Full,
            owner: Owner::default(),
            opener: None,
            followed: false,
            bound: false,
        }
    }

    fn list() -> Watchlist {
        let ten = Duration::from_secs(10);
        Watchlist::new(Thresholds::new(Some(ten), &[]).unwrap())
    }

    fn held(seconds: u64) -> Age {
        Age {
            held: Some(Duration::from_secs(seconds)),
            ..Age::default()
        }
    }

    #[test]
    fn one_that_stays_is_due_once_and_again_in_its_next_state() {
        let mut list = list();
        let it = connection(1, State::CloseWait, Some(SECOND));
        assert!(list.due([it].into_iter(), 10 * SECOND).is_empty());
        assert_eq!(list.due([it].into_iter(), 11 * SECOND).len(), 1);
        assert_eq!(
            list.judge(&it, &Age::default(), 11 * SECOND),
            Some(Held {
                ns: Some(10 * SECOND),
                at_least: false,
                estimated: false
            })
        );
        assert!(list.due([it].into_iter(), 30 * SECOND).is_empty());
        let next = connection(1, State::LastAck, Some(31 * SECOND));
        assert!(list.due([next].into_iter(), 40 * SECOND).is_empty());
        assert_eq!(list.due([next].into_iter(), 41 * SECOND).len(), 1);
    }

    #[test]
    fn one_that_is_gone_is_not_looked_for_again() {
        let mut list = list();
        let it = connection(1, State::FinWait1, Some(SECOND));
        assert_eq!(list.due([it].into_iter(), 20 * SECOND).len(), 1);
        list.settle(&it);
        assert!(list.due([it].into_iter(), 21 * SECOND).is_empty());
    }

    #[test]
    fn an_older_one_is_told_at_once_where_the_kernel_knows_enough() {
        let mut list = list();
        let it = connection(1, State::CloseWait, None);
        assert_eq!(list.due([it].into_iter(), SECOND).len(), 1);
        assert_eq!(
            list.judge(&it, &held(100), SECOND),
            Some(Held {
                ns: Some(100 * SECOND),
                at_least: true,
                estimated: false
            })
        );
        assert!(list.due([it].into_iter(), 99 * SECOND).is_empty());
    }

    #[test]
    fn an_older_one_of_unknown_age_is_told_when_it_stays() {
        let mut list = list();
        let it = connection(1, State::CloseWait, None);
        list.due([it].into_iter(), 100 * SECOND);
        assert_eq!(list.judge(&it, &held(4), 100 * SECOND), None);
        assert!(list.due([it].into_iter(), 105 * SECOND).is_empty());
        assert_eq!(list.due([it].into_iter(), 106 * SECOND).len(), 1);
        assert_eq!(
            list.judge(&it, &held(1), 106 * SECOND),
            Some(Held {
                ns: Some(10 * SECOND),
                at_least: true,
                estimated: false
            }),
            "4 s before the first look, 6 s since"
        );
    }

    #[test]
    fn how_long_it_waited_by_a_setting_is_an_estimate() {
        let mut list = list();
        let it = connection(1, State::FinWait2, None);
        list.due([it].into_iter(), SECOND);
        let guess = Age {
            held: None,
            waited: Some(Duration::from_secs(20)),
            estimated: true,
        };
        assert_eq!(
            list.judge(&it, &guess, SECOND),
            Some(Held {
                ns: Some(20 * SECOND),
                at_least: false,
                estimated: true
            })
        );
    }

    #[test]
    fn an_older_one_is_not_said_to_wait_for_less_than_it_has() {
        let mut list = list();
        let it = connection(1, State::FinWait1, None);
        let waited = |seconds| Age {
            waited: Some(Duration::from_secs(seconds)),
            ..Age::default()
        };
        list.due([it].into_iter(), 100 * SECOND);
        assert_eq!(list.judge(&it, &waited(4), 100 * SECOND), None);
        list.due([it].into_iter(), 106 * SECOND);
        assert_eq!(
            list.judge(&it, &waited(10), 106 * SECOND),
            Some(Held {
                ns: Some(10 * SECOND),
                at_least: true,
                estimated: false
            })
        );
    }

    #[test]
    fn what_went_on_while_it_was_looked_at_is_not_told() {
        let mut list = list();
        let it = connection(1, State::CloseWait, Some(SECOND));
        assert_eq!(list.due([it].into_iter(), 20 * SECOND).len(), 1);
        let next = connection(1, State::LastAck, Some(5 * SECOND));
        assert_eq!(list.due([next].into_iter(), 21 * SECOND).len(), 1);
        assert_eq!(list.judge(&it, &Age::default(), 21 * SECOND), None);
    }

    #[test]
    fn those_that_went_on_are_forgotten() {
        let mut list = list();
        let all = (1..=1000).map(|cookie| connection(cookie, State::CloseWait, Some(0)));
        assert_eq!(list.due(all, 20 * SECOND).len(), 1000);
        assert_eq!(list.remembered(), 1000);
        let established = (1..=1000).map(|cookie| connection(cookie, State::Established, Some(0)));
        list.due(established, 21 * SECOND);
        assert_eq!(list.remembered(), 0);
    }
}
