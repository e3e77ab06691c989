//! Connections that are over, and whose process may not have closed them.

use std::{collections::VecDeque, time::Duration};

use rustc_hash::FxHashMap;

use crate::model::{Connection, Cookie, Reason, SocketKind, State, Transition, ns};

/// How many are remembered at the most. Most processes close within milliseconds, which no event
/// tells: at a server whose clients reset five hundred connections a second, that is a minute.
const MOST: usize = 1 << 15;

/// Sockets that went to CLOSED and were not an orphan's: whoever has them must close them.
#[derive(Debug, Default)]
pub(super) struct Over {
    /// As they ended, one after the other.
    ended: VecDeque<(Connection, Reason)>,
    /// Those that are looked for.
    asked: FxHashMap<Cookie, (Connection, Reason)>,
    /// There was no room for so many.
    missed: u64,
}

impl Over {
    /// Takes a transition: no more than an entry in a row, and that only at the end of a
    /// connection that no process had closed before.
    pub fn note(&mut self, it: &Transition) {
        // With a minisock, the full socket is over, too. The end of its TIME_WAIT says nothing of
        // its descriptor.
        if !matches!(it.to, State::Closed | State::TimeWait)
            || it.orphan != Some(false)
            || it.from == State::Listen
            || it.cookie.is_none()
        {
            return;
        }
        if self.ended.len() >= MOST {
            self.missed += 1;
            return;
        }
        let connection = Connection {
            cookie: it.cookie,
            tuple: it.tuple,
            state: State::Closed,
            since: Some(it.time_ns),
            kind: SocketKind::Full,
            owner: it.owner,
            opener: it.opener,
            followed: it.followed,
            bound: false,
        };
        self.ended.push_back((connection, it.reason));
    }

    /// Those that have been over for so long at `now` (CLOCK_MONOTONIC, ns), and are to be looked
    /// for. `goes_on`: whether it has connected once more.
    pub fn due(
        &mut self,
        now: u64,
        threshold: Duration,
        goes_on: impl Fn(Cookie) -> bool,
    ) -> Vec<Cookie> {
        let long = ns(threshold);
        let mut due = Vec::new();
        while let Some((it, _)) = self.ended.front()
            && it.since.is_some_and(|at| now.saturating_sub(at) >= long)
        {
            if let Some((it, reason)) = self.ended.pop_front()
                && let Some(cookie) = it.cookie
                && !goes_on(cookie)
            {
                due.push(cookie);
                self.asked.insert(cookie, (it, reason));
            }
        }
        due
    }

    /// Gives back what is known of one that was looked for. It is told once, or was closed.
    pub fn take(&mut self, cookie: Cookie) -> Option<(Connection, Reason)> {
        let found = self.asked.remove(&cookie);
        if self.asked.is_empty() {
            // It was needed for a burst, perhaps.
            self.asked = FxHashMap::default();
        }
        found
    }

    /// For how many there was no room.
    pub fn missed(&self) -> u64 {
        self.missed
    }
}
