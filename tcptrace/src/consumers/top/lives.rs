//! The lives of connections: what was seen of each, and who holds the one that is looked at.

use std::collections::VecDeque;

use crate::{
    host::{Cgroups, Holder, Looker, snapshot::all_who_have},
    model::{Cookie, HolderQuestion, Machine, State, Transition},
    output::ShownStuck,
    screen::Life,
    track::Tracker,
};

/// How often it is looked again who holds the connection that is looked at, ns; and what part of
/// the time that may take.
const HOLDERS_NS: u64 = 2_000_000_000;
const HOLDERS_SHARE: u32 = 20;
/// So many transitions are remembered.
const MOST_STEPS: usize = 1 << 15;

/// A connection, and all processes that hold it; `None`: it can't be told.
type HeldBy = (Cookie, Option<Vec<Holder>>);

/// What was seen lately, of all connections.
#[derive(Default)]
pub(super) struct Lives {
    steps: VecDeque<Transition>,
    /// Some were remembered, and are not any more.
    forgot: bool,
    /// Looks for all processes that hold the connection whose life is looked at.
    holders: Option<Looker<HolderQuestion, HeldBy>>,
    /// Those of that one, when they were asked for last (CLOCK_MONOTONIC, ns).
    held_by: Option<(Cookie, u64, Option<Vec<Holder>>)>,
    /// The sockets are those of another machine, or of another time.
    elsewhere: bool,
    jiffy_ns: u64,
}

impl Lives {
    /// The connections are that machine's.
    pub fn begin(&mut self, machine: &Machine) {
        self.elsewhere = machine.namespaces.is_some();
        self.jiffy_ns = 1_000_000_000 / u64::from(machine.jiffies_per_second.max(1));
    }

    /// A connection went on.
    pub fn add(&mut self, it: &Transition) {
        if self.steps.len() == MOST_STEPS {
            self.steps.pop_front();
            self.forgot = true;
        }
        self.steps.push_back(*it);
    }

    /// What happened last.
    pub fn last(&self) -> Option<&Transition> {
        self.steps.back()
    }

    /// All that is remembered, the last first.
    pub fn backwards(&self) -> impl Iterator<Item = &Transition> {
        self.steps.iter().rev()
    }

    /// Nothing is known any more of what happened before.
    pub fn forget(&mut self) {
        self.steps.clear();
        self.forgot = true;
    }

    /// Asks who holds a connection, now and then.
    pub fn ask_for_holders(&mut self, cookie: Cookie, known: &Tracker, now: u64) {
        let Some(looker) = &self.holders else {
            if !self.elsewhere {
                let look = |it: HolderQuestion| (it.cookie, all_who_have(&it));
                self.holders = Looker::start("holders", 1, HOLDERS_SHARE, look).ok();
            }
            return;
        };
        if let Some((cookie, found)) = looker.answer() {
            self.held_by = Some((cookie, now, found));
        }
        let fresh = self
            .held_by
            .as_ref()
            .is_some_and(|(of, at, _)| *of == cookie && now.saturating_sub(*at) < HOLDERS_NS);
        if fresh {
            return;
        }
        if let Some(it) = known.connection(cookie) {
            // Where the last one is looked for still, this one is asked for later.
            let _ = looker.ask(HolderQuestion {
                cookie,
                tuple: it.tuple,
                listener: it.state == State::Listen,
                near: it.owner.process.and_then(|it| it.pid),
            });
        }
    }

    /// What was seen of a connection. `stuck`: what was found, if it is.
    pub fn of(
        &self,
        cookie: Cookie,
        known: &Tracker,
        stuck: Option<&ShownStuck>,
        cgroups: &mut Cgroups,
    ) -> Life {
        let steps = self.steps_of(cookie);
        let now = known.connection(cookie);
        let begins = steps
            .first()
            .is_some_and(|it| matches!(it.from, State::Closed | State::Listen));
        let held_by = self.held_by.as_ref().filter(|it| it.0 == cookie);
        // Jiffies are told by their lower 32 bits.
        let idle = steps.last().and_then(|it| it.measured).map(|it| {
            let since = |at: u32| it.now.wrapping_sub(at);
            u64::from(since(it.last_sent).min(since(it.last_received)))
        });
        let owner = match (&now, steps.last()) {
            (_, Some(last)) => Some(last.owner),
            (Some(now), None) => Some(now.owner),
            (None, None) => None,
        };
        let cgroup = owner.and_then(|it| it.cgroup);
        let (path, workload) = match cgroup {
            Some(id) => cgroups.path_and_workload(id.get()),
            None => (None, None),
        };
        Life {
            cookie,
            cgroup: path.map(str::to_owned),
            workload: workload.cloned().unwrap_or_default(),
            holders: held_by.and_then(|it| it.2.clone()),
            idle_ns: idle
                .filter(|_| self.jiffy_ns > 0)
                .map(|jiffies| jiffies * self.jiffy_ns),
            cut: self.forgot && !steps.is_empty() && !begins,
            steps,
            now: now.map(|it| (it.state, it.since)),
            stuck: stuck.cloned().map(Box::new),
        }
    }

    /// What is remembered of a connection, in order.
    pub fn steps_of(&self, cookie: Cookie) -> Vec<Transition> {
        let steps = self.steps.iter();
        let mut steps: Vec<Transition> = steps
            .filter(|it| it.cookie == Some(cookie))
            .copied()
            .collect();
        // The last one of those that its socket carried: a TIME_WAIT of another may end meanwhile.
        let begins = |it: &&Transition| matches!(it.from, State::Closed | State::Listen);
        if let Some(last) = steps.iter().rfind(begins).map(|it| it.tuple) {
            steps.retain(|it| !it.tuple.differs_from(&last));
        }
        // Before it had a socket, it was known by its addresses.
        if let Some(first) = steps.first().copied()
            && first.from == State::SynRecv
        {
            let request = self.backwards().find(|it| {
                it.cookie.is_none() && it.tuple == first.tuple && it.time_ns <= first.time_ns
            });
            steps.splice(0..0, request.copied());
        }
        steps
    }
}
