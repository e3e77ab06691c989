//! What a developer does more than once: `cargo xtask`.

mod cargo;
mod demo;
mod lint;
mod release;
mod repository;
mod root;
mod run;
mod search_path;
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
    /// Runs all tests; those with real sockets as root (through sudo if need be).
    Test {
        /// Arguments of the test binaries.
        #[arg(last = true)]
        args: Vec<OsString>,
    },
    /// Checks the format and lints both halves.
    Lint,
    /// Makes the traffic of `run --demo`; needs root.
    #[command(hide = true)]
    DemoTraffic {
        /// End after that many rounds.
        #[arg(long, value_name = "N", value_parser = clap::value_parser!(u32).range(1..))]
        rounds: Option<u32>,
    },
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
    if let Task::DemoTraffic { rounds } = task {
        demo::play(rounds)?;
        return Ok(ExitCode::SUCCESS);
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
        Task::Test { args } => test::all(&repository, &args),
        Task::Lint => lint::all(&repository),
        Task::DemoTraffic { .. } => unreachable!("done above, it needs no repository"),
    }
}
