//! Shows a record of each connection when it is over.

use std::{io, ops::ControlFlow};

use tokio::sync::Notify;

use super::lines::Lines;
use crate::{
    aggregate::flows::{Assembler, IdleTable, Patience},
    engine::Consumer,
    filter::Filter,
    host::{Clock, Keepalives},
    model::{FlowRecord, KeepaliveSettings, Known, Machine, NamespaceSettings, Transition},
    output::{Context, End, Part, ShownFlow, Start, View},
    track::Tracker,
};

/// How many connections are remembered at once.
const MOST_FLOWS: usize = 1 << 20;

/// Makes one record a connection, and shows those that are asked for.
pub struct Flows {
    view: Box<dyn for<'a> View<ShownFlow<'a>>>,
    filter: Filter,
    assembler: Assembler,
    idle_table: IdleTable,
    jiffies_per_second: u32,
    /// Settings of namespaces.
    keepalives: Keepalives,
    lines: Lines,
}

impl Flows {
    /// Shows at most so many of those that `filter` lets through.
    pub fn new(
        view: Box<dyn for<'a> View<ShownFlow<'a>>>,
        filter: Filter,
        patience: Patience,
        idle_table: IdleTable,
        most: Option<u64>,
    ) -> Self {
        Self {
            view,
            filter,
            assembler: Assembler::new(patience, MOST_FLOWS),
            idle_table,
            jiffies_per_second: 1,
            keepalives: Keepalives::default(),
            lines: Lines::new(most),
        }
    }

    fn jiffy_ns(&self) -> u64 {
        1_000_000_000 / u64::from(self.jiffies_per_second.max(1))
    }

    fn show(
        &mut self,
        record: &FlowRecord,
        around: &mut Context<'_>,
    ) -> io::Result<ControlFlow<()>> {
        let in_cgroup = around.cgroups.is_asked_for(record.owner.cgroup);
        if !self.filter.matches_flow(record, in_cgroup) {
            return Ok(ControlFlow::Continue(()));
        }
        self.lines.stop_waiting();
        let idle = record
            .idle_jiffies()
            .map(|jiffies| u64::from(jiffies) * self.jiffy_ns());
        let candidates: Vec<_> = idle
            .into_iter()
            .flat_map(|idle| self.idle_table.explain(idle, record.opener, record.closer))
            .collect();
        let jiffies_per_second = self.jiffies_per_second.into();
        let keepalive = keepalive(record, &mut self.keepalives, jiffies_per_second);
        let flow = ShownFlow {
            record,
            idle_before_close_ns: idle,
            idle_candidates: &candidates,
            keepalive,
        };
        self.view.show(&flow, around)?;
        Ok(self.lines.one_more())
    }
}

/// Keepalive of a connection: its own settings, and the namespace's where it has none.
fn keepalive(
    record: &FlowRecord,
    known: &mut Keepalives,
    jiffies_per_second: u64,
) -> Option<KeepaliveSettings> {
    let own = record.measured.filter(|_| record.keepalive == Some(true))?;
    let all_its_own =
        own.keepalive_time != 0 && own.keepalive_interval != 0 && own.keepalive_probes != 0;
    let default = match all_its_own {
        true => None,
        false => known.of(record.tuple.netns),
    };
    let seconds = |own: u32, default: Option<u32>| match own {
        0 => default,
        jiffies => u32::try_from(u64::from(jiffies) / jiffies_per_second.max(1)).ok(),
    };
    Some(KeepaliveSettings {
        time_s: seconds(own.keepalive_time, default.map(|it| it.time_s))?,
        interval_s: seconds(own.keepalive_interval, default.map(|it| it.interval_s))?,
        probes: match own.keepalive_probes {
            0 => default?.probes,
            probes => probes.into(),
        },
    })
}

impl Consumer for Flows {
    /// Asks for what will be needed of the connections that are there.
    fn begin(&mut self, known: &Tracker, machine: &Machine) {
        self.jiffies_per_second = machine.jiffies_per_second;
        if let Some(namespaces) = &machine.namespaces {
            self.keepalives = Keepalives::known(namespaces);
        }
        for it in known.connections() {
            let pid = it.owner.process.and_then(|process| process.pid);
            self.keepalives.ask(it.tuple.netns, pid);
        }
    }

    fn start(&mut self, start: &Start, clock: &Clock) -> io::Result<()> {
        let what = "a connection to close";
        self.lines.begin(&mut *self.view, start, clock, what)
    }

    fn transition(
        &mut self,
        it: &Transition,
        around: &mut Context<'_>,
    ) -> io::Result<ControlFlow<()>> {
        let pid = it.owner.process.and_then(|process| process.pid);
        self.keepalives.ask(it.tuple.netns, pid);
        match self.assembler.take(it) {
            Some(record) => self.show(&record, around),
            None => Ok(ControlFlow::Continue(())),
        }
    }

    fn finish(&mut self, known: &Tracker, now: u64, around: &mut Context<'_>) -> io::Result<()> {
        let mut half_open: Vec<FlowRecord> = known
            .connections()
            .filter(|it| self.assembler.is_unknown(it))
            .map(|it| FlowRecord::half_open(&it, now))
            .collect();
        half_open.sort_by_key(|it| it.time_ns);
        let mut rest: Vec<FlowRecord> = self.assembler.finish().collect();
        rest.append(&mut half_open);
        for record in rest {
            if self.lines.are_enough() || self.show(&record, around)?.is_break() {
                break;
            }
        }
        Ok(())
    }

    fn interrupt(&mut self, known: &Tracker, now: u64, around: &mut Context<'_>) -> io::Result<()> {
        self.finish(known, now, around)
    }

    fn review_due(&self) -> Option<u64> {
        self.view.due()
    }

    fn review(
        &mut self,
        _: &Tracker,
        now: u64,
        _: &mut Context<'_>,
    ) -> io::Result<ControlFlow<()>> {
        if self.view.due().is_some_and(|due| due <= now) {
            self.view.passed(now)?;
        }
        Ok(ControlFlow::Continue(()))
    }

    fn full(&self) -> Option<&Notify> {
        self.view.full()
    }

    fn learn(&mut self, netns: u32, settings: &NamespaceSettings) {
        self.keepalives.learn(netns, settings.keepalive);
    }

    fn part(&mut self, part: Option<&Part>) -> io::Result<()> {
        self.view.part(part)
    }

    fn lost(&mut self, events: u64) -> io::Result<()> {
        self.lines.lost(&mut *self.view, events)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.view.flush()
    }

    fn shown(&self) -> u64 {
        self.lines.shown()
    }

    fn close(&mut self, end: &End) -> io::Result<()> {
        self.lines.close(&mut *self.view, end)
    }
}
