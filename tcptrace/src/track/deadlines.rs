//! What waits for something that may not come.

use std::collections::VecDeque;

use crate::model::{Cookie, Tuple};

/// A port that is not known after this long is said to be unknown (interface: 100 ms at most).
pub(super) const PORT_NS: u64 = 90_000_000;
/// After this long, a port that no event has told is worth a look at the socket.
pub(super) const LOOK_NS: u64 = 40_000_000;
/// The same where the SYN would have told it, within connect().
pub(super) const LOOK_FOR_UNSENT_NS: u64 = 10_000_000;
/// The RST that closed a socket is told by the same softirq.
pub(super) const VERDICT_NS: u64 = 20_000_000;
/// A timer that was stopped with time left is armed again by the same call, or not at all
/// (`mod_timer()` does both under one lock, kernel/time/timer.c); one that was stopped without is
/// about to expire, in the same softirq. It takes microseconds, unless a virtual machine is not
/// given its CPU in between.
pub(super) const TIMER_NS: u64 = 80_000_000;

/// Who waits.
#[derive(Clone, Copy, Debug)]
pub(super) enum Waiting {
    /// `CLOSED -> SYN_SENT`, for its port.
    Port(Cookie),
    /// A minisock whose timer was stopped, or whose full socket is not closed yet.
    Minisock(Cookie, Tuple),
    /// A request whose timer was stopped or expired.
    Request(Tuple),
    /// A close whose reason may be told by what follows.
    Verdict(Cookie),
}

/// First come, first over: one queue for each length of time.
#[derive(Debug, Default)]
pub(super) struct Deadlines {
    ports: VecDeque<(u64, Waiting)>,
    verdicts: VecDeque<(u64, Waiting)>,
    timers: VecDeque<(u64, Waiting)>,
}

impl Deadlines {
    pub fn await_port(&mut self, time_ns: u64, cookie: Cookie) {
        self.ports
            .push_back((time_ns + PORT_NS, Waiting::Port(cookie)));
    }

    /// The last one that began to wait for its port needs not wait: most are told it at once.
    pub fn has_port(&mut self, cookie: Cookie) {
        self.ports
            .pop_back_if(|(_, waiting)| matches!(waiting, Waiting::Port(it) if *it == cookie));
    }

    pub fn await_verdict(&mut self, time_ns: u64, cookie: Cookie) {
        self.verdicts
            .push_back((time_ns + VERDICT_NS, Waiting::Verdict(cookie)));
    }

    pub fn await_timer(&mut self, time_ns: u64, waiting: Waiting) {
        self.timers.push_back((time_ns + TIMER_NS, waiting));
    }

    /// Puts those in order that did not begin to wait one after the other.
    pub fn sort(&mut self) {
        for queue in [&mut self.ports, &mut self.verdicts, &mut self.timers] {
            queue.make_contiguous().sort_by_key(|(at, _)| *at);
        }
    }

    /// Takes one whose time is over at `now`, with the time at which its waiting began.
    pub fn over(&mut self, now: u64) -> Option<(u64, Waiting)> {
        [
            (&mut self.ports, PORT_NS),
            (&mut self.verdicts, VERDICT_NS),
            (&mut self.timers, TIMER_NS),
        ]
        .into_iter()
        .find_map(|(queue, length)| {
            let (deadline, waiting) = *queue.front().filter(|(at, _)| *at <= now)?;
            queue.pop_front();
            Some((deadline - length, waiting))
        })
    }

    /// When the first one's time is over; `None`: nobody waits.
    pub fn next(&self) -> Option<u64> {
        [&self.ports, &self.verdicts, &self.timers]
            .into_iter()
            .filter_map(|queue| Some(queue.front()?.0))
            .min()
    }

    /// When the first one has waited for its port for `long`, ns.
    pub fn next_unported(&self, long: u64) -> Option<u64> {
        Some(self.ports.front()?.0 - PORT_NS + long)
    }

    /// The one that has waited for a port the longest, if it has for `long`, ns, at `now`. `lacks`
    /// says of each whether it lacks one, or has it and waits for its SYN alone; `None`: it does not
    /// wait any more, and is forgotten.
    pub fn unported(
        &mut self,
        now: u64,
        long: u64,
        lacks: impl Fn(Cookie, u64) -> Option<bool>,
    ) -> Option<Cookie> {
        let mut index = 0;
        while let Some((deadline, Waiting::Port(cookie))) = self.ports.get(index).copied() {
            let began = deadline - PORT_NS;
            if began + long > now {
                return None;
            }
            match lacks(cookie, began) {
                Some(true) => return Some(cookie),
                Some(false) => index += 1,
                None => {
                    self.ports.remove(index);
                }
            }
        }
        None
    }
}
