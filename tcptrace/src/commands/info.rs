//! `tcptrace info`: what is in a recording.

use std::path::PathBuf;

use anyhow::Result;

use super::ReportFormat;
use crate::{
    output::{RecordingReport, Stdout, terminal},
    privileges,
    source::replay::Recording,
};

/// What `info` is told.
#[derive(Clone, Debug)]
pub struct InfoOptions {
    /// A segment, or a folder of them.
    pub path: PathBuf,
    /// The format.
    pub output: ReportFormat,
    /// Show UTC instead of local time.
    pub utc: bool,
}

/// Says what is in a recording.
///
/// # Errors
/// When it can't be read, or the output not be written.
pub fn info(options: &InfoOptions) -> Result<()> {
    privileges::keep_callers();
    let recording = Recording::open(&options.path)?;
    let report = RecordingReport::of(&options.path, &recording)?;
    let mut out = Stdout::lock();
    match options.output {
        ReportFormat::Json => report.json(&mut out)?,
        ReportFormat::Table => report.table(&mut out, options.utc, terminal::columns())?,
    }
    Ok(())
}
