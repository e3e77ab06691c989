//! The command line of `tcptrace report`.

use std::path::PathBuf;

use clap::Args;
use tcptrace::{
    commands::{ReportOptions, ReportTarget},
    engine::{Moment, ReplayOptions},
};

use super::{
    language::LanguageArgs,
    replay::moment,
    run::{Help, RunArgs, StateArgs},
    sockets::SocketArgs,
};

/// Options of `tcptrace report`.
#[derive(Args, Debug)]
#[command(
    after_help = "The page shows addresses and names as they are: what is made of a recording of \
                  `tcptrace record --anonymize` can be given to a stranger. The file is written aside \
                  and has its name when it is whole; one that is there is replaced. Exit status: 0 \
                  done; 1 failed, or --strict and the recording is not complete; 2 wrong usage."
)]
pub struct ReportArgs {
    /// The recording: a folder that `tcptrace record` made, or a file in it. It takes no privileges,
    /// and may be another machine's.
    #[arg(
        short = 'r',
        long = "read",
        value_name = "PATH",
        help_heading = "Recordings"
    )]
    read: PathBuf,
    /// From then on: 2026-11-26T03:15:00Z, "2026-11-26 03:15" in this machine's zone, or -10m
    /// before the end of the recording.
    #[arg(long, value_name = "TIME", value_parser = moment, allow_hyphen_values = true, help_heading = "Recordings")]
    from: Option<Moment>,
    /// Until then.
    #[arg(long, value_name = "TIME", value_parser = moment, allow_hyphen_values = true, help_heading = "Recordings")]
    to: Option<Moment>,
    /// The file that is written; - is standard output.
    #[arg(short = 'o', long = "output", value_name = "FILE")]
    output: PathBuf,
    #[command(flatten)]
    language: LanguageArgs,
    #[command(flatten)]
    sockets: SocketArgs,
    #[command(flatten)]
    states: StateArgs<Self>,
    #[command(flatten)]
    pub(super) run: RunArgs<Self>,
}

impl Help for ReportArgs {
    const STATE: &'static str = "Transitions from or to these states, and connections that went \
        through them: time-wait, …";
    const STRICT: &'static str = "Exit with status 1 if any event was lost, or something can't be \
        read. The page is written nonetheless";
}

impl ReportArgs {
    /// What `report` is told.
    ///
    /// # Errors
    /// When an interface is asked for, which is another machine's, or a language that tcptrace does
    /// not speak.
    pub fn into_options(self) -> anyhow::Result<ReportOptions> {
        let language = self.language.of_file()?;
        let cgroups = self.sockets.cgroups(false)?;
        let filter = self.sockets.into_filter_elsewhere()?;
        let run = self.run.into_options(filter, self.states, cgroups);
        Ok(ReportOptions {
            language,
            run,
            recording: ReplayOptions {
                path: self.read,
                from: self.from,
                to: self.to,
            },
            target: match self.output.as_os_str() == "-" {
                true => ReportTarget::Stdout,
                false => ReportTarget::File(self.output),
            },
        })
    }
}
