//! Sums up what happens.

use std::{
    io,
    ops::ControlFlow,
    rc::Rc,
    time::{Duration, Instant},
};

use super::{is_asked_for, lines::Lines, looks::Looks};
use crate::{
    aggregate::stats::{
        At, By, Census, Drops, Earlier, Figures, HalfOpen, Lately, ListenAddress, Period, Span,
        TakenPorts,
    },
    engine::Consumer,
    filter::Filter,
    host::Clock,
    model::{DropCounts, Machine, NamespaceSettings, Transition, ns},
    output::{Context, End, Start, View},
    track::Tracker,
};

/// Sums up what happens, and shows it when it is due.
pub struct Stats {
    view: Box<dyn for<'a> View<Period<'a>>>,
    filter: Filter,
    /// All that is not in the present interval.
    run: Figures,
    interval: Option<Interval>,
    /// When the first review was: CLOCK_MONOTONIC, ns.
    began_ns: Option<u64>,
    began_wall_ns: i64,
    earlier: Option<Earlier>,
    before: Option<Census>,
    recent: Recent,
    looks: Looks,
    /// What listeners had dropped at the beginning of the part that is told.
    drops: Option<Rc<DropCounts>>,
    /// What they dropped in the parts before; `None`: of one of them, nobody knows.
    dropped: Option<Drops>,
    lines: Lines,
}

/// The interval that goes on.
struct Interval {
    every_ns: u64,
    /// When it ends: CLOCK_MONOTONIC, ns.
    due: u64,
    began_ns: u64,
    figures: Figures,
    before: Option<Census>,
    /// What listeners had dropped before.
    drops: Option<Rc<DropCounts>>,
    /// What they have dropped by its end was asked for.
    asked: bool,
}

impl Interval {
    /// When what is looked up for its end is asked for.
    fn look_due(&self) -> u64 {
        self.due - AHEAD_NS.min(self.every_ns / 4)
    }

    /// A recorded look that was so much before its end tells what it is at its end.
    fn near_ns(&self) -> u64 {
        NEAR_NS.min(self.every_ns / 4)
    }
}

/// So long before its end it is asked what is to be looked up for an interval.
const AHEAD_NS: u64 = 50_000_000;
/// The same of the end of the run: what is recorded is looked at about every second.
const NEAR_NS: u64 = 2_000_000_000;
/// How long answers are waited for at the beginning and at the end of the run.
const PATIENCE: Duration = Duration::from_secs(2);

/// Two looks at the ports that are taken, as forecasts need one that is not long ago.
#[derive(Default)]
struct Recent {
    older: Option<Lately>,
    newer: Option<Lately>,
    /// When the next is made: CLOCK_MONOTONIC, ns.
    due: Option<u64>,
}

/// Between two looks.
const LOOK_NS: u64 = 5_000_000_000;
/// A look takes no more than the hundredth part of the time.
const SHARE: u32 = 100;

impl Recent {
    fn add(&mut self, it: Lately) {
        self.older = self.newer.replace(it);
    }

    /// One that is neither just made nor long ago; `None` in the beginning.
    fn get(&self) -> Option<&Lately> {
        self.older.as_ref().or(self.newer.as_ref())
    }
}

impl Stats {
    /// Shows the sums at the end; with `every`, so often, too, and at most so many reports then.
    pub fn new(
        view: Box<dyn for<'a> View<Period<'a>>>,
        filter: Filter,
        by: Option<By>,
        every: Option<Duration>,
        most: Option<u64>,
    ) -> Self {
        Self {
            view,
            filter,
            run: Figures::new(by),
            interval: every.map(|every| Interval {
                every_ns: ns(every).max(1),
                due: 0,
                began_ns: 0,
                figures: Figures::new(by),
                before: None,
                drops: None,
                asked: false,
            }),
            began_ns: None,
            began_wall_ns: 0,
            earlier: None,
            before: None,
            recent: Recent::default(),
            looks: Looks::default(),
            drops: None,
            dropped: Some(Drops::default()),
            lines: Lines::new(most),
        }
    }

    /// Looks at the ports that are taken, now and then.
    fn look(&mut self, known: &Tracker, now: u64, around: &mut Context<'_>) {
        if self.recent.due.is_some_and(|due| now < due) {
            return;
        }
        let began = Instant::now();
        if !known.is_unsure() {
            self.looks.ask(known, false);
            let taken = TakenPorts::of(
                known,
                At { now, lately: now },
                |it| is_asked_for(&self.filter, it, around.cgroups),
                |netns| self.looks.ranges.get(&netns)?.as_ref(),
            );
            self.recent.add(Lately { at_ns: now, taken });
        }
        self.recent.due = Some(now + ns(began.elapsed() * SHARE).max(LOOK_NS));
    }

    /// Counts what there is at `now`; `lately`: since when TIME_WAITs are young. `None` after
    /// losses, until the sockets were looked at: what nobody told of is not known to have ended.
    fn census(
        &mut self,
        known: &Tracker,
        now: u64,
        lately: u64,
        around: &mut Context<'_>,
    ) -> Option<Census> {
        if known.is_unsure() {
            return None;
        }
        Some(Census::of(
            known,
            At { now, lately },
            self.run.by,
            |it| is_asked_for(&self.filter, it, around.cgroups),
            |netns| self.looks.ranges.get(&netns)?.as_ref(),
        ))
    }

    /// Listeners that dropped something, are asked for, and that no SYN got to.
    fn full(
        &self,
        drops: Option<&Drops>,
        figures: &Figures,
        census: Option<&Census>,
        known: &Tracker,
        around: &mut Context<'_>,
    ) -> Vec<ListenAddress> {
        let Some(drops) = drops else {
            return Vec::new();
        };
        let half_open = census.iter().flat_map(|it| it.half_open.iter());
        let rows = figures.listeners.iter().map(|(it, _): (_, &HalfOpen)| it);
        let rows = rows.chain(half_open.map(|(it, _)| it));
        let full = drops.beside(rows).filter(|(cookie, _)| {
            let listener = known.connection(*cookie);
            listener.is_some_and(|it| is_asked_for(&self.filter, &it, around.cgroups))
        });
        full.map(|(_, listener)| listener).collect()
    }

    /// What listeners dropped until now, in the part that is told and in those before. `None`: nobody
    /// knows.
    fn dropped_by(&mut self, now: u64) -> Option<Drops> {
        let by_now = self.looks.drops_by(now, NEAR_NS);
        let part = between(self.drops.as_deref(), by_now.as_deref());
        Some(self.dropped.take()?.and_later(part?))
    }

    /// Shows the interval, and begins the next.
    fn end_interval(
        &mut self,
        known: &Tracker,
        now: u64,
        around: &mut Context<'_>,
    ) -> io::Result<()> {
        let census = self.census(known, now, now, around);
        let by = self.run.by;
        let Some(interval) = &mut self.interval else {
            return Ok(());
        };
        let figures = std::mem::replace(&mut interval.figures, Figures::new(by));
        let before = interval.drops.take();
        let by_now = self.looks.drops_by(now, interval.near_ns());
        let drops = between(before.as_deref(), by_now.as_deref());
        let full = self.full(drops.as_ref(), &figures, census.as_ref(), known, around);
        let Some(interval) = &mut self.interval else {
            return Ok(());
        };
        self.lines.stop_waiting();
        self.view.show(
            &Period {
                span: Span::Interval,
                earlier: None,
                from_ns: interval.began_ns,
                to_ns: now,
                figures: &figures,
                before: interval.before.as_ref(),
                now: census.as_ref(),
                lately: None,
                drops: drops.as_ref(),
                full_listeners: &full,
                ranges: &self.looks.ranges,
            },
            around,
        )?;
        self.view.flush()?;
        interval.began_ns = now;
        interval.before = census;
        interval.drops = by_now;
        interval.asked = false;
        // A machine that was suspended, or too busy, leaves intervals out.
        while interval.due <= now {
            interval.due += interval.every_ns;
        }
        self.run.absorb(figures);
        Ok(())
    }
}

/// What listeners dropped between two looks, if both are known.
fn between(before: Option<&DropCounts>, now: Option<&DropCounts>) -> Option<Drops> {
    Some(Drops::between(before?, now?))
}

impl Consumer for Stats {
    /// What listeners had dropped before must not count as dropped meanwhile.
    fn begin(&mut self, known: &Tracker, machine: &Machine) {
        self.looks = Looks::at(machine);
        self.looks.ask(known, true);
        self.looks.wait(PATIENCE);
    }

    fn start(&mut self, start: &Start, clock: &Clock) -> io::Result<()> {
        let what = match self.interval {
            Some(_) => "the first interval to end",
            None => "the end of the run, to show what happened",
        };
        self.lines.begin(&mut *self.view, start, clock, what)
    }

    fn transition(&mut self, it: &Transition, _: &mut Context<'_>) -> io::Result<ControlFlow<()>> {
        match &mut self.interval {
            Some(interval) => interval.figures.take(it),
            None => self.run.take(it),
        }
        Ok(ControlFlow::Continue(()))
    }

    fn is_silent(&self) -> bool {
        self.interval.is_none()
    }

    fn lost(&mut self, events: u64) -> io::Result<()> {
        match &mut self.interval {
            Some(interval) => interval.figures.lost += events,
            None => self.run.lost += events,
        }
        self.lines.lost(&mut *self.view, events)
    }

    fn review_due(&self) -> Option<u64> {
        let report = self.interval.as_ref().map(|interval| match interval.asked {
            true => interval.due,
            false => interval.look_due(),
        });
        report.into_iter().chain(self.recent.due).min()
    }

    fn review(
        &mut self,
        known: &Tracker,
        now: u64,
        around: &mut Context<'_>,
    ) -> io::Result<ControlFlow<()>> {
        if self.began_ns.is_none() {
            self.began_ns = Some(now);
            self.began_wall_ns = around.clock.wall(now);
            self.before = self.census(known, now, now, around);
            self.recent.due = Some(now + LOOK_NS);
            let drops = self.looks.drops_by(now, NEAR_NS);
            self.drops.clone_from(&drops);
            if let Some(interval) = &mut self.interval {
                interval.began_ns = now;
                interval.due = now + interval.every_ns;
                interval.before.clone_from(&self.before);
                interval.drops = drops;
            }
            return Ok(ControlFlow::Continue(()));
        }
        self.looks.take();
        if let Some(interval) = &mut self.interval
            && !interval.asked
        {
            if interval.drops.is_none() {
                // It came late.
                interval.drops = self.looks.drops_by(interval.began_ns, interval.near_ns());
            }
            if now >= interval.look_due() {
                interval.asked = true;
                self.looks.ask(known, true);
            }
        }
        self.look(known, now, around);
        let due = |it: &Interval| now >= it.due;
        if !self.interval.as_ref().is_some_and(due) {
            return Ok(ControlFlow::Continue(()));
        }
        self.end_interval(known, now, around)?;
        Ok(self.lines.one_more())
    }

    fn finish(&mut self, known: &Tracker, now: u64, around: &mut Context<'_>) -> io::Result<()> {
        self.lines.stop_waiting();
        self.looks.ask(known, true);
        self.looks.wait(PATIENCE);
        let lately = self.recent.get().map_or(now, |it| it.at_ns);
        let census = self.census(known, now, lately, around);
        if let Some(interval) = self.interval.take() {
            self.run.absorb(interval.figures);
        }
        let drops = self.dropped_by(now);
        let full = self.full(drops.as_ref(), &self.run, census.as_ref(), known, around);
        self.view.show(
            &Period {
                span: Span::Run,
                earlier: self.earlier,
                from_ns: self.began_ns.unwrap_or(now),
                to_ns: now,
                figures: &self.run,
                before: self.before.as_ref(),
                now: census.as_ref(),
                lately: self.recent.get(),
                drops: drops.as_ref(),
                full_listeners: &full,
                ranges: &self.looks.ranges,
            },
            around,
        )
    }

    /// What is there is counted anew, and time with it.
    fn interrupt(&mut self, known: &Tracker, now: u64, around: &mut Context<'_>) -> io::Result<()> {
        self.end_interval(known, now, around)?;
        // What is dropped between two parts of a recording nobody knows.
        self.dropped = self.dropped_by(now);
        self.drops = None;
        if let Some(began_ns) = self.began_ns.take() {
            let earlier = self.earlier.get_or_insert(Earlier {
                began_wall_ns: self.began_wall_ns,
                ns: 0,
            });
            earlier.ns += now.saturating_sub(began_ns);
        }
        self.before = None;
        self.recent = Recent::default();
        Ok(())
    }

    fn learn(&mut self, netns: u32, settings: &NamespaceSettings) {
        self.looks.ranges.insert(netns, settings.ports.clone());
    }

    fn dropped(&mut self, at_ns: u64, counts: Option<&DropCounts>) {
        self.looks.told(at_ns, counts.cloned());
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }

    fn shown(&self) -> u64 {
        let interval = self
            .interval
            .as_ref()
            .map_or(0, |it| it.figures.transitions);
        self.run.transitions + interval
    }

    fn close(&mut self, end: &End) -> io::Result<()> {
        self.lines.close(&mut *self.view, end)
    }
}
