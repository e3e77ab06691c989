//! `tcptrace stuck`: who is to blame for connections that don't go on.

mod follow;
mod look;
mod once;
mod over;
mod worker;

use std::{io::BufWriter, time::Duration};

use anyhow::Result;

use self::{follow::Follow, look::Looks};
use super::{
    lines::{self, Lines},
    live::{Live, LiveOptions, Outcome},
    watch::Output,
};
use crate::{
    kernel::Metrics,
    stuck::Thresholds,
    view::{Colour, Palette, ShownStuck, Stdout, StuckCsv, StuckJson, StuckTable, View, terminal},
};

/// What `stuck` is told.
#[derive(Clone, Debug)]
pub struct StuckOptions {
    /// What all live commands are told. A duration of zero: look once, and load nothing into the
    /// kernel.
    pub live: LiveOptions,
    /// How long is too long, in every state; otherwise as is usual in each.
    pub held_for: Option<Duration>,
    /// Stop after so many connections.
    pub count: Option<u64>,
    /// The format.
    pub output: Output,
    /// When to colour.
    pub colour: Colour,
}

/// Shows the connections that are stuck, and those that get stuck, until something ends it.
///
/// # Errors
/// When a state is asked for in which nothing gets stuck, this machine can't be traced, or the
/// output not be written.
pub async fn stuck(options: &StuckOptions) -> Result<Outcome> {
    let filter = &options.live.filter;
    let thresholds = Thresholds::new(options.held_for, &filter.states)?;
    let looks = Looks::new(filter.clone(), thresholds.states());
    let mut view = view(options);
    let mut lines = Lines::new(options.count);
    if options.live.limit.duration.is_some_and(|it| it.is_zero()) {
        let for_people = options.output == Output::Table;
        return once::look(looks, &thresholds, &mut *view, &mut lines, for_people);
    }
    let mut live_options = options.live.clone();
    // Who has a connection, and in which state it is, changes while it is watched.
    live_options.filter = filter.of_connections();
    let live = Live::attach(&live_options, Metrics::ForReasons)?;
    lines::report_degraded(live.degraded());
    let mut consumer = Follow::new(view, lines, looks, thresholds);
    let outcome = live.run(&live_options, &mut consumer).await?;
    let (mut view, mut lines) = consumer.into_output();
    lines.stop_waiting();
    let written = view.end(&outcome.end).and_then(|()| view.flush());
    lines::report(&outcome.end);
    outcome.told(written)
}

fn view(options: &StuckOptions) -> Box<dyn View<ShownStuck>> {
    let out = BufWriter::with_capacity(1 << 16, Stdout::lock());
    match options.output {
        Output::Json => Box::new(StuckJson::new(out)),
        Output::Csv => Box::new(StuckCsv::new(out)),
        Output::Table => {
            let palette = Palette::stdout(options.colour);
            let ascii = !terminal::speaks_unicode();
            Box::new(StuckTable::new(out, palette, ascii, terminal::columns))
        }
    }
}
