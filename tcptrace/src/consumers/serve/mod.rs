//! Keeps the figures that monitoring systems ask for, and hands them over when they do.

mod listeners;
mod names;

use std::{
    io,
    ops::ControlFlow,
    sync::Arc,
    time::{Duration, Instant},
};

use tokio::sync::Notify;

use self::{listeners::DroppedByListeners, names::Names};
use super::{
    Flows, due::Due, is_asked_for, keeping::Keeping, keeping::Spare, looks::Looks, stuck::StuckNow,
};
use crate::{
    aggregate::{
        flows::{IdleTable, IdleTableError, Patience},
        meters::{Groups, Meters},
        stats::{At, By, Census, Group, Lately, fullest},
    },
    diagnose::{Thresholds, Verdict},
    engine::Consumer,
    filter::Filter,
    host::{Cgroups, Clock, Namespaces},
    metrics::{
        Exchange, Grouped, RecorderFigures, RouteFigures, Senders, Server, Snapshot, ready,
        stopping,
    },
    model::{Machine, State, Transition},
    output::{Context, End, GroupValue, Json, Start, say},
    record::{Anonymizer, Progress, Recorder},
    track::Tracker,
};

/// How often what is there is counted anew, ns.
const COUNT_NS: u64 = 5_000_000_000;
/// The same while it is not known, ns.
const UNSURE_NS: u64 = 100_000_000;
/// The shortest time between two answers, ns: however many ask.
const ANSWER_NS: u64 = 50_000_000;
/// How often it is looked for counters that are idle, and for settings that were changed, ns.
const IDLE_LOOK_NS: u64 = 60_000_000_000;
/// How long answers are waited for at the beginning.
const PATIENCE: Duration = Duration::from_secs(2);
/// So many destinations are told, the fullest.
const DESTINATIONS: usize = 20;

/// What is served.
#[derive(Clone, Debug)]
pub struct Served {
    /// Counters have that label besides.
    pub by: Option<By>,
    /// So many time series at the most by that label.
    pub max_series: usize,
    /// What of a recording is spared, if all is recorded besides.
    pub spare: Option<Vec<Spare>>,
}

/// Keeps figures.
pub struct Serve {
    exchange: Arc<Exchange>,
    server: Server,
    senders: Option<Senders>,
    /// Makes records of connections for them.
    flows: Option<Flows>,
    filter: Filter,
    meters: Meters,
    groups: Option<Groups>,
    names: Names,
    transitions: u64,
    stuck: StuckNow,
    looked_for_stuck: bool,
    keeping: Option<Keeping>,
    recorded: Option<Progress>,
    looks: Looks,
    dropped: DroppedByListeners,
    census: Option<Census>,
    census_ns: u64,
    ports_before: Option<Lately>,
    netns: Option<u32>,
    lost: u64,
    began_wall_ns: i64,
    /// The first review is over.
    began: bool,
    count: Due,
    idle_due: u64,
    /// Before that no question is answered: CLOCK_MONOTONIC, ns.
    answer_due: u64,
}

impl Serve {
    /// Hands over figures of connections that `filter` lets through.
    ///
    /// # Errors
    /// When the table of idle timeouts can't be read.
    pub fn new(
        exchange: Arc<Exchange>,
        server: Server,
        mut senders: Option<Senders>,
        filter: Filter,
        thresholds: Thresholds,
        served: &Served,
    ) -> Result<Self, IdleTableError> {
        let log = senders.as_mut().and_then(|it| it.flows.take());
        let flows = match log {
            None => None,
            Some(log) => {
                let view = Box::new(Json::new(log));
                let patience = Patience::UntilClosed;
                Some(Flows::new(
                    view,
                    filter.clone(),
                    patience,
                    IdleTable::load(None)?,
                    None,
                ))
            }
        };
        Ok(Self {
            exchange,
            server,
            senders,
            flows,
            stuck: StuckNow::new(filter.clone(), thresholds),
            filter,
            meters: Meters::default(),
            groups: served.by.map(|by| Groups::new(by, served.max_series)),
            names: Names::default(),
            transitions: 0,
            looked_for_stuck: false,
            keeping: served.spare.as_deref().map(Keeping::new),
            recorded: None,
            looks: Looks::default(),
            dropped: DroppedByListeners::default(),
            census: None,
            census_ns: 0,
            ports_before: None,
            netns: None,
            lost: 0,
            began_wall_ns: 0,
            began: false,
            count: Due::default(),
            idle_due: 0,
            answer_due: 0,
        })
    }

    /// Counts what there is, now and then, and at once when that is known again.
    fn count(&mut self, known: &Tracker, now: u64, cgroups: &mut Cgroups) {
        if known.is_unsure() {
            // Nobody knows before the sockets were looked at.
            self.meters.set_now(None);
            self.census = None;
            self.ports_before = None;
            self.count.done(now, UNSURE_NS, Duration::ZERO);
            return;
        }
        if !self.count.is_over(now) {
            return;
        }
        let began = Instant::now();
        self.looks.ask(known, true);
        let lately = self.ports_before.as_ref().map_or(now, |it| it.at_ns);
        let census = Census::brief(
            known,
            At { now, lately },
            |it| is_asked_for(&self.filter, it, cgroups),
            |netns| self.looks.ranges.get(&netns)?.as_ref(),
        );
        self.meters
            .set_now(Some(State::ALL.map(|it| census.now(it))));
        if let Some(before) = self.census.replace(census) {
            self.ports_before = Some(Lately {
                at_ns: self.census_ns,
                taken: before.taken,
            });
        }
        self.census_ns = now;
        self.count.done(now, COUNT_NS, began.elapsed());
    }

    /// Takes what was looked up.
    fn take_looks(&mut self) {
        self.looks.take();
        if let Some(now) = self.looks.drops_asked_for() {
            self.dropped.take(&now);
        }
    }

    fn answer(&mut self, question: u64, known: &Tracker, now: u64, around: &mut Context<'_>) {
        let routes = self.census.as_ref().map(|census| {
            let before = self.ports_before.as_ref();
            let at = self.census_ns;
            let routes = fullest(
                &census.taken,
                before,
                at,
                &self.looks.ranges,
                4 * DESTINATIONS,
            );
            let mut told: Vec<RouteFigures> = Vec::new();
            for it in routes {
                // Of several ways to one destination, the fullest.
                let same = |other: &RouteFigures| {
                    (other.remote, other.port) == (it.route.remote, it.route.port)
                };
                if told.len() < DESTINATIONS && !told.iter().any(same) {
                    told.push(RouteFigures {
                        remote: it.route.remote,
                        port: it.route.port,
                        used: it.taken.held(),
                        limit: it.available,
                        exhausted_in_s: it.outlook.and_then(|it| it.exhausted_in_s),
                    });
                }
            }
            told
        });
        let here = self.netns.and_then(|netns| self.looks.ranges.get(&netns));
        let snapshot = Snapshot {
            ticket: question,
            wall_ns: around.clock.wall(now),
            mono_ns: now,
            began_wall_ns: self.began_wall_ns,
            meters: self.meters.clone(),
            grouped: self
                .groups
                .as_ref()
                .map(|it| grouped(it, &self.names, around)),
            stuck: self.looked_for_stuck.then(|| self.stuck_by_verdict()),
            listeners: self
                .census
                .as_ref()
                .map(|census| self.dropped.with(&census.half_open)),
            routes,
            ports_limit: here.and_then(|it| Some(it.as_ref()?.available)),
            lost: self.lost,
            forgotten: known.forgotten(),
            recorder: self.recorded.map(|it| RecorderFigures {
                events: it.events,
                bytes: it.bytes,
                lost: it.lost,
            }),
        };
        self.exchange.answer(snapshot);
    }

    fn stuck_by_verdict(&self) -> Vec<(State, Verdict, u64)> {
        let mut counts: Vec<(State, Verdict, u64)> = Vec::new();
        for it in self.stuck.iter() {
            let key = (it.connection.state, it.diagnosis.verdict);
            match counts.iter_mut().find(|it| (it.0, it.1) == key) {
                Some(count) => count.2 += 1,
                None => counts.push((key.0, key.1, 1)),
            }
        }
        counts
    }
}

/// Counters by whose they are, with words for whose.
fn grouped(groups: &Groups, names: &Names, around: &mut Context<'_>) -> Grouped {
    let mut rows = Vec::new();
    for (group, meters) in groups.iter() {
        let whose = match group {
            Group::Within(first) => first
                .and_then(|it| names.name(it))
                .unwrap_or_default()
                .to_owned(),
            _ => GroupValue::new(groups.by(), group, around.cgroups).word(),
        };
        rows.extend(
            meters
                .iter()
                .map(|(series, count)| (whose.clone(), series, count)),
        );
    }
    let other = groups.other().iter();
    rows.extend(other.map(|(series, count)| ("other".to_owned(), series, count)));
    Grouped {
        label: groups.by().name(),
        rows,
        folded: *groups.folded(),
    }
}

impl Consumer for Serve {
    fn begin(&mut self, known: &Tracker, machine: &Machine) {
        if let Some(flows) = &mut self.flows {
            flows.begin(known, machine);
        }
        self.netns = machine.netns;
        self.stuck.begin(known, machine);
        // What listeners had dropped before must not count as dropped meanwhile.
        self.looks.ask(known, true);
        self.looks.wait(PATIENCE);
        self.take_looks();
        if let Some(netns) = machine.netns {
            let range = Namespaces::find(netns, None).and_then(|it| it.port_range().ok());
            self.looks.ranges.entry(netns).or_insert(range);
        }
    }

    fn start(&mut self, _: &Start, _: &Clock) -> io::Result<()> {
        Ok(())
    }

    fn transition(
        &mut self,
        it: &Transition,
        around: &mut Context<'_>,
    ) -> io::Result<ControlFlow<()>> {
        self.transitions += 1;
        self.meters.take(it);
        match &mut self.groups {
            Some(groups) if matches!(groups.by(), By::Container | By::Pod | By::Unit) => {
                let (by, mut it) = (groups.by(), *it);
                let cgroup = it.owner.cgroup;
                it.owner.cgroup = cgroup.and_then(|id| self.names.first(by, id, around.cgroups));
                groups.take(&it);
            }
            Some(groups) => groups.take(it),
            None => {}
        }
        if let Some(keeping) = &mut self.keeping {
            keeping.transition(it);
        }
        if let Some(flows) = &mut self.flows {
            let _ = flows.transition(it, around)?;
        }
        self.stuck.transition(it, around)
    }

    fn lost(&mut self, events: u64) -> io::Result<()> {
        self.lost += events;
        self.meters.set_now(None);
        if let Some(keeping) = &mut self.keeping {
            keeping.lost();
        }
        Ok(())
    }

    fn asks_for_owners(&self) -> bool {
        true
    }

    fn wake(&self) -> Option<&Notify> {
        Some(self.exchange.wake())
    }

    fn review_due(&self) -> Option<u64> {
        let question = self.exchange.question().map(|_| self.answer_due);
        let flows = self.flows.as_ref().and_then(Flows::review_due);
        let due = [
            self.stuck.review_due(),
            question,
            Some(self.count.at()),
            flows,
        ];
        due.into_iter().flatten().min()
    }

    fn review(
        &mut self,
        known: &Tracker,
        now: u64,
        around: &mut Context<'_>,
    ) -> io::Result<ControlFlow<()>> {
        if !self.began {
            self.began = true;
            self.began_wall_ns = around.clock.wall(now);
            for at in self.server.at() {
                say(format_args!("metrics are at {at}"));
            }
            ready();
        }
        if let Some(flows) = &mut self.flows
            && flows.review_due().is_some_and(|due| now >= due)
        {
            let _ = flows.review(known, now, around)?;
        }
        self.looked_for_stuck |= self.stuck.review_due().is_some_and(|due| now >= due);
        self.stuck.review(known, now, around)?;
        self.take_looks();
        self.count(known, now, around.cgroups);
        if now >= self.idle_due {
            self.idle_due = now + IDLE_LOOK_NS;
            self.looks.forget_asked();
            if let Some(groups) = &mut self.groups {
                groups.forget_idle(now);
                self.names.keep(groups);
            }
        }
        if let Some(question) = self.exchange.question()
            && now >= self.answer_due
        {
            if self.keeping.is_none() {
                self.stuck.take();
            }
            self.answer(question, known, now, around);
            self.answer_due = now + ANSWER_NS;
        }
        Ok(ControlFlow::Continue(()))
    }

    fn record(
        &mut self,
        recorder: &mut Recorder,
        other: Option<&mut Anonymizer>,
    ) -> io::Result<()> {
        if let Some(keeping) = &mut self.keeping {
            keeping.record(self.stuck.take(), recorder, other)?;
            self.recorded = Some(recorder.progress());
        }
        Ok(())
    }

    fn flush(&mut self) -> io::Result<()> {
        match &mut self.flows {
            Some(flows) => flows.flush(),
            None => Ok(()),
        }
    }

    fn shown(&self) -> u64 {
        self.transitions
    }

    fn finish(&mut self, known: &Tracker, now: u64, around: &mut Context<'_>) -> io::Result<()> {
        stopping();
        // Nothing happens any more: that is the answer to whoever asked and to whoever will. Collectors
        // are sent it.
        self.answer(u64::MAX, known, now, around);
        // Its channel closes with it. Those that are open have not ended.
        if let Some(mut flows) = self.flows.take() {
            flows.flush()?;
        }
        Ok(())
    }

    fn close(&mut self, _: &End) -> io::Result<()> {
        if let Some(senders) = &mut self.senders {
            senders.close();
        }
        self.server.close();
        Ok(())
    }
}
