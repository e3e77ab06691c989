//! Transitions that the kernel half told twice.
//!
//! Programs of it are run one after the other, and each tells what those before it did not. Since
//! Linux 7 a task may lose the CPU between two, and go on on another one, where the next does not
//! know what was told. The task has the lock of its socket meanwhile, so
//! nothing else can have become of that socket.

use super::Tracker;
use crate::model::{Closed, Cookie, SocketEvent, State};

/// How many closed sockets are known by their cookies: those of 20 ms, where 200,000 are closed a
/// second. Tasks go on sooner.
const CLOSED: usize = 4096;

/// Who closed last.
#[derive(Debug)]
pub(super) struct Duplicates {
    closed: Box<[Option<Closed>]>,
    /// Which is overwritten next.
    next: usize,
    count: u64,
}

impl Default for Duplicates {
    fn default() -> Self {
        Self {
            closed: vec![None; CLOSED].into(),
            next: 0,
            count: 0,
        }
    }
}

impl Duplicates {
    pub fn closed(&mut self, closed: Closed) {
        self.closed[self.next] = Some(closed);
        self.next = (self.next + 1) % CLOSED;
    }

    fn has_closed(&self, cookie: Cookie) -> bool {
        self.closed_at(cookie).is_some()
    }

    /// When a socket closed (CLOCK_MONOTONIC, ns), if that was lately.
    pub fn closed_at(&self, cookie: Cookie) -> Option<u64> {
        let closed = self.closed.iter().flatten();
        closed
            .filter(|it| it.cookie == cookie)
            .map(|it| it.time_ns)
            .max()
    }
}

impl Tracker {
    /// Sockets that closed after `since_ns` (CLOCK_MONOTONIC), which may be told again.
    pub fn closed_since(&self, since_ns: u64) -> impl Iterator<Item = Closed> + '_ {
        let closed = self.duplicates.closed.iter().flatten().copied();
        closed.filter(move |it| it.time_ns > since_ns)
    }

    /// How many transitions of full sockets were told twice so far; they are shown once.
    #[must_use]
    pub fn told_twice(&self) -> u64 {
        self.duplicates.count
    }

    /// Whether it was told before.
    pub(super) fn is_told(&mut self, event: &SocketEvent, cookie: Cookie) -> bool {
        if !event.stood_in || event.from == event.to {
            return false;
        }
        let closes = event.to == State::Closed;
        let told = match self.flows.peek(cookie) {
            Some(flow) => flow.state == event.to || closes && !flow.socket,
            None if closes => self.duplicates.has_closed(cookie),
            None => false,
        };
        self.duplicates.count += u64::from(told);
        told
    }
}
