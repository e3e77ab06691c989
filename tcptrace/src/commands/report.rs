//! `tcptrace report`: a recording as a page to be read by people.

use std::{io::Write as _, path::PathBuf};

use anyhow::Result;

use crate::{
    aggregate::flows::IdleTable,
    consumers::{GatheredReport, Report},
    engine::{self, LiveOptions, Outcome, ReplayOptions, RunOptions},
    language::Language,
    output::{AsideFile, RecordingReport, Stdout, say},
    privileges,
    report::Page,
    source::{live::Metrics, replay::Recording},
};

/// Where the page goes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ReportTarget {
    /// Standard output.
    Stdout,
    /// A file.
    File(PathBuf),
}

/// What `report` is told.
#[derive(Clone, Debug)]
pub struct ReportOptions {
    /// What every run is told.
    pub run: RunOptions,
    /// Which recording is read, and how much of it.
    pub recording: ReplayOptions,
    /// Where the page goes.
    pub target: ReportTarget,
    /// The language that it is in.
    pub language: Language,
}

/// Writes a page about a recording.
///
/// # Errors
/// When it can't be read, or the page not be written.
pub async fn report(options: &ReportOptions) -> Result<Outcome> {
    privileges::keep_callers();
    let recording = Recording::open(&options.recording.path)?;
    let recording = RecordingReport::of(&options.recording.path, &recording)?;
    // A file that is begun does not stay behind.
    engine::hold_signals()?;
    // Who can't write there is told before all is read.
    let file = match &options.target {
        ReportTarget::Stdout => None,
        ReportTarget::File(path) => Some(AsideFile::create(path)?),
    };
    let gathered = GatheredReport::default();
    let filter = options.run.filter.clone();
    let consumer = Report::new(filter, IdleTable::load(None)?, &gathered);
    let outcome = engine::trace(&live(options), Metrics::Always, consumer).await?;
    if outcome.interrupted {
        say("interrupted: no report was written");
        return Ok(outcome);
    }
    let page = Page {
        recording: &recording,
        gathered: &gathered.take(),
        asked: &options.run.asked(),
        whole: options.recording.from.is_none() && options.recording.to.is_none(),
        damaged: outcome.damaged,
    }
    .write(options.language)?;
    match file {
        None => Stdout::lock().write_all(page.as_bytes())?,
        Some(file) => {
            file.writer()?.write_all(page.as_bytes())?;
            file.finish()?;
        }
    }
    Ok(outcome)
}

/// What the loop is told. Who has a connection, and which states it goes through, is known only at its
/// end.
fn live(options: &ReportOptions) -> LiveOptions {
    LiveOptions {
        run: options.run.clone(),
        buffer_bytes: 0,
        kernel_log: false,
        command: Vec::new(),
        recording: Some(options.recording.clone()),
    }
    .of_connections()
}
