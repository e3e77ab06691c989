//! `tcptrace record`: keeps what happens.

use anyhow::Result;

use crate::{
    consumers::{Record, Spare},
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
    let record = Record::new(&options.recording.folder, &options.spare);
    trace_and_record(&options.live, &options.recording, record).await
}
