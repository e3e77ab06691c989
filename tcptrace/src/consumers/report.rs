//! Gathers what a page is made of: what `stats`, `flows` and `stuck` tell of a recording, together.

use std::{cell::RefCell, io, ops::ControlFlow, rc::Rc, time::Instant};

use super::{Flows, Stats, Stuck, due::Due, is_asked_for};
use crate::{
    aggregate::{
        InStates,
        flows::{IdleTable, Patience},
        stats::Period,
    },
    diagnose::Thresholds,
    engine::Consumer,
    filter::Filter,
    host::{Cgroups, Clock},
    model::{DropCounts, FlowRecord, Known as _, Machine, NamespaceSettings, State, Transition},
    output::{Collected, Context, End, ShownFlow, Start, Summary, View},
    report::{Around, Gathered, Life, MOST_ROWS, StuckLife},
    track::Tracker,
};

/// Fills [`Gathered`] with what happens.
pub struct Report {
    filter: Filter,
    stats: Stats,
    flows: Flows,
    stuck: Stuck,
    /// What that found, until it is taken.
    found: Collected,
    gathered: Shared,
    /// The part that is told: when it began by CLOCK_MONOTONIC, and by the wall clock as it was then,
    /// ns. Where the clock was set meanwhile, times go on as they were.
    part: Option<(u64, i64)>,
    /// When the last thing happened, CLOCK_MONOTONIC, ns.
    last_ns: u64,
    /// How many are in each state.
    now: InStates,
    /// When they are counted anew: who has a connection changes, and what is asked for with it.
    count: Due,
}

/// So often, ns, at the most.
const COUNT_NS: u64 = 5_000_000_000;

/// What is gathered, and until when it is told: CLOCK_MONOTONIC, ns.
#[derive(Clone, Default)]
struct Shared(Rc<RefCell<(Gathered, u64)>>);

/// What was gathered, once all was told.
#[derive(Clone, Default)]
pub struct GatheredReport(Shared);

impl GatheredReport {
    /// Gives it away.
    #[must_use]
    pub fn take(&self) -> Gathered {
        self.0.0.take().0
    }
}

impl Report {
    /// Gathers those that `filter` lets through. The run is to be told of all of a connection: see
    /// [`Filter::of_connections`].
    #[must_use]
    pub fn new(filter: Filter, idle_table: IdleTable, into: &GatheredReport) -> Self {
        let gathered = into.0.clone();
        let stats = Box::new(gathered.clone());
        let flows = Box::new(gathered.clone());
        let patience = Patience::UntilTimeWaitEnds;
        let found = Collected::default();
        let thresholds = Thresholds::usual();
        Self {
            stats: Stats::new(stats, filter.clone(), None, None, None),
            flows: Flows::new(flows, filter.clone(), patience, idle_table, None),
            stuck: Stuck::new(Box::new(found.clone()), filter.clone(), thresholds, None),
            filter,
            found,
            gathered,
            part: None,
            last_ns: 0,
            now: InStates::default(),
            count: Due::default(),
        }
    }

    /// When something happened: ns since 1970.
    fn wall(&self, at_ns: u64) -> i64 {
        let (began_ns, began_wall_ns) = self.part.unwrap_or_default();
        let since = i128::from(at_ns) - i128::from(began_ns);
        let wall = i128::from(began_wall_ns) + since;
        i64::try_from(wall).unwrap_or(began_wall_ns)
    }

    /// Counts what is in each state, now and then.
    fn count(&mut self, known: &Tracker, now: u64, cgroups: &mut Cgroups) {
        if known.is_unsure() {
            // Nobody knows before the sockets were looked at.
            self.now.set(None);
            self.count = Due::default();
            return;
        }
        if !self.count.is_over(now) {
            return;
        }
        let began = Instant::now();
        let mut states = [0_u64; State::ALL.len()];
        for it in known.connections() {
            if is_asked_for(&self.filter, &it, cgroups) {
                states[it.state as usize] += 1;
            }
        }
        self.now.set(Some(states));
        self.count.done(now, COUNT_NS, began.elapsed());
    }

    /// What is told ends here, or a part of it does.
    fn end_part(&mut self, known: &Tracker, now: u64, around: &mut Context<'_>) {
        let (last, until) = (self.wall(self.last_ns), self.wall(now));
        let gathered = &mut *self.gathered.0.borrow_mut();
        gathered.1 = now;
        gathered.0.rates.in_states(last, self.now.all());
        gathered.0.rates.in_states(until, self.now.all());
        self.now.set(None);
        self.count = Due::default();
        if let Some((_, began)) = self.part.take() {
            gathered.0.rates.known(began, until);
        }
        let unsure = known.is_unsure();
        gathered.0.stuck.end(unsure, |it| known.connection(it));
        // Those that flows takes for open: their process has them.
        let waiting = known
            .connections()
            .filter(|it| it.state == State::CloseWait && !unsure);
        for it in waiting {
            if !is_asked_for(&self.filter, &it, around.cgroups) {
                continue;
            }
            let flow = FlowRecord {
                opened_ns: None,
                ..FlowRecord::half_open(&it, now)
            };
            gathered.0.lives.take(&flow, now, || Life {
                number: 0,
                flow: flow.clone(),
                wall_ahead_ns: around.clock.ahead_ns(),
                idle_ns: None,
                timeouts: Vec::new(),
                around: Around::of(&flow.tuple, &flow.owner, around),
            });
        }
    }
}

impl Consumer for Report {
    fn begin(&mut self, known: &Tracker, machine: &Machine) {
        self.stats.begin(known, machine);
        self.flows.begin(known, machine);
        self.stuck.begin(known, machine);
    }

    fn start(&mut self, start: &Start, _: &Clock) -> io::Result<()> {
        self.gathered.0.borrow_mut().0.degraded = start.degraded.clone();
        Ok(())
    }

    fn transition(
        &mut self,
        it: &Transition,
        around: &mut Context<'_>,
    ) -> io::Result<ControlFlow<()>> {
        let last_ns = std::mem::replace(&mut self.last_ns, it.time_ns);
        let in_cgroup = self.filter.in_cgroup && around.cgroups.is_asked_for(it.owner.cgroup);
        if self.filter.matches(it, in_cgroup) {
            let (last, at) = (self.wall(last_ns), self.wall(it.time_ns));
            {
                let gathered = &mut self.gathered.0.borrow_mut().0;
                gathered.ways.take(it);
                gathered.closers.take(it);
                if gathered.rates.is_another(last, at) {
                    gathered.rates.in_states(last, self.now.all());
                }
                gathered.rates.take(at, it);
            }
            self.now.take(it);
            let _ = self.stats.transition(it, around)?;
        }
        self.flows.transition(it, around)
    }

    fn lost(&mut self, events: u64) -> io::Result<()> {
        let at = self.wall(self.last_ns);
        self.gathered.0.borrow_mut().0.rates.lost(at, events);
        self.now.set(None);
        self.count = Due::default();
        self.stats.lost(events)?;
        self.flows.lost(events)
    }

    fn review_due(&self) -> Option<u64> {
        self.stats.review_due()
    }

    fn review(
        &mut self,
        known: &Tracker,
        now: u64,
        around: &mut Context<'_>,
    ) -> io::Result<ControlFlow<()>> {
        if self.part.is_none() {
            self.part = Some((now, around.clock.wall(now)));
            self.last_ns = now;
        }
        self.count(known, now, around.cgroups);
        let last = self.wall(self.last_ns);
        let rates = &mut self.gathered.0.borrow_mut().0.rates;
        rates.in_states(last, self.now.all());
        self.stats.review(known, now, around)
    }

    fn stuck(&mut self, found: &str, around: &mut Context<'_>) -> io::Result<ControlFlow<()>> {
        let _ = self.stuck.stuck(found, around)?;
        for it in self.found.take() {
            let gathered = &mut self.gathered.0.borrow_mut().0;
            gathered.stuck.take(&it, || StuckLife {
                wall_ns: around.clock.wall(it.mono_ns),
                around: Around::of(&it.connection.tuple, &it.connection.owner, around),
                is_still: None,
                found: it.clone(),
            });
        }
        Ok(ControlFlow::Continue(()))
    }

    fn finish(&mut self, known: &Tracker, now: u64, around: &mut Context<'_>) -> io::Result<()> {
        self.end_part(known, now, around);
        self.flows.finish(known, now, around)?;
        self.stats.finish(known, now, around)
    }

    fn interrupt(&mut self, known: &Tracker, now: u64, around: &mut Context<'_>) -> io::Result<()> {
        self.end_part(known, now, around);
        self.flows.interrupt(known, now, around)?;
        self.stats.interrupt(known, now, around)
    }

    fn learn(&mut self, netns: u32, settings: &NamespaceSettings) {
        self.stats.learn(netns, settings);
        self.flows.learn(netns, settings);
    }

    fn dropped(&mut self, at_ns: u64, counts: Option<&DropCounts>) {
        self.stats.dropped(at_ns, counts);
    }

    fn is_silent(&self) -> bool {
        true
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }

    fn shown(&self) -> u64 {
        self.stats.shown()
    }

    fn close(&mut self, end: &End) -> io::Result<()> {
        self.gathered.0.borrow_mut().0.end = Some(*end);
        Ok(())
    }
}

impl View<Period<'_>> for Shared {
    fn start(&mut self, _: &Start, _: &Clock) -> io::Result<()> {
        Ok(())
    }

    fn show(&mut self, period: &Period<'_>, around: &mut Context<'_>) -> io::Result<()> {
        let summary = Summary::of(period, around, MOST_ROWS);
        self.0.borrow_mut().0.summary = Some(summary);
        Ok(())
    }

    /// The page does.
    fn tells_losses(&self) -> bool {
        true
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

impl View<ShownFlow<'_>> for Shared {
    fn start(&mut self, _: &Start, _: &Clock) -> io::Result<()> {
        Ok(())
    }

    fn show(&mut self, it: &ShownFlow<'_>, around: &mut Context<'_>) -> io::Result<()> {
        let (gathered, now) = &mut *self.0.borrow_mut();
        let flow = it.record;
        if let Some(idle) = it.idle_before_close_ns {
            gathered.idle.take(flow, idle, it.idle_candidates);
        }
        gathered.lives.take(flow, *now, || Life {
            number: 0,
            flow: flow.clone(),
            wall_ahead_ns: around.clock.ahead_ns(),
            idle_ns: it.idle_before_close_ns,
            timeouts: it
                .idle_candidates
                .iter()
                .map(|it| format!("{} {} {} s", it.product, it.setting, it.seconds))
                .collect(),
            around: Around::of(&flow.tuple, &flow.owner, around),
        });
        Ok(())
    }

    /// The page does.
    fn tells_losses(&self) -> bool {
        true
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}
