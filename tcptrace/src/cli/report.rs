//! The command line of `tcptrace report`.

use std::path::PathBuf;

use clap::{ArgAction, Args};
use tcptrace::{
    commands::{ReportOptions, ReportTarget},
    engine::{Moment, ReplayOptions, RunOptions},
    filter::Filter,
    model::State,
};

use super::{language::LanguageArgs, replay::moment, sockets::SocketArgs};

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
    /// Transitions from or to these states, and connections that went through them: time-wait, …
    #[arg(
        short = 's',
        long,
        value_name = "STATE",
        value_delimiter = ',',
        help_heading = "Filters"
    )]
    state: Vec<State>,
    /// Remember so many connections at the most, 1024 to 67108864.
    #[arg(
        long,
        default_value_t = 1 << 20,
        value_name = "N",
        value_parser = clap::value_parser!(u32).range(1 << 10..=1 << 26)
    )]
    max_connections: u32,
    /// Exit with status 1 if any event was lost, or something can't be read. The page is written
    /// nonetheless.
    #[arg(long)]
    strict: bool,
    /// Log more, to stderr.
    #[arg(short = 'v', long, action = ArgAction::Count)]
    pub(super) verbose: u8,
}

impl ReportArgs {
    /// What `report` is told.
    ///
    /// # Errors
    /// When an interface is asked for, which is another machine's, or a language that tcptrace does
    /// not speak.
    pub fn into_options(self) -> anyhow::Result<ReportOptions> {
        Ok(ReportOptions {
            language: self.language.of_file()?,
            run: RunOptions {
                cgroups: self.sockets.cgroups(false)?,
                filter: Filter {
                    states: self.state,
                    ..self.sockets.into_filter_elsewhere()?
                },
                recorded_cgroups: Vec::new(),
                duration: None,
                max_connections: self.max_connections,
                strict: self.strict,
            },
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
