//! `tcptrace watch`: every transition, one line each.

use std::{
    io::{self, BufWriter},
    ops::ControlFlow,
};

use anyhow::Result;

use super::{
    lines::{self, Lines},
    live::{Consumer, Live, LiveOptions, Outcome},
};
use crate::{
    kernel::{Clock, Metrics},
    track::Transition,
    view::{
        Colour, Csv, Json, Layout, Palette, Start, Stdout, Surroundings, Table, View, terminal,
    },
};

/// Formats of the output.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, clap::ValueEnum)]
pub enum Output {
    /// For people.
    #[default]
    Table,
    /// One object a line.
    Json,
    /// With a header line.
    Csv,
}

/// What `watch` is told.
#[derive(Clone, Debug)]
pub struct WatchOptions {
    /// What all live commands are told.
    pub live: LiveOptions,
    /// Stop after so many lines.
    pub count: Option<u64>,
    /// The format.
    pub output: Output,
    /// When to colour.
    pub colour: Colour,
    /// Show UTC instead of local time in tables.
    pub utc: bool,
}

/// Shows every transition until something ends it.
///
/// # Errors
/// When this machine can't be traced, or the output not be written.
pub async fn watch(options: &WatchOptions) -> Result<Outcome> {
    let live = Live::attach(&options.live, Metrics::ForReasons)?;
    lines::report_degraded(live.degraded());
    let mut consumer = Watch {
        view: view(options),
        lines: Lines::new(options.count),
    };
    let outcome = live.run(&options.live, &mut consumer).await?;
    consumer.lines.stop_waiting();
    if outcome.unread {
        return Ok(outcome);
    }
    let view = &mut consumer.view;
    let written = view.end(&outcome.end).and_then(|()| view.flush());
    lines::report(&outcome.end);
    outcome.told(written)
}

fn view(options: &WatchOptions) -> Box<dyn View<Transition>> {
    let out = BufWriter::with_capacity(1 << 16, Stdout::lock());
    match options.output {
        Output::Json => Box::new(Json::new(out)),
        Output::Csv => Box::new(Csv::new(out)),
        Output::Table => {
            let ascii = !terminal::speaks_unicode();
            let layouts = move || Layout::new(terminal::columns(), ascii);
            Box::new(Table::new(
                out,
                Palette::stdout(options.colour),
                options.utc,
                layouts,
            ))
        }
    }
}

struct Watch {
    view: Box<dyn View<Transition>>,
    lines: Lines,
}

impl Consumer for Watch {
    fn start(&mut self, start: &Start, clock: &Clock) -> io::Result<()> {
        self.view.start(start, clock)?;
        self.view.flush()?;
        self.lines.wait_for("a connection to change its state");
        Ok(())
    }

    fn transition(
        &mut self,
        it: &Transition,
        around: &mut Surroundings<'_>,
    ) -> io::Result<ControlFlow<()>> {
        self.lines.stop_waiting();
        self.view.show(it, around)?;
        Ok(self.lines.one_more())
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
