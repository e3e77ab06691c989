//! `tcptrace watch`: every transition, one line each.

use anyhow::Result;

use super::output::{Output, lines_of};
use crate::{
    consumers::Watch,
    engine::{LiveOptions, Outcome, trace},
    language::Language,
    output::Colour,
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
    /// In which language tables speak.
    pub language: Language,
    /// Show UTC instead of local time in tables.
    pub utc: bool,
}

/// Shows every transition until something ends it.
///
/// # Errors
/// When this machine can't be traced, or the output not be written.
pub async fn watch(options: &WatchOptions) -> Result<Outcome> {
    let watch = Watch::new(
        lines_of(
            options.output,
            options.colour,
            options.language,
            options.utc,
        ),
        options.count,
    );
    trace(&options.live, Metrics::ForReasons, watch).await
}
