//! The command line.

mod doctor;
mod explain;
mod export;
mod language;
mod list;
mod record;
mod replay;
#[cfg(feature = "report")]
mod report;
mod run;
mod schema;
#[cfg(feature = "serve")]
mod serve;
#[cfg(feature = "ship")]
mod ship;
mod sockets;
mod stats;
mod stuck;
mod top;
mod words;

use std::{ffi::OsString, io, path::PathBuf, process::ExitCode, time::Duration};

use clap::{
    Args, CommandFactory as _, Parser, Subcommand,
    error::{ContextKind, ContextValue},
};
#[cfg(feature = "report")]
use tcptrace::commands::ReportOptions;
#[cfg(feature = "serve")]
use tcptrace::commands::ServeOptions;
#[cfg(feature = "ship")]
use tcptrace::commands::{ShipOptions, ShipSchemaOptions};
use tcptrace::{
    commands::{
        DoctorOptions, ExplainOptions, ExportOptions, FlowsOptions, InfoOptions, ListOptions,
        Output, RecordOptions, StatsOptions, StuckOptions, TopOptions, WatchOptions, duration,
    },
    engine::{LiveOptions, ReplayOptions, RunOptions},
    filter::Filter,
    host::Scope,
    output::{Colour, Log, say, schema::LineType},
    source::live::buffer_size,
};

#[cfg(feature = "report")]
use self::report::ReportArgs;
#[cfg(feature = "serve")]
use self::serve::ServeArgs;
#[cfg(feature = "ship")]
use self::ship::{ShipArgs, Shipping};
use self::{
    doctor::DoctorArgs,
    explain::ExplainArgs,
    export::ExportArgs,
    language::LanguageArgs,
    list::ListArgs,
    record::{InfoArgs, RecordArgs},
    replay::ReplayArgs,
    run::{Help, RunArgs, StateArgs},
    schema::SchemaArgs,
    sockets::SocketArgs,
    stats::StatsArgs,
    stuck::StuckArgs,
    top::TopArgs,
};

/// Shows every TCP connection of this machine going through its states, live, and tells why.
#[derive(Debug, Parser)]
#[command(
    version,
    args_conflicts_with_subcommands = true,
    after_help = "Exit status: 0 done; 1 failed, or --strict and events were lost; 2 wrong usage; \
                  3 this machine can't be traced (the message says what is missing). With -- \
                  COMMAND, the command's own."
)]
pub struct Cli {
    #[command(subcommand)]
    command: Option<Command>,
    #[command(flatten)]
    watch: Watch,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Every transition, live, one line each (the default command).
    Watch(Watch),
    /// One line a connection when it is over: its phases, who closed it, why, how long idle.
    Flows(Flows),
    /// What happened, summed up: time in each state, ends, who makes the TIME_WAITs, ports left.
    Stats(StatsArgs),
    /// Connections that stay too long in a state: why, whose they are, what to do.
    Stuck(StuckArgs),
    /// All of it on one live screen: the state machine with its rates, connections, processes, remotes.
    Top(TopArgs),
    /// The sockets that there are now, with their timers, queues and owners. Loads no eBPF.
    List(ListArgs),
    /// Keep what happens in a folder, to look at it later: a flight recorder that can be left on.
    Record(RecordArgs),
    /// Metrics for Prometheus and OpenTelemetry: left on, as a service.
    #[cfg(feature = "serve")]
    Serve(ServeArgs),
    /// What is in a recording: where, when, how much, what was lost, where it is cut.
    Info(InfoArgs),
    /// A recording as Parquet, JSON or CSV: files that DuckDB, polars and others read.
    Export(ExportArgs),
    /// A recording as a page to be read by people: one file of HTML, which asks nobody for anything.
    #[cfg(feature = "report")]
    Report(ReportArgs),
    /// A recording's flows to ClickHouse or a collector of OpenTelemetry, as they come.
    #[cfg(feature = "ship")]
    Ship(ShipArgs),
    /// What a state, a reason or a setting means, in plain words.
    Explain(ExplainArgs),
    /// Can this machine be traced, and how is TCP set up on it.
    Doctor(DoctorArgs),
    /// What -o json writes, as a JSON schema.
    Schema(SchemaArgs),
}

/// What is to be done.
pub enum Invocation {
    /// `tcptrace watch`.
    Watch(WatchOptions),
    /// `tcptrace flows`.
    Flows(FlowsOptions),
    /// `tcptrace stats`.
    Stats(StatsOptions),
    /// `tcptrace stuck`.
    Stuck(StuckOptions),
    /// `tcptrace top`.
    Top(TopOptions),
    /// `tcptrace list`.
    List(ListOptions),
    /// `tcptrace record`.
    Record(RecordOptions),
    /// `tcptrace serve`.
    #[cfg(feature = "serve")]
    Serve(Box<ServeOptions>),
    /// `tcptrace info`.
    Info(InfoOptions),
    /// `tcptrace export`.
    Export(ExportOptions),
    /// `tcptrace report`.
    #[cfg(feature = "report")]
    Report(Box<ReportOptions>),
    /// `tcptrace ship`.
    #[cfg(feature = "ship")]
    Ship(Box<ShipOptions>),
    /// `tcptrace ship --print-schema`.
    #[cfg(feature = "ship")]
    ShipSchema(Box<ShipSchemaOptions>),
    /// `tcptrace explain`.
    Explain(ExplainOptions),
    /// `tcptrace doctor`.
    Doctor(DoctorOptions),
    /// `tcptrace schema`, of one type or all.
    Schema(Option<LineType>),
}

#[derive(Args, Debug)]
struct Flows {
    #[command(flatten)]
    watch: Watch,
    /// Wait for the end of TIME_WAIT before a connection is shown.
    #[arg(long)]
    time_wait: bool,
    /// Idle timeouts beside those that tcptrace knows, as TOML: [[timeout]] with product,
    /// setting, seconds and source.
    #[arg(long, value_name = "FILE")]
    idle_table: Option<PathBuf>,
}

#[derive(Args, Debug)]
struct Watch {
    #[command(flatten)]
    live: LiveArgs,
    /// Stop after N lines.
    #[arg(short = 'n', long, value_name = "N", value_parser = clap::value_parser!(u64).range(1..))]
    count: Option<u64>,
    /// Trace this command and its children alone, and end when it does.
    #[arg(last = true, value_name = "COMMAND", conflicts_with = "read")]
    command: Vec<OsString>,
}

/// Options of every live command that writes lines.
#[derive(Args, Debug)]
#[command(mut_arg("buffer_size", |it| it.conflicts_with("read")))]
struct LiveArgs {
    #[command(flatten)]
    trace: TraceArgs,
    #[command(flatten)]
    replay: ReplayArgs,
    /// Format of the output.
    #[arg(short = 'o', long, value_parser = words::output(), default_value = "table")]
    output: Output,
    /// When to colour; NO_COLOR is honoured.
    #[arg(long, value_parser = words::colour(), default_value = "auto", value_name = "WHEN")]
    color: Colour,
    #[command(flatten)]
    language: LanguageArgs,
    /// Show times in UTC, not in this machine's zone (JSON and CSV are always UTC).
    #[arg(long)]
    utc: bool,
}

/// What is traced, and how.
#[derive(Args, Debug)]
struct TraceArgs {
    #[command(flatten)]
    sockets: SocketArgs,
    #[command(flatten)]
    states: StateArgs<Self>,
    /// Stop after that long: 10s, 5m, 1h30m.
    #[arg(short = 'd', long, value_name = "TIME", value_parser = duration)]
    duration: Option<Duration>,
    /// Size of the ring buffer to the kernel, a power of two.
    #[arg(long, default_value = "8M", value_name = "SIZE", value_parser = buffer_size)]
    buffer_size: u32,
    #[command(flatten)]
    run: RunArgs<Self>,
}

impl Help for TraceArgs {
    const MAX_CONNECTIONS: &'static str = "Remember so many connections at the most, 1024 to \
        67108864; beyond that, those that are over or idle are forgotten before stuck ones, and \
        listeners never";
    const STRICT: &'static str = "Exit with status 1 if any event was lost";
    const VERBOSE: &'static str = "Log more, to stderr; twice for the kernel half's log, three \
        times for each of its records";
}

impl Cli {
    /// How often `-v` was given.
    pub fn verbosity(&self) -> u8 {
        match &self.command {
            None => self.watch.live.trace.run.verbose,
            Some(Command::Watch(watch)) => watch.live.trace.run.verbose,
            Some(Command::Flows(flows)) => flows.watch.live.trace.run.verbose,
            Some(Command::Stats(stats)) => stats.watch.live.trace.run.verbose,
            Some(Command::Stuck(stuck)) => stuck.live.trace.run.verbose,
            Some(Command::Top(top)) => top.trace.run.verbose,
            Some(Command::Record(record)) => record.trace.run.verbose,
            #[cfg(feature = "serve")]
            Some(Command::Serve(serve)) => serve.trace.run.verbose,
            Some(Command::Export(export)) => export.run.verbose,
            #[cfg(feature = "report")]
            Some(Command::Report(report)) => report.run.verbose,
            #[cfg(feature = "ship")]
            Some(Command::Ship(ship)) => ship.verbose,
            // They have nothing to log.
            Some(
                Command::List(_)
                | Command::Info(_)
                | Command::Explain(_)
                | Command::Doctor(_)
                | Command::Schema(_),
            ) => 0,
        }
    }

    /// What is to be done.
    ///
    /// # Errors
    /// When something is asked for that there is not: a network interface.
    pub fn into_invocation(self) -> anyhow::Result<Invocation> {
        Ok(match self.command {
            None => Invocation::Watch(self.watch.into_options()?),
            Some(Command::Watch(watch)) => Invocation::Watch(watch.into_options()?),
            Some(Command::Flows(flows)) => Invocation::Flows(flows.into_options()?),
            Some(Command::Stats(stats)) => Invocation::Stats(stats.into_options()?),
            Some(Command::Stuck(stuck)) => Invocation::Stuck(stuck.into_options()?),
            Some(Command::Top(top)) => Invocation::Top(top.into_options()?),
            Some(Command::List(list)) => Invocation::List(list.into_options()?),
            Some(Command::Record(record)) => Invocation::Record(record.into_options()?),
            #[cfg(feature = "serve")]
            Some(Command::Serve(serve)) => Invocation::Serve(Box::new(serve.into_options()?)),
            Some(Command::Info(info)) => Invocation::Info(info.into_options()),
            Some(Command::Export(export)) => Invocation::Export(export.into_options()?),
            #[cfg(feature = "report")]
            Some(Command::Report(report)) => Invocation::Report(Box::new(report.into_options()?)),
            #[cfg(feature = "ship")]
            Some(Command::Ship(ship)) => match ship.into_shipping()? {
                Shipping::Ship(options) => Invocation::Ship(options),
                Shipping::Schema(options) => Invocation::ShipSchema(options),
            },
            Some(Command::Explain(explain)) => Invocation::Explain(explain.into_options()?),
            Some(Command::Doctor(doctor)) => Invocation::Doctor(doctor.into_options()?),
            Some(Command::Schema(schema)) => Invocation::Schema(schema.into_what()),
        })
    }
}

impl Watch {
    fn into_options(self) -> anyhow::Result<WatchOptions> {
        Ok(WatchOptions {
            count: self.count,
            output: self.live.output,
            colour: self.live.color,
            language: self.live.language.of_terminal()?,
            utc: self.live.utc,
            live: self.live.into_options(self.command)?,
        })
    }
}

impl Flows {
    fn into_options(self) -> anyhow::Result<FlowsOptions> {
        let WatchOptions {
            live,
            count,
            output,
            colour,
            language,
            utc: _,
        } = self.watch.into_options()?;
        Ok(FlowsOptions {
            live,
            count,
            output,
            colour,
            language,
            time_wait: self.time_wait,
            idle_table: self.idle_table,
        })
    }
}

impl LiveArgs {
    fn into_options(self, command: Vec<OsString>) -> anyhow::Result<LiveOptions> {
        self.trace.into_options(command, self.replay.into_options())
    }
}

impl TraceArgs {
    fn into_options(
        self,
        command: Vec<OsString>,
        recording: Option<ReplayOptions>,
    ) -> anyhow::Result<LiveOptions> {
        let here = recording.is_none();
        let scope = self.sockets.netns(here)?.map_or(Scope::All, Scope::One);
        let cgroups = self.sockets.cgroups(here)?;
        let filter = Filter {
            followed: !command.is_empty(),
            ..match here {
                true => self.sockets.into_filter(scope)?,
                false => self.sockets.into_filter_elsewhere()?,
            }
        };
        let kernel_log = self.run.verbose > 1;
        Ok(LiveOptions {
            run: RunOptions {
                duration: self.duration,
                ..self.run.into_options(filter, self.states, cgroups)
            },
            buffer_bytes: self.buffer_size,
            kernel_log,
            command,
            recording,
        })
    }
}

/// Wrong usage that only what is asked for together shows.
#[derive(Debug, thiserror::Error)]
#[error("{0} (tcptrace --help tells more)")]
pub struct Usage(pub String);

/// Prints help and the version, and otherwise one line that says what is wrong.
pub fn refuse(error: &clap::Error) -> ExitCode {
    if !error.use_stderr() {
        return match error.print() {
            Err(error) if error.kind() != io::ErrorKind::BrokenPipe => {
                say(format_args!("cannot write to standard output: {error}"));
                ExitCode::FAILURE
            }
            // A closed pipe has seen enough of it.
            _ => ExitCode::SUCCESS,
        };
    }
    let rendered = error.render().to_string();
    // Possible values, a similar option, what is missing; not the usage, nor where help is.
    let told = ["\n\nUsage:", "\n\nFor more information"]
        .iter()
        .fold(&*rendered, |told, rest| {
            told.split(rest).next().unwrap_or(told)
        });
    let lines: Vec<&str> = told
        .trim_start_matches("error: ")
        .lines()
        .map(|line| line.trim().trim_start_matches("tip: "))
        .filter(|line| !line.is_empty())
        .collect();
    let mut line = lines.join("; ").replace("; [", " [").replace(":; ", ": ");
    if let Some(ContextValue::String(word)) = error.get(ContextKind::InvalidArg)
        // Neither an option nor the name of an argument.
        && !word.starts_with(['-', '['])
    {
        let command = Cli::command();
        let names: Vec<&str> = command.get_subcommands().map(|it| it.get_name()).collect();
        line += &format!(
            "; the commands are {} and help, and a program to trace goes behind --",
            names.join(", ")
        );
    }
    say(format_args!("{line} (tcptrace --help tells more)"));
    ExitCode::from(2)
}

/// Logs to stderr: warnings, with `-v` what tcptrace does, with `-vv` what its kernel half logs,
/// with `-vvv` each of its records.
pub fn start_logging(verbosity: u8) {
    let level = match verbosity {
        0 => log::LevelFilter::Warn,
        1 => log::LevelFilter::Info,
        2 => log::LevelFilter::Debug,
        _ => log::LevelFilter::Trace,
    };
    env_logger::Builder::new()
        .filter_level(log::LevelFilter::Warn)
        .filter_module("tcptrace", level)
        // What it says is in the error that it returns, which is told with what would be right.
        .filter_module("rustls_platform_verifier", log::LevelFilter::Off)
        .target(env_logger::Target::Pipe(Box::new(Log)))
        .format(|to, record| {
            use std::io::Write as _;
            writeln!(to, "tcptrace: {}", record.args())
        })
        .init();
}
