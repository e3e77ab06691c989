//! Connections that are over, and whose process may not have closed them.

use std::time::Duration;

use rustc_hash::FxHashMap;

use crate::model::{Connection, Cookie, Reason, SocketKind, State, Transition, ns};

/// How many are remembered at the most. Most processes close within milliseconds, which no event
/// tells: at a server whose clients reset a thousand connections a second, that is a minute.
const MOST: usize = 1 << 16;

/// Sockets that went to CLOSED and were not an orphan's: whoever has them must close them.
#[derive(Debug, Default)]
pub(super) struct Over {
    sockets: FxHashMap<Cookie, (Connection, Reason)>,
    /// There was no room for so many.
    missed: u64,
}

impl Over {
    /// Takes a transition: no more than an entry in a table, and that only at the end of a
    /// connection that no process had closed before.
    pub fn note(&mut self, it: &Transition) {
        let Some(cookie) = it.cookie else { return };
        let left = it.orphan == Some(false) && it.from != State::Listen;
        match it.to {
            // With a minisock, the full socket is over, too.
            State::Closed | State::TimeWait if left => {
                if self.sockets.len() >= MOST {
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
                self.sockets.insert(cookie, (connection, it.reason));
            }
            // The end of its TIME_WAIT says nothing of its descriptor.
            State::Closed => {}
            // The same socket connects once more.
            State::SynSent => {
                self.sockets.remove(&cookie);
            }
            _ => {}
        }
    }

    /// Those that have been over for so long at `now` (CLOCK_MONOTONIC, ns).
    pub fn due(&self, now: u64, threshold: Duration) -> Vec<Cookie> {
        let long = ns(threshold);
        self.sockets
            .iter()
            .filter(|(_, (it, _))| it.since.is_some_and(|at| now.saturating_sub(at) >= long))
            .map(|(cookie, _)| *cookie)
            .collect()
    }

    /// Gives back what is known of one that was looked for. It is told once, or was closed.
    pub fn take(&mut self, cookie: Cookie) -> Option<(Connection, Reason)> {
        self.sockets.remove(&cookie)
    }

    /// For how many there was no room.
    pub fn missed(&self) -> u64 {
        self.missed
    }
}
