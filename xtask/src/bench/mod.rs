//! `cargo xtask bench`: tcptrace side by side with its peers, on this machine.
//!
//! The user's half builds, and writes `docs/benchmarks.md`. The half that measures is run by root, and
//! hands its results over as JSON:
//!
//! * [`peers`] installs what is missing, [`tracers`] knows how each is started,
//! * [`attached`] is a tracer at work, [`ready`] tells when it is, [`asked`] asks for metrics,
//! * [`load`] makes the connections, [`seen`] counts what the tracer told of them,
//! * [`pairs`] does both in turn, [`idle`] does without a load,
//! * [`kernel_half`] measures the programs in the kernel, by [`bpf`], beside a [`bare`] record,
//! * [`instructions`] counts what an event takes in userspace,
//! * [`results`] is what is handed over, [`targets`] judges it, [`report`] writes it.

mod asked;
mod attached;
mod bare;
mod bpf;
mod idle;
mod instructions;
mod kernel_half;
mod load;
mod machine;
mod pairs;
mod peers;
mod ready;
mod report;
mod results;
mod seen;
mod spread;
mod targets;
mod tracers;

use std::{
    env, fs,
    path::{Path, PathBuf},
    process::{ExitCode, Stdio},
    time::Duration,
};

use anyhow::{Context as _, Result, bail, ensure};
use clap::Args;

use self::{
    results::{Configuration, Results},
    tracers::Tracer,
};
use crate::{
    cargo::{cargo, executable, shown},
    release,
    repository::Repository,
    root, setup,
};

/// What is written.
const REPORT: &str = "docs/benchmarks.md";
/// The configurations of the load.
const CONFIGURATIONS: [Configuration; 2] =
    [Configuration { threads: 1 }, Configuration { threads: 2 }];

/// How to measure.
#[derive(Args, Clone, Debug)]
pub struct Options {
    /// Runs without and with each tracer, in turn.
    #[arg(long, value_name = "N", default_value_t = 7, value_parser = clap::value_parser!(u32).range(1..=1000))]
    pairs: u32,
    /// Seconds of load in each run.
    #[arg(long, value_name = "S", default_value_t = 3, value_parser = clap::value_parser!(u32).range(1..=600))]
    seconds: u32,
    /// Only these: tcptrace (all its commands) or watch, flows, stats, record, serve, top, perf,
    /// tcpstates, tcplife, bpftrace.
    #[arg(long, value_name = "NAME", value_delimiter = ',')]
    only: Vec<String>,
    /// Two pairs of one second, to see whether it works; writes no docs/benchmarks.md.
    #[arg(long)]
    quick: bool,
    /// Measure that binary, as root; used by `bench` itself.
    #[arg(long, value_name = "BINARY", hide = true)]
    measure: Option<PathBuf>,
}

impl Options {
    fn pairs(&self) -> u32 {
        if self.quick { 2 } else { self.pairs }
    }

    fn load(&self) -> Duration {
        Duration::from_secs(if self.quick { 1 } else { self.seconds.into() })
    }

    /// Without any load.
    fn idle(&self) -> Duration {
        Duration::from_secs(if self.quick { 2 } else { 10 })
    }

    fn asks_for(&self, tracer: &Tracer) -> bool {
        self.only.is_empty()
            || self
                .only
                .iter()
                .any(|name| name == tracer.name || name == tracer.of)
    }
}

/// Builds, measures, and writes what was found.
///
/// # Errors
/// When something can't be built, there is no root, or nothing at all can be measured. A tracer
/// that can't run here is reported as such.
pub fn run(options: &Options) -> Result<ExitCode> {
    if let Some(binary) = &options.measure {
        println!("{}", serde_json::to_string(&measure(options, binary)?)?);
        return Ok(ExitCode::SUCCESS);
    }
    let repository = Repository::open()?;
    setup::prepare(&repository, &[])?;
    let binary = release::build_prepared(&repository)?;
    let results = measured_by_root(&repository, &binary)?;
    let text = report::write(&results, &machine::Checkout::of(&repository));
    print!("{text}");
    let path = repository.root.join(REPORT);
    if options.quick || !options.only.is_empty() {
        eprintln!("bench: {REPORT} is written by a whole run only");
    } else {
        fs::write(&path, text).with_context(|| format!("{} can't be written", path.display()))?;
        eprintln!("bench: wrote {}", path.display());
    }
    Ok(ExitCode::SUCCESS)
}

/// Starts the other half: this program, built as tcptrace is, by root.
fn measured_by_root(repository: &Repository, binary: &Path) -> Result<Results> {
    let mut build = cargo(repository);
    build.args(["build", "--release", "--package", "xtask"]);
    let own = executable(&mut build, "bin", "xtask")?;
    let mut arguments = vec!["bench".into(), "--measure".into(), binary.into()];
    // What the user typed behind `bench`.
    arguments.extend(env::args_os().skip(2));
    let mut command = root::command(&own, &arguments)?;
    command.stdout(Stdio::piped());
    let shown = shown(&command);
    let output = command
        .spawn()
        .and_then(std::process::Child::wait_with_output)
        .with_context(|| format!("`{shown}` can't be started"))?;
    ensure!(
        output.status.success(),
        "`{shown}` failed: {}",
        output.status
    );
    serde_json::from_slice(&output.stdout)
        .with_context(|| format!("what `{shown}` says can't be read"))
}

/// Measures; the results go to standard output, what is going on to standard error.
fn measure(options: &Options, binary: &Path) -> Result<Results> {
    if !root::is_root() {
        bail!("measuring needs root: start it as `cargo xtask bench`, which uses sudo");
    }
    let tracers: Vec<Tracer> = tracers::all(binary)
        .into_iter()
        .filter(|tracer| options.asks_for(tracer))
        .collect();
    if tracers.is_empty() {
        bail!(
            "--only knows tcptrace, {}",
            tracers::all(binary)
                .iter()
                .map(|tracer| tracer.name)
                .collect::<Vec<_>>()
                .join(", ")
        );
    }
    let mut results = Results {
        pairs: options.pairs(),
        seconds: options.load().as_secs(),
        idle_seconds: options.idle().as_secs(),
        kernel_half: None,
        instructions: None,
        tracers: pairs::measure(options, &tracers),
    };
    if let Some(watch) = tracers.iter().find(|tracer| tracer.name == "watch") {
        eprintln!("bench: the programs in the kernel");
        results.kernel_half =
            Some(kernel_half::measure(options, watch).map_err(|error| format!("{error:#}")));
        eprintln!("bench: instructions for each event");
        results.instructions =
            Some(instructions::count(binary).map_err(|error| format!("{error:#}")));
    }
    Ok(results)
}
