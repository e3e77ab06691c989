//! `tcptrace stats`: what happened, summed up.

use std::time::Duration;

use anyhow::Result;

use super::output::{Output, stdout};
use crate::{
    aggregate::stats::{By, Period},
    consumers::Stats,
    engine::{LiveOptions, Outcome, trace},
    language::Language,
    output::{Colour, Json, Palette, StatsCsv, StatsTable, View, terminal},
    source::live::Metrics,
};

/// What `stats` is told.
#[derive(Clone, Debug)]
pub struct StatsOptions {
    /// What all live commands are told.
    pub live: LiveOptions,
    /// Stop after so many reports.
    pub count: Option<u64>,
    /// Report so often, and not only at the end.
    pub interval: Option<Duration>,
    /// Break the figures down.
    pub by: Option<By>,
    /// The format.
    pub output: Output,
    /// When to colour.
    pub colour: Colour,
    /// In which language tables speak.
    pub language: Language,
    /// Show UTC instead of local time in tables.
    pub utc: bool,
}

/// Sums up what happens until something ends it.
///
/// # Errors
/// When this machine can't be traced, or the output not be written.
pub async fn stats(options: &StatsOptions) -> Result<Outcome> {
    // A state of a connection is one that it is in.
    let filter = options.live.run.filter.clone();
    let (by, every, most) = (options.by, options.interval, options.count);
    let stats = Stats::new(view(options), filter, by, every, most);
    trace(&options.live, Metrics::Always, stats).await
}

fn view(options: &StatsOptions) -> Box<dyn for<'a> View<Period<'a>>> {
    let out = stdout();
    match options.output {
        Output::Json => Box::new(Json::new(out)),
        Output::Csv => Box::new(StatsCsv::new(out)),
        Output::Table => {
            let palette = Palette::stdout(options.colour);
            let ascii = !terminal::speaks_unicode();
            let columns = terminal::columns;
            Box::new(StatsTable::new(
                out,
                palette,
                ascii,
                options.language,
                options.utc,
                columns,
            ))
        }
    }
}
