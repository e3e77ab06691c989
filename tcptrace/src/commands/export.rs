//! `tcptrace export`: a recording as files that other programs read.

use std::path::PathBuf;

use anyhow::Result;

use crate::{
    aggregate::flows::{IdleTable, Patience},
    consumers::{Flows, Watch},
    engine::{self, Outcome, RunOptions},
    model::Transition,
    output::{Anonymized, FileForm, Files, ShownFlow, View},
};

/// Which rows are exported.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ExportedRows {
    /// Those of `flows`.
    Flows,
    /// Those of `watch`.
    Transitions,
}

/// What `export` is told.
#[derive(Clone, Debug)]
pub struct ExportOptions {
    /// What every run is told.
    pub run: RunOptions,
    /// Segments, or folders of them.
    pub recordings: Vec<PathBuf>,
    /// Which rows.
    pub rows: ExportedRows,
    /// The form of the files.
    pub form: FileForm,
    /// The folder that they come into.
    pub folder: PathBuf,
    /// Go on with segments that are closed later: of one folder.
    pub follow: bool,
    /// Wait until TIME_WAIT is over.
    pub time_wait: bool,
    /// Put other addresses and names in the place of the real ones.
    pub anonymize: bool,
}

/// Writes a file for each segment.
///
/// # Errors
/// When a recording can't be read, or a file not be written.
pub async fn export(options: &ExportOptions) -> Result<Outcome> {
    let mut files = Files::new(options.folder.clone(), options.form);
    if options.follow {
        // Those were made before it was begun anew.
        files = files.keeping_younger();
    }
    let mut run = options.run.clone();
    let (from, follow) = (&options.recordings, options.follow);
    match options.rows {
        ExportedRows::Transitions => {
            let view: Box<dyn View<Transition>> = match options.anonymize {
                true => Box::new(Anonymized::new(files)?),
                false => Box::new(files),
            };
            let watch = Watch::new(view, None);
            engine::export(&run, from, follow, watch).await
        }
        ExportedRows::Flows => {
            let patience = match options.time_wait {
                true => Patience::UntilTimeWaitEnds,
                false => Patience::UntilClosed,
            };
            let filter = run.filter.clone();
            // Who has a connection, and which states it goes through, is known only at its end.
            run.filter = filter.of_connections();
            let idle_table = IdleTable::load(None)?;
            let view: Box<dyn for<'a> View<ShownFlow<'a>>> = match options.anonymize {
                true => Box::new(Anonymized::new(files)?),
                false => Box::new(files),
            };
            let flows = Flows::new(view, filter, patience, idle_table, None);
            engine::export(&run, from, follow, flows).await
        }
    }
}
