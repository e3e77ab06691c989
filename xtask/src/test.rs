//! All tests.

use std::{
    ffi::OsString,
    path::{Path, PathBuf},
    process::{Command, ExitCode},
};

use anyhow::{Context as _, Result, ensure};
use clap::ValueEnum;

use crate::{
    cargo::{cargo, executable, say_and_read, say_and_succeed},
    libtest::failure,
    packages, python, release,
    repository::Repository,
    root, setup,
    steps::Steps,
};

/// Tests that need root.
struct RealSockets {
    name: &'static str,
    /// What is added to their environment.
    environment: &'static [&'static str],
}

const REAL_SOCKETS: [RealSockets; 7] = [
    RealSockets {
        name: "live",
        environment: &[],
    },
    RealSockets {
        name: "list",
        environment: &[],
    },
    RealSockets {
        name: "faults",
        environment: &[],
    },
    // They wait for servers to close, seconds each.
    RealSockets {
        name: "servers",
        environment: &["RUST_TEST_THREADS=8"],
    },
    // They wait for Prometheus and collectors.
    RealSockets {
        name: "monitoring",
        environment: &["RUST_TEST_THREADS=6"],
    },
    // Each has a database server.
    RealSockets {
        name: "fleet",
        environment: &["RUST_TEST_THREADS=3"],
    },
    RealSockets {
        name: "containers",
        environment: &[],
    },
];

/// Runs them step by step; the arguments go to each test binary. Each is built with `--workspace`: the
/// crates of others have other features where only some of the workspace is built, and would be built
/// for both.
///
/// # Errors
/// When set-up fails. A step that fails is told by the status.
pub fn all(repository: &Repository, arguments: &[OsString]) -> Result<ExitCode> {
    packages::install(packages::OF_TESTS)?;
    setup::prepare(repository, &[])?;
    let mut steps = Steps::default();
    steps.step("unit tests", || {
        let mut command = cargo(repository);
        command.args([
            "test",
            "--workspace",
            "--lib",
            "--bins",
            "--no-fail-fast",
            "--",
        ]);
        say_and_succeed(command.args(arguments))
    });
    steps.step(
        "scenarios, engine, kept recordings, properties, output, command line and documents",
        || {
            let mut command = cargo(repository);
            command.args(["test", "--workspace", "--no-fail-fast"]);
            command.args([
                "--test",
                "scenarios",
                "--test",
                "engine",
                "--test",
                "recorded",
                "--test",
                "verdicts",
                "--test",
                "workloads",
                "--test",
                "properties",
                "--test",
                "cli",
                "--test",
                "explain",
                "--test",
                "doctor",
                "--test",
                "view",
                "--test",
                "docs",
                "--",
            ]);
            say_and_succeed(command.args(arguments))
        },
    );
    steps.step("exported files in DuckDB, polars and DataFusion", || {
        python::install(repository)?;
        let mut command = cargo(repository);
        command.args(["test", "--workspace", "--test", "export", "--"]);
        say_and_succeed(command.args(arguments))
    });
    steps.step("pages of tcptrace report, in Chromium", || {
        let mut command = cargo(repository);
        command.args(["test", "--workspace", "--test", "report", "--"]);
        say_and_succeed(command.args(arguments))
    });
    steps.step("what Kubernetes and systemd are given", || {
        python::install(repository)?;
        let python = repository.tools().join("python/bin/python");
        let check = repository.root.join("deploy/check.py");
        say_and_succeed(Command::new(python).arg(check))
    });
    let binary = steps.step("release binary", || release::build_prepared(repository));
    steps.step("real-socket tests", || {
        let binary = binary.context("they trace by the release binary, which was not built")?;
        // A collector of OpenTelemetry is among what PyPI has.
        python::install(repository)?;
        // All are run, even if the first fail.
        let mut result = Ok(());
        for tests in REAL_SOCKETS {
            result = result.and(real_sockets(repository, &tests, &binary, arguments));
        }
        result
    });
    Ok(steps.finish())
}

/// How much load the load tests make.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum Load {
    /// A million connections, and so on.
    Full,
    /// A twentieth of it.
    Small,
}

impl Load {
    fn tests(self) -> RealSockets {
        RealSockets {
            name: "load",
            // They would be in each other's way.
            environment: match self {
                Self::Full => &["RUST_TEST_THREADS=1", "TCPTRACE_LOAD=full"],
                Self::Small => &["RUST_TEST_THREADS=1", "TCPTRACE_LOAD=small"],
            },
        }
    }
}

/// Runs the load tests; the arguments go to their binary.
///
/// # Errors
/// When set-up fails. A test that fails is told by the status.
pub fn load(repository: &Repository, load: Load, arguments: &[OsString]) -> Result<ExitCode> {
    packages::install(packages::OF_LOAD)?;
    setup::prepare(repository, &[])?;
    let mut steps = Steps::default();
    let binary = steps.step("release binary", || release::build_prepared(repository));
    steps.step("load tests", || {
        let binary = binary.context("they trace by the release binary, which was not built")?;
        // What they measured is for whoever looks.
        let arguments = [&["--nocapture".into()], arguments].concat();
        let mut command = by_root(repository, &load.tests(), &binary, &[], &arguments)?;
        say_and_succeed(&mut command)
    });
    Ok(steps.finish())
}

/// Builds real-socket tests: by the user, so that root leaves no files in target.
fn real_socket_tests(repository: &Repository, name: &str) -> Result<PathBuf> {
    let mut command = cargo(repository);
    command.args(["test", "--workspace", "--test", name, "--no-run"]);
    executable(&mut command, "test", name)
}

/// So many tests that fail may be the machine's fault.
const MOST_AGAIN: usize = 8;

/// Runs a suite, and those that fail once more, one after another, and says so: a machine may be too
/// slow for what a test waits for, and there are virtual ones where no tracepoint program, `perf`'s
/// included, sees what timers do now and then.
fn real_sockets(
    repository: &Repository,
    tests: &RealSockets,
    binary: &Path,
    arguments: &[OsString],
) -> Result<()> {
    let mut failed = Vec::new();
    let mut command = by_root(repository, tests, binary, &[], arguments)?;
    let passed = say_and_read(&mut command, |line| {
        failed.extend(failure(line).map(OsString::from));
    })?;
    if passed {
        return Ok(());
    }
    ensure!(
        (1..=MOST_AGAIN).contains(&failed.len()),
        "the {} tests failed",
        tests.name
    );
    let names: Vec<_> = failed.iter().map(|name| name.to_string_lossy()).collect();
    let names = names.join(", ");
    eprintln!("once more, one after another: {names}");
    let words = [&["--exact".into()], &failed[..]].concat();
    let mut command = by_root(repository, tests, binary, &["RUST_TEST_THREADS=1"], &words)?;
    say_and_succeed(&mut command)?;
    eprintln!("passed only when run once more: {names}");
    Ok(())
}

/// Real-socket tests, run by root. sudo drops the environment, hence env(1).
fn by_root(
    repository: &Repository,
    tests: &RealSockets,
    binary: &Path,
    environment: &[&str],
    arguments: &[OsString],
) -> Result<Command> {
    if !root::is_root() {
        eprintln!("the {} tests need root: sudo asks for it", tests.name);
    }
    let program = real_socket_tests(repository, tests.name)?;
    let mut traced_by = OsString::from("TCPTRACE_BIN=");
    traced_by.push(binary);
    let mut words = vec![traced_by];
    // Of two of one name, the last counts.
    words.extend(tests.environment.iter().map(OsString::from));
    words.extend(environment.iter().map(OsString::from));
    words.push(program.into());
    words.extend_from_slice(arguments);
    let mut command = root::command(Path::new("env"), &words)?;
    // As `cargo test` does.
    command.current_dir(repository.root.join("tcptrace"));
    Ok(command)
}
