//! `tcptrace record`: keeps what happens.

use anyhow::Result;

use crate::{
    consumers::{Record, Spare},
    diagnose::Thresholds,
    engine::{LiveOptions, Outcome, RecordingOptions, trace_and_record},
};

/// What `record` is told.
#[derive(Clone, Debug)]
pub struct RecordOptions {
    /// What all live commands are told.
    pub live: LiveOptions,
    /// Where, and how.
    pub recording: RecordingOptions,
    /// What is kept longer than other things.
    pub spare: Vec<Spare>,
}

/// Keeps what happens in a folder, until something ends it.
///
/// # Errors
/// When this machine can't be traced, or the folder not be written to.
pub async fn record(options: &RecordOptions) -> Result<Outcome> {
    // Those of a state that is asked for are looked for in all: it may be left.
    let filter = options.live.run.filter.clone();
    let thresholds = Thresholds::new(None, &[])?;
    let folder = &options.recording.folder;
    let record = Record::new(folder, &options.spare, filter, thresholds);
    trace_and_record(&options.live, &options.recording, record).await
}
