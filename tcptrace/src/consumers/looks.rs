//! What `stats` looks up in network namespaces, on a thread of its own: the loop must not wait.

use std::{
    rc::Rc,
    time::{Duration, Instant},
};

use rustc_hash::{FxHashMap, FxHashSet};

use crate::{
    host::{Looker, Namespaces},
    model::{DropCounts, Known, Machine, PortRange, State},
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
    /// Where the listeners are that are to be looked at.
    drops: Option<Vec<u32>>,
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
    /// When that look was, of a machine that is not this one: CLOCK_MONOTONIC, ns.
    looked_ns: u64,
    /// Nothing can be asked for: these namespaces are not this machine's.
    elsewhere: bool,
}

impl Looks {
    /// What is known of a machine; nothing is looked up where it is not this one.
    pub fn at(machine: &Machine) -> Self {
        let Some(namespaces) = &machine.namespaces else {
            return Self::default();
        };
        let mut looks = Self {
            ranges: namespaces
                .iter()
                .map(|(netns, it)| (*netns, it.ports.clone()))
                .collect(),
            elsewhere: true,
            ..Self::default()
        };
        if let Some(look) = machine.drops.clone() {
            looks.told(look.at_ns, Some(look.counts));
        }
        looks
    }

    /// What listeners of another machine had dropped by then. `None`: as much as was told last.
    pub fn told(&mut self, at_ns: u64, counts: Option<DropCounts>) {
        self.looked_ns = at_ns;
        if let Some(counts) = counts {
            self.drops = Some(Rc::new(counts));
        }
    }

    /// Asks for the ports of namespaces that were not there before, and for what listeners have
    /// dropped by now, if that is wanted.
    pub fn ask(&mut self, known: &Tracker, drops: bool) {
        if self.elsewhere {
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
            question.drops = Some(known.listened_in());
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
    #[cfg(feature = "serve")]
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

    /// The same. Of a machine that is not this one, what they had dropped at the last look, if that
    /// was so many ns before `now` at the most.
    pub fn drops_by(&self, now: u64, near_ns: u64) -> Option<Rc<DropCounts>> {
        let near = now.saturating_sub(self.looked_ns) <= near_ns;
        self.drops_asked_for().filter(|_| near || !self.elsewhere)
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
    let all = (question.ranges.len() > 2).then(Namespaces::read);
    let ranges = question.ranges.iter().map(|(netns, pid)| {
        let namespace = match &all {
            Some(all) => all.one(*netns),
            None => Namespaces::find(*netns, *pid),
        };
        (*netns, namespace.and_then(|it| it.port_range().ok()))
    });
    Answer {
        ranges: ranges.collect(),
        drops: question.drops.as_deref().map(Namespaces::drops),
    }
}
