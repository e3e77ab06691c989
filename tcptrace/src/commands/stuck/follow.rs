//! What is there and what comes, live.

use std::{
    collections::BTreeMap,
    io,
    ops::ControlFlow,
    time::{Duration, Instant},
};

use super::look::{Found, Index, Looks};
use crate::{
    commands::{
        lines::{self, Lines},
        live::Consumer,
    },
    kernel::Clock,
    stuck::{Suspect, Thresholds, Watchlist, evidence},
    track::{Connection, Tracker, Transition},
    view::{ShownStuck, Start, Surroundings, View},
};

/// How often all connections are gone through, at the most and at the least; and what part of the
/// time that may take.
const PERIOD: Duration = Duration::from_millis(200);
const LONGEST_PERIOD: Duration = Duration::from_secs(1);
const SHARE: u32 = 20;

/// Tells of each connection once it has been in a state for too long.
pub(super) struct Follow {
    view: Box<dyn View<ShownStuck>>,
    lines: Lines,
    looks: Looks,
    watchlist: Watchlist,
    period: Duration,
    next: Instant,
}

impl Follow {
    pub fn new(
        view: Box<dyn View<ShownStuck>>,
        lines: Lines,
        looks: Looks,
        thresholds: Thresholds,
    ) -> Self {
        let period = thresholds
            .shortest()
            .map_or(LONGEST_PERIOD, |shortest| shortest / 10)
            .clamp(PERIOD, LONGEST_PERIOD);
        Self {
            view,
            lines,
            looks,
            watchlist: Watchlist::new(thresholds),
            period,
            next: Instant::now(),
        }
    }

    pub fn into_output(self) -> (Box<dyn View<ShownStuck>>, Lines) {
        (self.view, self.lines)
    }

    /// Looks at those that are due: once at each namespace, however many there are.
    fn look(&mut self, due: Vec<Connection>, now: u64) -> Vec<Found> {
        let mut by_namespace: BTreeMap<u32, Vec<Connection>> = BTreeMap::new();
        for it in due {
            by_namespace.entry(it.tuple.netns).or_default().push(it);
        }
        let mut found = Vec::new();
        for (netns, due) in by_namespace {
            let states: Vec<_> = due.iter().map(|it| it.state).collect();
            let pid = due.iter().find_map(|it| it.owner.process?.pid);
            let inspection = self
                .looks
                .inspect_one(netns, pid, &states)
                .unwrap_or_default();
            let index = Index::new(&inspection);
            for it in due {
                let Some(socket) = index.of(&it) else {
                    self.watchlist.settle(&it);
                    continue;
                };
                let listening = inspection.listening(&it.tuple);
                let suspect = Suspect::new(socket, listening, inspection.settings);
                if let Some(held) = self.watchlist.judge(&it, &evidence(&suspect), now) {
                    found.push(Found {
                        connection: it,
                        held,
                        suspect,
                        inode: socket.found.inode,
                    });
                }
            }
        }
        found
    }
}

impl Consumer for Follow {
    fn start(&mut self, start: &Start, clock: &Clock) -> io::Result<()> {
        self.view.start(start, clock)?;
        self.view.flush()?;
        self.lines.wait_for("a connection to get stuck");
        Ok(())
    }

    /// How long each is in its state is looked at now and then, not here.
    fn transition(
        &mut self,
        _: &Transition,
        _: &mut Surroundings<'_>,
    ) -> io::Result<ControlFlow<()>> {
        Ok(ControlFlow::Continue(()))
    }

    fn lost(&mut self, events: u64) -> io::Result<()> {
        self.lines.stop_waiting();
        self.view.lost(events)?;
        if !self.view.tells_losses() {
            lines::report_loss(events);
        }
        self.view.flush()
    }

    fn asks_for_owners(&self) -> bool {
        true
    }

    fn review_due(&self) -> Option<Instant> {
        Some(self.next)
    }

    fn review(
        &mut self,
        known: &Tracker,
        now: u64,
        around: &mut Surroundings<'_>,
    ) -> io::Result<ControlFlow<()>> {
        let began = Instant::now();
        let due = self.watchlist.due(known.connections(), now);
        let found = if due.is_empty() {
            Vec::new()
        } else {
            self.look(due, now)
        };
        for it in &self.looks.diagnose(found, now, around.cgroups) {
            self.lines.stop_waiting();
            self.view.show(it, around)?;
            if self.lines.one_more().is_break() {
                return Ok(ControlFlow::Break(()));
            }
        }
        self.view.flush()?;
        // On a machine with a million connections that takes its time.
        self.next = Instant::now() + (began.elapsed() * SHARE).max(self.period);
        Ok(ControlFlow::Continue(()))
    }

    fn flush(&mut self) -> io::Result<()> {
        self.view.flush()
    }

    fn shown(&self) -> u64 {
        self.lines.shown()
    }
}
