//! `tcptrace stuck`: who is to blame for connections that don't go on.

use std::time::Duration;

use anyhow::Result;

use super::output::{Output, lines_of};
use crate::{
    consumers::Stuck,
    diagnose::Thresholds,
    engine::{LiveOptions, Outcome, trace},
    language::Language,
    output::Colour,
    source::live::Metrics,
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
    /// In which language tables speak.
    pub language: Language,
}

/// Shows the connections that are stuck, and those that get stuck, until something ends it.
///
/// # Errors
/// When a state is asked for in which nothing gets stuck, this machine can't be traced, or the
/// output not be written.
pub async fn stuck(options: &StuckOptions) -> Result<Outcome> {
    let filter = &options.live.run.filter;
    let thresholds = Thresholds::new(options.held_for, &filter.states)?;
    let stuck = Stuck::new(
        lines_of(options.output, options.colour, options.language, false),
        filter.clone(),
        thresholds,
        options.count,
    );
    if options.live.run.duration.is_some_and(|it| it.is_zero()) {
        let for_people = options.output == Output::Table;
        return stuck.look_once(&options.live.run.cgroups, for_people);
    }
    // Who has a connection, and in which state it is, changes while it is watched.
    trace(&options.live.of_connections(), Metrics::ForReasons, stuck).await
}
