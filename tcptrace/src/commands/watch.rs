//! `tcptrace watch`: every transition, one line each.

use std::{
    io::{self, BufWriter, IsTerminal as _, Write as _},
    ops::ControlFlow,
};

use anyhow::Result;

use super::live::{Consumer, Live, LiveOptions, Outcome};
use crate::{
    kernel::Clock,
    track::Transition,
    view::{Colour, Csv, End, Json, Layout, Palette, Start, Surroundings, Table, View, terminal},
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
    let live = Live::attach(&options.live)?;
    for degraded in live.degraded() {
        eprintln!("tcptrace: {}: {}", degraded.what, degraded.why);
    }
    let mut consumer = Watch {
        view: view(options),
        left: options.count,
        shown: 0,
        waiting: false,
    };
    let outcome = live.run(&options.live, &mut consumer).await?;
    consumer.stop_waiting();
    consumer.view.end(&outcome.end)?;
    consumer.view.flush()?;
    report(&outcome.end);
    Ok(outcome)
}

/// Says on stderr that events were lost just now.
pub(super) fn report_loss(events: u64) {
    eprintln!(
        "tcptrace: {events} events lost: they came faster than they were read (a larger \
         --buffer-size or a narrower filter helps)"
    );
}

/// Says on stderr what a reader of the output must know.
pub(super) fn report(end: &End) {
    if end.lost > 0 {
        eprintln!(
            "tcptrace: {} events were lost in all; what is shown of their connections is \
             incomplete",
            end.lost
        );
    }
    if end.forgotten > 0 {
        eprintln!(
            "tcptrace: {} connections were forgotten, as too many were open at once; what is \
             shown of them is incomplete",
            end.forgotten
        );
    }
}

fn view(options: &WatchOptions) -> Box<dyn View> {
    let out = BufWriter::with_capacity(1 << 16, io::stdout().lock());
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
    view: Box<dyn View>,
    left: Option<u64>,
    shown: u64,
    /// The message that nothing has happened yet stands on the terminal.
    waiting: bool,
}

impl Watch {
    fn stop_waiting(&mut self) {
        if std::mem::take(&mut self.waiting) {
            eprint!("\r\x1b[K");
            let _ = io::stderr().flush();
        }
    }
}

impl Consumer for Watch {
    fn start(&mut self, start: &Start, clock: &Clock) -> io::Result<()> {
        self.view.start(start, clock)?;
        self.view.flush()?;
        if io::stderr().is_terminal() {
            self.waiting = true;
            eprint!("tcptrace: waiting for a connection to change its state (Ctrl-C ends)");
            let _ = io::stderr().flush();
        }
        Ok(())
    }

    fn transition(
        &mut self,
        it: &Transition,
        around: &mut Surroundings<'_>,
    ) -> io::Result<ControlFlow<()>> {
        self.stop_waiting();
        self.view.transition(it, around)?;
        self.shown += 1;
        if let Some(left) = &mut self.left {
            *left -= 1;
            if *left == 0 {
                return Ok(ControlFlow::Break(()));
            }
        }
        Ok(ControlFlow::Continue(()))
    }

    fn lost(&mut self, events: u64) -> io::Result<()> {
        self.stop_waiting();
        self.view.lost(events)?;
        if !self.view.tells_losses() {
            report_loss(events);
        }
        self.view.flush()
    }

    fn flush(&mut self) -> io::Result<()> {
        self.view.flush()
    }

    fn shown(&self) -> u64 {
        self.shown
    }
}
