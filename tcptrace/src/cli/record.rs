//! The command line of `tcptrace record` and `tcptrace info`.

use std::{ffi::OsString, path::PathBuf, time::Duration};

use clap::Args;
use tcptrace::{
    commands::{InfoOptions, RecordOptions, duration},
    consumers::Spare,
    engine::RecordingOptions,
    record::{Keep, Limits},
};

use super::{TraceArgs, words};

/// Options of `tcptrace record`.
#[derive(Args, Debug)]
#[command(
    after_help = "A recording is looked at with -r: tcptrace watch -r DIR, and so flows, stats, stuck \
                  and list; tcptrace info DIR tells what is in it. Exit status: 0 done; 1 failed, or \
                  --strict and events were lost; 2 wrong usage; 3 this machine can't be traced (the \
                  message says what is missing). With -- COMMAND, the command's own."
)]
pub struct RecordArgs {
    #[command(flatten)]
    pub(super) trace: TraceArgs,
    /// The folder to record in; it is made if it is not there.
    #[arg(
        short = 'o',
        long = "output",
        value_name = "DIR",
        help_heading = "Recordings"
    )]
    folder: PathBuf,
    #[command(flatten)]
    keeping: KeepingArgs,
    /// Trace this command and its children alone, and end when it does.
    #[arg(last = true, value_name = "COMMAND")]
    command: Vec<OsString>,
}

/// What of a recording is kept, and how.
#[derive(Args, Debug)]
pub struct KeepingArgs {
    /// Begin another file when one has that size, or is that old: 64M, 1h.
    #[arg(long, value_name = "SIZE|TIME", value_parser = limit, default_value = "64M", help_heading = "Recordings")]
    rotate: Limit,
    /// Keep so much, or what is not older, and remove the oldest files: 2G, 7d.
    #[arg(long, value_name = "SIZE|TIME", value_parser = limit, value_delimiter = ',', help_heading = "Recordings")]
    keep: Vec<Limit>,
    /// Keep the file in which that happened longer than others, with the one before and the one
    /// after: reasons of transitions, verdicts of stuck connections, stuck for any, lost.
    #[arg(
        long,
        value_name = "WORD",
        value_delimiter = ',',
        help_heading = "Recordings"
    )]
    spare: Vec<Spare>,
    /// Keep so much of these.
    #[arg(long, value_name = "SIZE|TIME", value_parser = limit, value_delimiter = ',', default_value = "1G", help_heading = "Recordings")]
    keep_spared: Vec<Limit>,
    /// Put other addresses and names in the place of the real ones: a recording that can be given to
    /// a stranger.
    #[arg(long, help_heading = "Recordings")]
    anonymize: bool,
    /// How often what was written is brought to the disk; never: when the kernel does it.
    #[arg(long, value_name = "TIME|never", value_parser = sync, default_value = "5s", help_heading = "Recordings")]
    sync: Sync,
}

/// A size or a time.
#[derive(Clone, Copy, Debug)]
enum Limit {
    Bytes(u64),
    Age(Duration),
}

/// How often.
#[derive(Clone, Copy, Debug)]
struct Sync(Option<Duration>);

impl RecordArgs {
    /// What `record` is told.
    ///
    /// # Errors
    /// When there is no such network interface.
    pub fn into_options(self) -> anyhow::Result<RecordOptions> {
        let (recording, spare) = self.keeping.into_options(self.folder);
        Ok(RecordOptions {
            recording,
            spare,
            live: self.trace.into_options(self.command, None)?,
        })
    }
}

impl KeepingArgs {
    /// Where and how it is recorded, and what is spared.
    pub fn into_options(self, folder: PathBuf) -> (RecordingOptions, Vec<Spare>) {
        let (rotate_bytes, rotate_age) = match self.rotate {
            Limit::Bytes(bytes) => (Some(bytes), None),
            Limit::Age(age) => (None, Some(age)),
        };
        let recording = RecordingOptions {
            folder,
            anonymize: self.anonymize,
            limits: Limits {
                rotate_bytes,
                rotate_age,
                keep: keep(&self.keep),
                keep_spared: keep(&self.keep_spared),
                sync: self.sync.0,
                ..Limits::default()
            },
        };
        (recording, self.spare)
    }
}

/// Each narrows it down.
fn keep(limits: &[Limit]) -> Keep {
    let mut keep = Keep::default();
    for limit in limits {
        match *limit {
            Limit::Bytes(bytes) => keep.bytes = Some(bytes.min(keep.bytes.unwrap_or(u64::MAX))),
            Limit::Age(age) => keep.age = Some(age.min(keep.age.unwrap_or(Duration::MAX))),
        }
    }
    keep
}

fn limit(given: &str) -> Result<Limit, String> {
    /// A file of less has room for little more than its own beginning.
    const LEAST: u64 = 64 << 10;
    if given.ends_with(['s', 'm', 'h', 'd']) {
        let age = match given.strip_suffix('d').map(str::parse::<u32>) {
            Some(Ok(days)) => Ok(Duration::from_secs(u64::from(days) * 86_400)),
            _ => duration(given).map_err(|error| error.to_string()),
        }?;
        return match age >= Duration::from_secs(1) {
            true => Ok(Limit::Age(age)),
            false => Err("it takes a second at least".to_owned()),
        };
    }
    let config = parse_size::Config::new().with_binary();
    match config.parse_size(given) {
        Ok(bytes) if bytes >= LEAST => Ok(Limit::Bytes(bytes)),
        Ok(_) => Err("it takes 64K at least".to_owned()),
        Err(_) => Err("it takes a size, as in 64M or 2G, or a time, as in 1h or 7d".to_owned()),
    }
}

fn sync(given: &str) -> Result<Sync, String> {
    if given == "never" {
        return Ok(Sync(None));
    }
    match duration(given) {
        Ok(every) if !every.is_zero() => Ok(Sync(Some(every))),
        _ => Err("it takes a time, as in 5s, or never".to_owned()),
    }
}

/// Options of `tcptrace info`.
#[derive(Args, Debug)]
pub struct InfoArgs {
    /// A folder that `tcptrace record` made, or a file in it.
    #[arg(value_name = "PATH")]
    path: PathBuf,
    /// Format of the output.
    #[arg(short = 'o', long, value_parser = words::report_format(), default_value = "table")]
    output: tcptrace::commands::ReportFormat,
    /// Show times in UTC, not in this machine's zone (JSON is always UTC).
    #[arg(long)]
    utc: bool,
}

impl InfoArgs {
    /// What `info` is told.
    pub fn into_options(self) -> InfoOptions {
        InfoOptions {
            path: self.path,
            output: self.output,
            utc: self.utc,
        }
    }
}
