//! What is there and what comes, live.

use std::{
    collections::{BTreeMap, HashSet},
    io,
    ops::ControlFlow,
    time::{Duration, Instant},
};

use super::{
    look::{Candidate, Looks},
    once,
    over::Over,
    worker::{Order, Report, Worker},
};
use crate::{
    consumers::lines::Lines,
    diagnose::{Age, Held, Thresholds, Watchlist},
    engine::{Consumer, Outcome},
    filter::Filter,
    host::{CgroupFilter, Clock},
    model::{Cookie, Known, Machine, SocketKind, State, Transition, ns},
    output::{Context, End, ShownStuck, Start, View},
    track::Tracker,
};

/// How often all connections are gone through, at the most and at the least; and what part of the
/// time that may take.
const PERIOD: Duration = Duration::from_millis(200);
const LONGEST_PERIOD: Duration = Duration::from_secs(1);
const SHARE: u32 = 20;
const UNHURRIED_SHARE: u32 = 100;
/// How soon it is asked whether a look is done.
const SOON_NS: u64 = 20_000_000;
/// How long the last look is waited for when the run ends.
const LAST: Duration = Duration::from_secs(2);

/// Tells of each connection once it has been in a state for too long.
pub struct Stuck {
    view: Box<dyn View<ShownStuck>>,
    lines: Lines,
    looks: Looks,
    /// Begun with the first review, when no more privileges are left than it needs.
    worker: Option<Worker>,
    /// The sockets are this machine's, and can be looked at.
    here: bool,
    thresholds: Thresholds,
    watchlist: Watchlist,
    over: Over,
    /// Established ones that were told, as long as they wait.
    told: HashSet<Cookie>,
    /// Connections of a recording that could not be read.
    unread: u64,
    period_ns: u64,
    /// What part of the time it may take.
    share: u32,
    /// When the next review is due: CLOCK_MONOTONIC, ns.
    next: u64,
    /// When connections may be looked at again that are due, that are established, and that are
    /// over: each kind takes its own part of the time.
    look_again: [u64; 3],
}

impl Stuck {
    /// Shows at most so many of those that `filter` lets through.
    pub fn new(
        view: Box<dyn View<ShownStuck>>,
        filter: Filter,
        thresholds: Thresholds,
        most: Option<u64>,
    ) -> Self {
        let looks = Looks::new(filter, thresholds.states());
        let lines = Lines::new(most);
        let period = thresholds
            .shortest()
            .map_or(LONGEST_PERIOD, |shortest| shortest / 10)
            .clamp(PERIOD, LONGEST_PERIOD);
        Self {
            view,
            lines,
            looks,
            worker: None,
            here: true,
            watchlist: Watchlist::new(thresholds.clone()),
            thresholds,
            over: Over::default(),
            told: HashSet::new(),
            unread: 0,
            period_ns: ns(period),
            share: SHARE,
            next: 0,
            look_again: [0; 3],
        }
    }

    /// Takes less of the time, and tells of each a little later: for who leaves it on.
    #[must_use]
    pub fn unhurried(mut self) -> Self {
        self.period_ns = ns(LONGEST_PERIOD);
        self.share = UNHURRIED_SHARE;
        self
    }

    /// Looks once, and loads nothing into the kernel. `cgroups`: the control groups that are
    /// asked for; `for_people`: says so if there is none.
    ///
    /// # Errors
    /// When the sockets can't be looked at, or the output not be written.
    pub fn look_once(
        mut self,
        cgroups: &[CgroupFilter],
        for_people: bool,
    ) -> anyhow::Result<Outcome> {
        let (view, lines) = (&mut *self.view, &mut self.lines);
        once::look(
            self.looks,
            &self.thresholds,
            view,
            lines,
            cgroups,
            for_people,
        )
    }

    /// Whether an established connection that was told waits still.
    #[must_use]
    pub fn still_waits(&self, cookie: Cookie) -> bool {
        !self.here || self.told.contains(&cookie)
    }

    /// What is to be looked at now.
    fn order(&mut self, known: &Tracker, now: u64) -> Order {
        let may = self.look_again.map(|again| now >= again);
        let mut order = Order::default();
        let established = self.thresholds.of(State::Established).is_some();
        let mut waiting = BTreeMap::new();
        if may[0] || may[1] {
            let each = known.connections().inspect(|it| {
                if established && it.state == State::Established {
                    let pid: &mut Option<u32> = waiting.entry(it.tuple.netns).or_default();
                    *pid = pid.or(it.owner.process.and_then(|process| process.pid));
                }
            });
            order.due = self.watchlist.due(each, now);
            if !may[0] {
                order.due.clear();
            }
        }
        if may[1] && !waiting.is_empty() {
            order.waiting = Some(waiting);
        } else if may[1] {
            self.told.clear();
        }
        if let Some(threshold) = self.thresholds.of(State::Closed)
            && may[2]
        {
            // A socket whose connection is over may connect once more.
            order.ended = self.over.due(now, threshold, |it| {
                let now = known.connection(it);
                now.is_some_and(|it| it.kind == SocketKind::Full)
            });
        }
        order
    }

    /// Chooses those that are to be told, and how long they have waited.
    fn judge(&mut self, report: Report, known: &Tracker, now: u64) -> Vec<(Candidate, Held)> {
        let mut found = Vec::new();
        for it in &report.seen.gone {
            self.watchlist.settle(it);
        }
        for it in report.seen.found {
            let age = Age::of(&it.suspect);
            if let Some(held) = self.watchlist.judge(&it.connection, &age, now) {
                found.push((it, held));
            }
        }
        if let Some(waiting) = report.waiting {
            let mut still = HashSet::new();
            for (mut it, age) in waiting {
                let Some(cookie) = it.connection.cookie else {
                    continue;
                };
                still.insert(cookie);
                if self.told.contains(&cookie) {
                    continue;
                }
                if let Some(known) = known.connection(cookie) {
                    it.connection.owner = known.owner;
                    it.connection.opener = known.opener;
                    it.connection.followed = known.followed;
                }
                let held = age.since_before(None);
                found.push((it, held));
            }
            self.told = still;
        }
        let mut open: BTreeMap<Cookie, Candidate> = report
            .ended
            .into_iter()
            .filter_map(|it| Some((it.connection.cookie?, it)))
            .collect();
        for cookie in report.ended_asked {
            let Some((connection, reason)) = self.over.take(cookie) else {
                continue;
            };
            if let Some(mut it) = open.remove(&cookie) {
                let since = connection.since.unwrap_or(now);
                it.connection = connection;
                it.suspect.context.ended = Some(reason);
                let held = Held {
                    ns: Some(now.saturating_sub(since)),
                    at_least: false,
                    estimated: false,
                };
                found.push((it, held));
            }
        }
        found
    }

    /// Shows what came of a look.
    fn show(
        &mut self,
        report: Report,
        known: &Tracker,
        now: u64,
        around: &mut Context<'_>,
    ) -> io::Result<ControlFlow<()>> {
        // On a machine with a million connections that takes its time.
        for (again, took) in self.look_again.iter_mut().zip(report.took) {
            if !took.is_zero() {
                *again = now + ns(took * self.share).max(self.period_ns);
            }
        }
        let found = self.judge(report, known, now);
        for it in &self.looks.diagnose(found, now, around.cgroups) {
            self.lines.stop_waiting();
            self.view.show(it, around)?;
            if self.lines.one_more().is_break() {
                return Ok(ControlFlow::Break(()));
            }
        }
        Ok(ControlFlow::Continue(()))
    }
}

impl Consumer for Stuck {
    fn begin(&mut self, _: &Tracker, machine: &Machine) {
        self.here = machine.namespaces.is_none();
    }

    fn start(&mut self, start: &Start, clock: &Clock) -> io::Result<()> {
        let what = "a connection to get stuck";
        self.lines.begin(&mut *self.view, start, clock, what)
    }

    /// How long each is in its state is looked at now and then, not here.
    fn transition(&mut self, it: &Transition, _: &mut Context<'_>) -> io::Result<ControlFlow<()>> {
        self.over.note(it);
        Ok(ControlFlow::Continue(()))
    }

    /// On another machine, whoever recorded it has looked at the sockets.
    fn stuck(&mut self, found: &str, around: &mut Context<'_>) -> io::Result<ControlFlow<()>> {
        let Ok(it) = ShownStuck::from_kept(found) else {
            self.unread += 1;
            return Ok(ControlFlow::Continue(()));
        };
        let in_cgroup = around.cgroups.is_asked_for(it.connection.owner.cgroup);
        let filter = self.looks.filter();
        if self.thresholds.of(it.connection.state).is_none()
            || !filter.matches_connection(&it.connection, in_cgroup)
        {
            return Ok(ControlFlow::Continue(()));
        }
        self.lines.stop_waiting();
        self.view.show(&it, around)?;
        Ok(self.lines.one_more())
    }

    fn lost(&mut self, events: u64) -> io::Result<()> {
        self.lines.lost(&mut *self.view, events)
    }

    fn asks_for_owners(&self) -> bool {
        true
    }

    fn review_due(&self) -> Option<u64> {
        self.here.then_some(self.next)
    }

    fn review(
        &mut self,
        known: &Tracker,
        now: u64,
        around: &mut Context<'_>,
    ) -> io::Result<ControlFlow<()>> {
        if !self.here {
            return Ok(ControlFlow::Continue(()));
        }
        let began = Instant::now();
        let worker = match &mut self.worker {
            Some(worker) => worker,
            none => {
                let looks = Looks::new(self.looks.filter().clone(), self.looks.states().to_vec());
                none.insert(Worker::start(looks, self.thresholds.clone())?)
            }
        };
        if let Some(report) = worker.report()? {
            if self.show(report, known, now, around)?.is_break() {
                return Ok(ControlFlow::Break(()));
            }
            self.view.flush()?;
        }
        if self.worker.as_ref().is_some_and(Worker::is_busy) {
            self.next = now + SOON_NS;
            return Ok(ControlFlow::Continue(()));
        }
        let order = self.order(known, now);
        self.next = now + ns(began.elapsed() * self.share).max(self.period_ns);
        if let Some(worker) = &mut self.worker
            && !order.is_empty()
        {
            worker.take(order)?;
            self.next = now + SOON_NS;
        }
        Ok(ControlFlow::Continue(()))
    }

    fn finish(&mut self, known: &Tracker, now: u64, around: &mut Context<'_>) -> io::Result<()> {
        let worker = self.worker.as_mut();
        let last = worker.and_then(|worker| worker.last_report(LAST));
        if let Some(report) = last
            && !self.lines.are_enough()
        {
            // The last lines, whether there could be more or not.
            let _ = self.show(report, known, now, around)?;
        }
        Ok(())
    }

    fn flush(&mut self) -> io::Result<()> {
        self.view.flush()
    }

    fn shown(&self) -> u64 {
        self.lines.shown()
    }

    fn close(&mut self, end: &End) -> io::Result<()> {
        if self.unread > 0 {
            log::warn!(
                "{} stuck connections can't be shown: another version of tcptrace recorded them",
                self.unread
            );
        }
        if self.over.missed() > 0 {
            log::warn!(
                "{} connections were over and could not be looked for: too many at once",
                self.over.missed()
            );
        }
        self.lines.close(&mut *self.view, end)
    }
}
