//! What `stats` looks up in network namespaces, on a thread of its own: the loop must not wait.

use std::{
    collections::HashMap,
    rc::Rc,
    time::{Duration, Instant},
};

use rustc_hash::{FxHashMap, FxHashSet};

use crate::{
    aggregate::stats::DropCounts,
    host::{Looker, Namespace, Namespaces},
    model::{Known, NamespaceSettings, PortRange, State},
    track::Tracker,
};

/// What part of the time the thread may take.
const SHARE: u32 = 10;
/// So many questions may wait for it.
const MOST: usize = 2;

/// Namespaces, each with a process that may live in it.
type Places = FxHashMap<u32, Option<u32>>;

/// What is to be looked up.
#[derive(Debug, Default)]
struct Question {
    /// Whose ports.
    ranges: Places,
    /// Whose listeners.
    drops: Option<Places>,
}

/// What was found.
#[derive(Debug)]
struct Answer {
    ranges: Vec<(u32, Option<PortRange>)>,
    drops: Option<DropCounts>,
}

/// The thread, and what it has found.
#[derive(Default)]
pub(super) struct Looks {
    looker: Option<Looker<Question, Answer>>,
    /// Questions without an answer yet.
    open: usize,
    /// Ports of network namespaces, as they were when they were asked for last.
    pub ranges: FxHashMap<u32, Option<PortRange>>,
    /// Namespaces whose ports were asked for.
    asked: FxHashSet<u32>,
    /// What listeners had dropped at the last look.
    pub drops: Option<Rc<DropCounts>>,
    /// A look at that is under way.
    looking: bool,
    /// No more will be known: these namespaces are not this machine's.
    complete: bool,
}

impl Looks {
    /// What is known of another machine: nothing is looked up.
    pub fn known(namespaces: &HashMap<u32, NamespaceSettings>) -> Self {
        Self {
            ranges: namespaces
                .iter()
                .map(|(netns, it)| (*netns, it.ports.clone()))
                .collect(),
            complete: true,
            ..Self::default()
        }
    }

    /// Asks for the ports of namespaces that were not there before, and for what listeners have
    /// dropped by now, if that is wanted.
    pub fn ask(&mut self, known: &Tracker, drops: bool) {
        if self.complete {
            return;
        }
        let mut question = Question::default();
        for it in known.connections() {
            let netns = it.tuple.netns;
            if it.state == State::Listen {
                continue;
            }
            if !self.asked.contains(&netns) {
                let process = it.owner.process.and_then(|process| process.pid);
                let pid = question.ranges.entry(netns).or_default();
                *pid = pid.or(process);
            }
        }
        if drops {
            let places = known.listened_in().map(|netns| (netns, None)).collect();
            question.drops = Some(places);
        } else if question.ranges.is_empty() {
            return;
        }
        if self.looker.is_none() {
            self.looker = Looker::start("looks", MOST, SHARE, |it| look(&it)).ok();
        }
        let namespaces: Vec<u32> = question.ranges.keys().copied().collect();
        if let Some(looker) = &self.looker
            && looker.ask(question).is_ok()
        {
            self.open += 1;
            self.looking |= drops;
            self.asked.extend(namespaces);
        }
    }

    /// Has the ports of all namespaces looked up again with the next question: somebody may have changed
    /// ip_local_port_range, as who runs out of ports does.
    pub fn forget_asked(&mut self) {
        self.asked.clear();
    }

    /// Takes what was found meanwhile.
    pub fn take(&mut self) {
        while let Some(answer) = self.looker.as_ref().and_then(Looker::answer) {
            self.learn(answer);
        }
    }

    /// The same, waiting so long for all that was asked for.
    pub fn wait(&mut self, at_most: Duration) {
        let end = Instant::now() + at_most;
        while self.open > 0 {
            let left = end.saturating_duration_since(Instant::now());
            let Some(answer) = self.looker.as_ref().and_then(|it| it.answer_within(left)) else {
                return;
            };
            self.learn(answer);
        }
    }

    /// What listeners had dropped when that was asked for last, if it is known by now.
    pub fn drops_asked_for(&self) -> Option<Rc<DropCounts>> {
        self.drops.clone().filter(|_| !self.looking)
    }

    fn learn(&mut self, answer: Answer) {
        self.open = self.open.saturating_sub(1);
        self.ranges.extend(answer.ranges);
        if let Some(drops) = answer.drops {
            self.drops = Some(Rc::new(drops));
            self.looking = false;
        }
    }
}

fn look(question: &Question) -> Answer {
    // All are gone through at once, but only where there are several.
    let several = question.ranges.len() + question.drops.as_ref().map_or(0, Places::len) > 2;
    let all = several.then(Namespaces::read);
    let find = |netns, pid| match &all {
        Some(all) => all.one(netns),
        None => Namespaces::find(netns, pid),
    };
    let mut drops = question.drops.as_ref().map(|_| DropCounts::default());
    if let (Some(places), Some(counts)) = (&question.drops, &mut drops) {
        for (netns, pid) in places {
            match find(*netns, *pid).map(|it: Namespace| it.drops()) {
                Some(Ok(found)) => found.into_iter().for_each(|it| counts.add(it)),
                _ => counts.failed(*netns),
            }
        }
    }
    let ranges = question.ranges.iter().map(|(netns, pid)| {
        let range = find(*netns, *pid).and_then(|it| it.port_range().ok());
        (*netns, range)
    });
    Answer {
        ranges: ranges.collect(),
        drops,
    }
}
