//! What a developer does more than once: `cargo xtask`.

mod architecture;
mod bench;
mod cargo;
mod crates_io;
mod demo;
mod dependencies;
mod dist;
mod fuzz;
mod imports;
mod kernels;
mod libtest;
mod lint;
mod load;
mod namespace;
mod packages;
mod pinned;
mod python;
mod release;
mod repository;
mod root;
mod run;
mod search_path;
mod services;
mod setup;
mod steps;
mod test;

use std::{ffi::OsString, process::ExitCode};

use anyhow::Result;
use clap::{CommandFactory as _, Parser, Subcommand};

use crate::repository::Repository;

/// Builds, runs, tests and checks tcptrace. What is missing is installed on the way.
#[derive(Debug, Parser)]
#[command(name = "cargo xtask", bin_name = "cargo xtask")]
struct Cli {
    #[command(subcommand)]
    task: Option<Task>,
}

#[derive(Debug, Subcommand)]
enum Task {
    /// Builds the release binary, target/release/tcptrace.
    Build,
    /// Builds and runs tcptrace, as root (through sudo if need be).
    Run {
        /// Also make traffic to look at, in a network namespace of its own.
        #[arg(long)]
        demo: bool,
        /// Arguments of tcptrace.
        #[arg(last = true)]
        args: Vec<OsString>,
    },
    /// Runs all tests; those with real sockets as root (through sudo if need be). Programs that they
    /// take are installed by apt-get if they are missing: Apache, nginx, HAProxy, curl, iproute2; what
    /// reads exported files comes from PyPI into .tools.
    Test {
        /// Run the real-socket tests on Debian's kernels instead, in QEMU: all, or those whose
        /// version begins so (6.1,7).
        #[arg(long, value_name = "VERSION,…", value_delimiter = ',', num_args = 0..=1)]
        kernels: Option<Vec<String>>,
        /// Only those under load, one after another: a million connections, floods, and so on, in
        /// six minutes; or a twentieth of it (`small`) in less than one.
        #[arg(long, value_name = "SIZE", num_args = 0..=1, default_missing_value = "full", conflicts_with = "kernels")]
        load: Option<test::Load>,
        /// Arguments of the test binaries.
        #[arg(last = true)]
        args: Vec<OsString>,
    },
    /// Captures the scenarios of tcptrace/tests/scenarios anew from Debian's kernels, in QEMU: all,
    /// or those whose version begins so (6.1,7). Those of this machine's kernel: see
    /// tcptrace/examples/capture.
    Capture {
        /// Make the recordings of tcptrace/tests/recordings anew instead.
        #[arg(long)]
        recordings: bool,
        /// The kernels.
        #[arg(value_name = "VERSION,…", value_delimiter = ',')]
        kernels: Vec<String>,
    },
    /// Records on the disk of one of Debian's kernels in QEMU, the newest or the one that is named
    /// (6.1), cuts its power, and compares what is on the disk with what had been told.
    PowerCut {
        /// The kernel.
        #[arg(value_name = "VERSION")]
        kernel: Option<String>,
    },
    /// Checks the format, lints both halves, and checks which way imports run, and licences, sources
    /// and known holes of the crates that others wrote.
    Lint,
    /// Feeds what reads bytes with bytes that nobody would send.
    Fuzz(fuzz::Plan),
    /// Makes the packages that others get, into target/dist: for each architecture a static binary as
    /// .tar.gz and .deb, its debug information, and what it consists of; and the sums of all of them.
    /// It takes about 10 minutes on two CPUs.
    Dist(dist::Options),
    /// Tries what crates.io would get: the kernel half, compiled, is put into the crate of tcptrace, and
    /// both crates are packed and built from that.
    Publish,
    /// Compares tcptrace with its peers on this machine, and writes docs/benchmarks.md; as root
    /// (through sudo if need be). Peers that are missing are installed from Debian's packages. It
    /// takes about 20 minutes, in which the machine should do nothing else.
    Bench(bench::Options),
    /// Makes the traffic of `run --demo`; needs root.
    #[command(hide = true)]
    DemoTraffic {
        /// End after that many rounds.
        #[arg(long, value_name = "N", value_parser = clap::value_parser!(u32).range(1..))]
        rounds: Option<u32>,
    },
    /// Installs packages of Debian while services stay off; needs root.
    #[command(hide = true)]
    InstallPackages {
        #[arg(required = true)]
        packages: Vec<OsString>,
    },
    /// Makes short connections, for `bench`; needs root. Prints one line of JSON.
    #[command(hide = true)]
    Load(load::Plan),
    /// Starts and cancels timers, for `bench`; needs root. Prints one line of JSON.
    #[command(hide = true)]
    LoadTimers(load::TimersPlan),
}

fn main() -> ExitCode {
    match perform(Cli::parse().task) {
        Ok(code) => code,
        Err(error) => {
            eprintln!("xtask: {error:#}");
            ExitCode::FAILURE
        }
    }
}

fn perform(task: Option<Task>) -> Result<ExitCode> {
    let Some(task) = task else {
        Cli::command().print_help()?;
        return Ok(ExitCode::SUCCESS);
    };
    // Those that need no repository.
    let done = match &task {
        Task::DemoTraffic { rounds } => Some(demo::play(*rounds)),
        Task::InstallPackages { packages } => Some(packages::install_by_root(packages)),
        Task::Load(plan) => Some(load::connections(plan)),
        Task::LoadTimers(plan) => Some(load::timers(plan)),
        _ => None,
    };
    if let Some(done) = done {
        return done.map(|()| ExitCode::SUCCESS);
    }
    if let Task::Bench(options) = &task {
        return bench::run(options);
    }
    let repository = Repository::open()?;
    match task {
        Task::Build => {
            let binary = release::build(&repository)?;
            eprintln!("built {}", binary.display());
            Ok(ExitCode::SUCCESS)
        }
        Task::Run { demo: false, args } => run::alone(&release::build(&repository)?, &args),
        Task::Run { demo: true, args } => run::with_demo(&release::build(&repository)?, &args),
        Task::Test {
            kernels: Some(asked),
            args,
            ..
        } => kernels::test(&repository, &asked, &args),
        Task::Test {
            load: Some(load),
            args,
            ..
        } => test::load(&repository, load, &args),
        Task::Test { args, .. } => test::all(&repository, &args),
        Task::Capture {
            recordings: false,
            kernels,
        } => kernels::scenarios(&repository, &kernels),
        Task::Capture {
            recordings: true,
            kernels,
        } => kernels::recordings(&repository, &kernels),
        Task::PowerCut { kernel } => kernels::power_cut(&repository, &Vec::from_iter(kernel)),
        Task::Lint => lint::all(&repository),
        Task::Dist(options) => dist::run(&repository, &options),
        Task::Publish => crates_io::dry_run(&repository),
        Task::Fuzz(plan) => fuzz::all(&repository, &plan),
        Task::Bench(_)
        | Task::DemoTraffic { .. }
        | Task::InstallPackages { .. }
        | Task::Load(_)
        | Task::LoadTimers(_) => unreachable!("done above"),
    }
}
