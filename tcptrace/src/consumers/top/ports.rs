//! The local ports of the way that has the fewest left.

use std::time::Instant;

use crate::{
    aggregate::stats::{At, Lately, TakenPorts, fullest},
    consumers::{due::Due, looks::Looks},
    model::{Connection, Machine, NamespaceSettings},
    screen::Ports,
    track::Tracker,
};

/// How often they are counted, ns.
const OFTEN_NS: u64 = 5_000_000_000;

/// Counts local ports, now and then.
#[derive(Default)]
pub(super) struct FullestPorts {
    looks: Looks,
    now: Option<Ports>,
    before: Option<Lately>,
    due: Due,
}

impl FullestPorts {
    /// The connections are that machine's.
    pub fn begin(&mut self, machine: &Machine) {
        self.looks = Looks::at(machine);
    }

    /// How a namespace is set up became known.
    pub fn learn(&mut self, netns: u32, settings: &NamespaceSettings) {
        self.looks.ranges.insert(netns, settings.ports.clone());
    }

    /// Those of the fullest way, when they were counted last.
    pub fn now(&self) -> Option<Ports> {
        self.now
    }

    /// Time was skipped: how many are taken a second is not known.
    pub fn interrupt(&mut self) {
        self.before = None;
    }

    /// Nothing is known any more of what was before.
    pub fn forget(&mut self) {
        (self.now, self.before, self.due) = (None, None, Due::default());
    }

    /// Counts them, if that is due, of connections that are asked for.
    pub fn count(
        &mut self,
        known: &Tracker,
        now: u64,
        is_asked_for: impl FnMut(&Connection) -> bool,
    ) {
        self.looks.take();
        if !self.due.is_over(now) {
            return;
        }
        let began = Instant::now();
        self.looks.ask(known, false);
        let lately = self.before.as_ref().map_or(now, |it| it.at_ns);
        let taken = TakenPorts::of(known, At { now, lately }, is_asked_for, |netns| {
            self.looks.ranges.get(&netns).and_then(Option::as_ref)
        });
        let before = self.before.as_ref();
        let routes = fullest(&taken, before, now, &self.looks.ranges, 1);
        self.now = routes.first().map(|it| Ports {
            remote: it.route.remote,
            port: it.route.port,
            taken: it.taken.held(),
            available: it.available,
            exhausted_in_s: it.outlook.and_then(|it| it.exhausted_in_s),
        });
        self.before = Some(Lately { at_ns: now, taken });
        self.due.done(now, OFTEN_NS, began.elapsed());
    }
}
