//! `tcptrace watch`: every transition, one line each.

use anyhow::Result;

use super::output::{Output, stdout, table_look};
use crate::{
    consumers::Watch,
    engine::{LiveOptions, Outcome, trace},
    model::Transition,
    output::{Colour, Csv, Json, Table, View, terminal},
    source::live::Metrics,
};

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
    let watch = Watch::new(view(options), options.count);
    trace(&options.live, Metrics::ForReasons, watch).await
}

fn view(options: &WatchOptions) -> Box<dyn View<Transition>> {
    let out = stdout();
    match options.output {
        Output::Json => Box::new(Json::new(out)),
        Output::Csv => Box::new(Csv::new(out)),
        Output::Table => {
            let look = table_look(options.colour, options.utc);
            Box::new(Table::new(out, look, terminal::columns))
        }
    }
}
