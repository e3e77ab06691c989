//! A source that tells what a test says: steps of a scenario, at their times.

use std::collections::VecDeque;

use tcptrace::{
    model::{Coverage, DropCounts, Event, Existing, Machine},
    source::{Batch, Beginning, Finding, Source, Told},
};

use crate::notation::{self, NETNS, Step};

/// Of events that were told, some may have happened so much before the last one, ns: as the kernel
/// tells them.
const MARGIN_NS: u64 = 1_000_000;
/// The wall clock when a script begins: 2026-11-22T10:39:11Z, ns since 1970.
pub const BEGAN: i64 = 1_795_343_951_000_000_000;
/// A network interface has its index in its name.
pub const LINK: &str = "link";

/// What happens, one after another.
#[derive(Clone, Debug, Default)]
pub struct Script {
    steps: VecDeque<Tell>,
    told_until: u64,
    lost: u64,
    /// Of what follows, something can't be read.
    unreadable: bool,
    /// How much later than [`BEGAN`] it begins, ns.
    later_ns: i64,
}

/// One thing that happens.
#[derive(Clone, Debug)]
pub enum Tell {
    Event(Event),
    Lost(u64),
    CgroupMade(u64, u64, &'static str),
    Workload(u64, tcptrace::model::Workload),
    Addresses(tcptrace::model::Cookie, tcptrace::model::Tuple),
    Holder(tcptrace::model::HolderAnswer),
    /// A look at listeners: when, and what they had dropped by then, if that is not as before.
    Dropped(u64, Option<DropCounts>),
    LookBegins,
    /// Of these network namespaces.
    Sockets(Vec<Existing>, Vec<u32>),
    Passed(u64),
}

/// Reads lines as of a scenario. What was there before is in the beginning.
pub fn read(lines: &str) -> Result<(Script, Beginning), String> {
    let mut script = Script::default();
    let mut beginning = beginning();
    let mut there = Vec::new();
    for (number, line) in (1..).zip(lines.lines()) {
        let step = notation::parse(line).map_err(|error| format!("line {number}: {error}"))?;
        script.steps.push_back(match step {
            Step::Machine { coverage, .. } => {
                beginning.coverage = coverage;
                continue;
            }
            Step::Existing(existing) => {
                beginning.sockets.push(existing);
                continue;
            }
            Step::There(existing) => {
                there.push(existing);
                continue;
            }
            Step::Event(event) => Tell::Event(event),
            Step::Passed(now) => Tell::Passed(now),
            Step::Looked { cookie, tuple } => Tell::Addresses(cookie, tuple),
            Step::Found(answer) => Tell::Holder(answer),
            Step::Lost => Tell::Lost(1),
            Step::LookBegins => Tell::LookBegins,
            Step::Compared => Tell::Sockets(std::mem::take(&mut there), vec![NETNS]),
            Step::End => break,
            // What the state machine would ask for, and how much it remembers: see
            // tests/scenarios.rs.
            Step::Nothing | Step::Asked { .. } | Step::Remembered { .. } => continue,
        });
    }
    Ok((script, beginning))
}

/// Another machine, on which nothing is there yet.
fn beginning() -> Beginning {
    Beginning {
        mono_ns: 0,
        machine: Machine {
            kernel: "6.18.44".to_owned(),
            netns: Some(NETNS),
            jiffies_per_second: 250,
            drops: None,
            namespaces: Some([].into()),
        },
        coverage: Coverage::FULL,
        degraded: Vec::new(),
        sockets: Vec::new(),
        remembered: Vec::new(),
        closed: Vec::new(),
        forks: Vec::new(),
        unsure: false,
        cgroups: vec![(5, "/a".to_owned())],
        workloads: Vec::new(),
        links: vec![(
            NETNS,
            (1..10).map(|it| (it, format!("{LINK}{it}"))).collect(),
        )],
    }
}

impl Script {
    /// One step after another.
    pub fn of(steps: impl Iterator<Item = Tell>) -> Self {
        Self {
            steps: steps.collect(),
            ..Self::default()
        }
    }

    /// How many steps it has.
    pub fn len(&self) -> usize {
        self.steps.len()
    }

    /// Its steps.
    pub fn into_steps(self) -> impl Iterator<Item = Tell> {
        self.steps.into_iter()
    }

    /// The same, so much later, ns.
    pub fn later(mut self, later_ns: i64) -> Self {
        self.later_ns = later_ns;
        self
    }

    /// The same, but behind it is something that can't be read.
    pub fn unreadable_behind(mut self) -> Self {
        self.unreadable = true;
        self
    }

    /// Puts something in front of all else.
    pub fn put_first(&mut self, tell: Tell) {
        self.steps.push_front(tell);
    }

    /// Puts something in behind so many steps.
    pub fn put_in(&mut self, at: usize, tell: Tell) {
        self.steps.insert(at, tell);
    }

    /// The events, to change them.
    pub fn events(&mut self) -> impl Iterator<Item = &mut Event> {
        self.steps.iter_mut().filter_map(|it| match it {
            Tell::Event(event) => Some(event),
            _ => None,
        })
    }
}

impl Tell {
    /// When it happens; `None`: when what is before it does.
    pub fn time_ns(&self) -> Option<u64> {
        match self {
            Self::Event(event) => Some(event.time_ns()),
            Self::Passed(now) => Some(*now),
            _ => None,
        }
    }

    /// Until when all must have been told before this is; `None`: it belongs to what is before it.
    fn until_ns(&self) -> Option<u64> {
        match self {
            Self::Event(event) => Some(event.time_ns().saturating_sub(MARGIN_NS)),
            Self::Passed(now) => Some(*now),
            _ => None,
        }
    }

    fn tell(&self, mut each: impl FnMut(Told<'_>)) {
        match self {
            Self::Event(event) => each(Told::Event(event)),
            Self::Lost(events) => each(Told::Lost(*events)),
            Self::CgroupMade(id, parent, name) => {
                each(Told::CgroupMade(tcptrace::model::CgroupMade {
                    id: *id,
                    parent: *parent,
                    name: name.as_bytes(),
                }));
            }
            Self::Workload(id, workload) => {
                let id = *id;
                each(Told::Workload { id, workload });
            }
            Self::Addresses(cookie, tuple) => {
                each(Told::Found(Finding::Addresses(*cookie, *tuple)));
            }
            Self::Holder(answer) => each(Told::Found(Finding::Holder(*answer))),
            Self::Dropped(at_ns, counts) => each(Told::Dropped {
                at_ns: *at_ns,
                counts: counts.as_ref(),
            }),
            Self::LookBegins => each(Told::Found(Finding::LookBegins)),
            Self::Sockets(sockets, namespaces) => each(Told::Found(Finding::Sockets {
                sockets,
                namespaces,
            })),
            Self::Passed(_) => {}
        }
    }
}

impl Source for Script {
    /// What happens a millisecond apart is told apart.
    fn next(&mut self, _: u64, most: usize, mut each: impl FnMut(Told<'_>)) -> Batch {
        let mut told = 0;
        while let Some(step) = self.steps.front()
            && told < most
        {
            if let Some(until) = step.until_ns()
                && until > self.told_until
            {
                if told == 0 {
                    self.told_until = until;
                }
                break;
            }
            step.tell(&mut each);
            told += 1;
            if let Some(Tell::Lost(events)) = self.steps.pop_front() {
                self.lost += events;
            }
        }
        Batch {
            told,
            more: !self.steps.is_empty(),
            until_ns: self.told_until,
        }
    }

    fn lost(&self) -> u64 {
        self.lost
    }

    fn unreadable(&self) -> u64 {
        u64::from(self.unreadable && self.steps.is_empty())
    }

    fn wall_ahead_ns(&self) -> Option<i64> {
        Some(BEGAN + self.later_ns)
    }
}
