//! `tcptrace flows`: one line a connection.

use std::path::PathBuf;

use anyhow::Result;

use super::output::{Output, stdout, table_look};
use crate::{
    aggregate::flows::{IdleTable, Patience},
    consumers::Flows,
    engine::{LiveOptions, Outcome, trace},
    language::Language,
    output::{Colour, Csv, Json, ShownFlow, Table, View, terminal},
    privileges,
    source::live::Metrics,
};

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
    /// In which language tables speak.
    pub language: Language,
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
    let idle_table = privileges::as_caller(|| IdleTable::load(options.idle_table.as_deref()))?;
    let patience = match options.time_wait {
        true => Patience::UntilTimeWaitEnds,
        false => Patience::UntilClosed,
    };
    let filter = options.live.run.filter.clone();
    let flows = Flows::new(view(options), filter, patience, idle_table, options.count);
    // Who has a connection, and which states it goes through, is known only at its end.
    trace(&options.live.of_connections(), Metrics::Always, flows).await
}

fn view(options: &FlowsOptions) -> Box<dyn for<'a> View<ShownFlow<'a>>> {
    let out = stdout();
    match options.output {
        Output::Json => Box::new(Json::new(out)),
        Output::Csv => Box::new(Csv::new(out)),
        Output::Table => {
            let look = table_look(options.colour, options.language, false);
            Box::new(Table::new(out, look, terminal::columns))
        }
    }
}
