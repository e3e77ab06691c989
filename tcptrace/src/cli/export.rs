//! The command line of `tcptrace export`.

use std::path::PathBuf;

use clap::Args;
use tcptrace::{
    commands::{ExportOptions, ExportedRows},
    output::FileForm,
};

use super::{
    Usage,
    run::{Help, RunArgs, StateArgs},
    sockets::SocketArgs,
    words,
};

/// Options of `tcptrace export`.
#[derive(Args, Debug)]
#[command(
    after_help = "Each segment of a recording becomes a file: DIR/host=NAME/date=YYYY-MM-DD/\
                  SEGMENT.ROWS.FORM, the day being that on which it begins, UTC. It is written aside \
                  and has its name when it is whole; one that is there is replaced. Exit status: 0 \
                  done; 1 failed, or --strict and the recording is not complete; 2 wrong usage."
)]
pub struct ExportArgs {
    /// What is exported: folders that `tcptrace record` made, or files in them, of one machine or
    /// several.
    #[arg(
        short = 'r',
        long = "read",
        value_name = "PATH",
        required = true,
        num_args = 1..,
        help_heading = "Recordings"
    )]
    read: Vec<PathBuf>,
    /// The form of the files.
    #[arg(long, value_name = "FORM", value_parser = words::file_form())]
    to: FileForm,
    /// Which rows: those of flows, or of watch.
    #[arg(long, value_name = "ROWS", value_parser = words::exported_rows(), default_value = "flows")]
    rows: ExportedRows,
    /// The folder that they come into; it is made if it is not there.
    #[arg(short = 'o', long = "output", value_name = "DIR")]
    folder: PathBuf,
    /// Go on with segments that are closed later, until Ctrl-C. The one that is being written is
    /// left out, and files that are younger than their segment stay.
    #[arg(long)]
    follow: bool,
    /// Wait for the end of TIME_WAIT before a connection is over.
    #[arg(long)]
    time_wait: bool,
    /// Put other addresses and names in the place of the real ones: files that can be given to a
    /// stranger. Filters are of the real ones.
    #[arg(long)]
    anonymize: bool,
    #[command(flatten)]
    sockets: SocketArgs,
    #[command(flatten)]
    states: StateArgs<Self>,
    #[command(flatten)]
    pub(super) run: RunArgs<Self>,
}

impl Help for ExportArgs {
    const STATE: &'static str =
        "Transitions from or to these states; flows that went through them: time-wait, …";
}

impl ExportArgs {
    /// What `export` is told.
    ///
    /// # Errors
    /// When an interface is asked for, which is another machine's, or several recordings are to be
    /// followed.
    pub fn into_options(self) -> anyhow::Result<ExportOptions> {
        if self.follow && self.read.len() > 1 {
            let told = "--follow takes one folder: start tcptrace export once for each";
            return Err(Usage(told.to_owned()).into());
        }
        let cgroups = self.sockets.cgroups(false)?;
        let filter = self.sockets.into_filter_elsewhere()?;
        let run = self.run.into_options(filter, self.states, cgroups);
        Ok(ExportOptions {
            run,
            recordings: self.read,
            rows: self.rows,
            form: self.to,
            folder: self.folder,
            follow: self.follow,
            time_wait: self.time_wait,
            anonymize: self.anonymize,
        })
    }
}
