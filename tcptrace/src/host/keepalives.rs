//! How keepalive is set in network namespaces, looked up on a thread of its own before it is needed.

use std::{
    collections::HashMap,
    time::{Duration, Instant},
};

use rustc_hash::{FxHashMap, FxHashSet};

use crate::{
    host::{Looker, Namespaces},
    model::{KeepaliveSettings, NamespaceSettings},
};

/// What part of a CPU the thread takes at the most.
const SHARE: u32 = 10;
/// So many namespaces may wait for it.
const MOST: usize = 256;
/// How long an answer is waited for, once for each namespace: a connection may come and go while
/// the settings of its namespace, which was not there before, are read.
const PATIENCE: Duration = Duration::from_millis(50);

/// A namespace, and a process that may live in it.
type Question = (u32, Option<u32>);
/// A namespace, and what was found there.
type Answer = (u32, Option<KeepaliveSettings>);

/// Settings of namespaces.
#[derive(Default)]
pub struct Keepalives {
    looker: Option<Looker<Question, Answer>>,
    /// `None`: they can't be read.
    known: FxHashMap<u32, Option<KeepaliveSettings>>,
    asked: FxHashSet<u32>,
    waited: FxHashSet<u32>,
    /// The one that was asked for last: most events are of the same.
    last: Option<u32>,
    /// No more will be known: these namespaces are not this machine's.
    complete: bool,
}

impl Keepalives {
    /// Those of another machine: nothing is looked up.
    #[must_use]
    pub fn known(namespaces: &HashMap<u32, NamespaceSettings>) -> Self {
        Self {
            known: namespaces
                .iter()
                .map(|(netns, it)| (*netns, it.keepalive))
                .collect(),
            complete: true,
            ..Self::default()
        }
    }

    /// The settings of a namespace became known.
    pub fn learn(&mut self, netns: u32, settings: Option<KeepaliveSettings>) {
        self.known.insert(netns, settings);
    }

    /// The settings of that namespace will be needed. `pid`: a process that may live there.
    pub fn ask(&mut self, netns: u32, pid: Option<u32>) {
        if self.last == Some(netns) || self.complete {
            return;
        }
        self.last = Some(netns);
        if self.asked.contains(&netns) {
            return;
        }
        if self.looker.is_none() {
            let look = |(netns, pid)| {
                let namespace = Namespaces::find(netns, pid);
                (netns, namespace.and_then(|it| it.keepalive().ok()))
            };
            self.looker = Looker::start("keepalive", MOST, SHARE, look).ok();
        }
        let looker = self.looker.as_ref();
        if looker.is_some_and(|looker| looker.ask((netns, pid)).is_ok()) {
            self.asked.insert(netns);
        }
    }

    /// The settings of that namespace; `None`: unknown.
    pub fn of(&mut self, netns: u32) -> Option<KeepaliveSettings> {
        while !self.known.contains_key(&netns)
            && let Some(looker) = &self.looker
            && let Some(answer) = looker.answer()
        {
            self.known.insert(answer.0, answer.1);
        }
        if !self.known.contains_key(&netns)
            && self.asked.contains(&netns)
            && self.waited.insert(netns)
        {
            let end = Instant::now() + PATIENCE;
            while !self.known.contains_key(&netns)
                && let Some(looker) = &self.looker
                && let left = end.saturating_duration_since(Instant::now())
                && let Some(answer) = looker.answer_within(left)
            {
                self.known.insert(answer.0, answer.1);
            }
        }
        *self.known.get(&netns)?
    }
}
