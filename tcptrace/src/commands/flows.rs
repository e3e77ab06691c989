//! `tcptrace flows`: one line a connection.

use std::{
    io::{self, BufWriter},
    ops::ControlFlow,
    path::PathBuf,
};

use anyhow::Result;

use super::{
    keepalives::Keepalives,
    lines::{self, Lines},
    live::{Consumer, Live, LiveOptions, Outcome},
    watch::Output,
};
use crate::{
    filter::Filter,
    flows::{Assembler, FlowRecord, IdleTable, Patience},
    kernel::{Clock, Metrics, jiffies_per_second, monotonic_now},
    track::{Tracker, Transition},
    view::{
        Colour, End, FlowCsv, FlowJson, FlowTable, Keepalive, Palette, ShownFlow, Start, Stdout,
        Surroundings, View, terminal,
    },
};

/// How many connections are remembered at once.
const MOST_FLOWS: usize = 1 << 20;

/// What `flows` is told.
#[derive(Clone, Debug)]
pub struct FlowsOptions {
    /// What all live commands are told.
    pub live: LiveOptions,
    /// Stop after so many flows.
    pub count: Option<u64>,
    /// The format.
    pub output: Output,
    /// When to colour.
    pub colour: Colour,
    /// Wait until TIME_WAIT is over.
    pub time_wait: bool,
    /// Idle timeouts beside those that tcptrace knows.
    pub idle_table: Option<PathBuf>,
}

/// Shows every connection when it is over, until something ends it.
///
/// # Errors
/// When this machine can't be traced, the table of idle timeouts not be read, or the output not
/// be written.
pub async fn flows(options: &FlowsOptions) -> Result<Outcome> {
    let idle_table = IdleTable::load(options.idle_table.as_deref())?;
    // Who has a connection, and which states it goes through, is known only at its end.
    let mut live_options = options.live.clone();
    live_options.filter = options.live.filter.of_connections();
    let live = Live::attach(&live_options, Metrics::Always)?;
    lines::report_degraded(live.degraded());
    let patience = match options.time_wait {
        true => Patience::UntilTimeWaitEnds,
        false => Patience::UntilClosed,
    };
    let mut consumer = Flows {
        view: view(options),
        filter: options.live.filter.clone(),
        assembler: Assembler::new(patience, MOST_FLOWS),
        idle_table,
        jiffy_ns: 1_000_000_000 / u64::from(jiffies_per_second()),
        keepalives: Keepalives::default(),
        lines: Lines::new(options.count),
    };
    let outcome = live.run(&live_options, &mut consumer).await?;
    consumer.lines.stop_waiting();
    let end = End {
        transitions: consumer.lines.shown(),
        forgotten: outcome.end.forgotten + consumer.assembler.forgotten(),
        ..outcome.end
    };
    if outcome.unread {
        return Ok(outcome);
    }
    let view = &mut consumer.view;
    let written = view.end(&end).and_then(|()| view.flush());
    lines::report(&end);
    outcome.told(written)
}

fn view(options: &FlowsOptions) -> Box<dyn for<'a> View<ShownFlow<'a>>> {
    let out = BufWriter::with_capacity(1 << 16, Stdout::lock());
    match options.output {
        Output::Json => Box::new(FlowJson::new(out)),
        Output::Csv => Box::new(FlowCsv::new(out)),
        Output::Table => {
            let palette = Palette::stdout(options.colour);
            let ascii = !terminal::speaks_unicode();
            Box::new(FlowTable::new(out, palette, ascii, terminal::columns))
        }
    }
}

struct Flows {
    view: Box<dyn for<'a> View<ShownFlow<'a>>>,
    filter: Filter,
    assembler: Assembler,
    idle_table: IdleTable,
    jiffy_ns: u64,
    /// Settings of namespaces.
    keepalives: Keepalives,
    lines: Lines,
}

impl Flows {
    fn show(
        &mut self,
        record: &FlowRecord,
        around: &mut Surroundings<'_>,
    ) -> io::Result<ControlFlow<()>> {
        if !self.filter.matches_flow(record, around.cgroups) {
            return Ok(ControlFlow::Continue(()));
        }
        self.lines.stop_waiting();
        let idle = record
            .idle_jiffies()
            .map(|jiffies| u64::from(jiffies) * self.jiffy_ns);
        let candidates: Vec<_> = idle
            .into_iter()
            .flat_map(|idle| self.idle_table.explain(idle, record.opener, record.closer))
            .collect();
        let keepalive = keepalive(
            record,
            &mut self.keepalives,
            1_000_000_000 / self.jiffy_ns.max(1),
        );
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
) -> Option<Keepalive> {
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
    Some(Keepalive {
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
    fn begin(&mut self, known: &Tracker) {
        for it in known.connections() {
            let pid = it.owner.process.and_then(|process| process.pid);
            self.keepalives.ask(it.tuple.netns, pid);
        }
    }

    fn start(&mut self, start: &Start, clock: &Clock) -> io::Result<()> {
        self.view.start(start, clock)?;
        self.view.flush()?;
        self.lines.wait_for("a connection to close");
        Ok(())
    }

    fn transition(
        &mut self,
        it: &Transition,
        around: &mut Surroundings<'_>,
    ) -> io::Result<ControlFlow<()>> {
        let pid = it.owner.process.and_then(|process| process.pid);
        self.keepalives.ask(it.tuple.netns, pid);
        match self.assembler.take(it) {
            Some(record) => self.show(&record, around),
            None => Ok(ControlFlow::Continue(())),
        }
    }

    fn finish(&mut self, known: &Tracker, around: &mut Surroundings<'_>) -> io::Result<()> {
        let now = monotonic_now();
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

    fn lost(&mut self, events: u64) -> io::Result<()> {
        self.lines.stop_waiting();
        self.view.lost(events)?;
        if !self.view.tells_losses() {
            lines::report_loss(events);
        }
        self.view.flush()
    }

    fn asks_for_owners(&self) -> bool {
        false
    }

    fn flush(&mut self) -> io::Result<()> {
        self.view.flush()
    }

    fn shown(&self) -> u64 {
        self.lines.shown()
    }
}
