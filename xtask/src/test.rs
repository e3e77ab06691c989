//! All tests.

use std::{
    ffi::OsString,
    path::{Path, PathBuf},
    process::{Command, ExitCode},
};

use anyhow::{Context as _, Result};

use crate::{
    cargo::{cargo, executable, say_and_succeed},
    release,
    repository::Repository,
    root, setup,
    steps::Steps,
};

/// Tests that need root.
struct RealSockets {
    name: &'static str,
    /// How many run at once; `None`: as many as there are CPUs.
    at_once: Option<&'static str>,
}

const REAL_SOCKETS: [RealSockets; 3] = [
    RealSockets {
        name: "live",
        at_once: None,
    },
    RealSockets {
        name: "list",
        at_once: None,
    },
    // They wait for servers to close, seconds each.
    RealSockets {
        name: "servers",
        at_once: Some("8"),
    },
];

/// Runs them step by step; the arguments go to each test binary.
///
/// # Errors
/// When set-up fails. A step that fails is told by the status.
pub fn all(repository: &Repository, arguments: &[OsString]) -> Result<ExitCode> {
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
    steps.step("scenarios, properties, output and command line", || {
        let mut command = cargo(repository);
        command.args(["test", "--package", "tcptrace", "--no-fail-fast"]);
        command.args([
            "--test",
            "scenarios",
            "--test",
            "verdicts",
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
            "--",
        ]);
        say_and_succeed(command.args(arguments))
    });
    let binary = steps.step("release binary", || release::build_prepared(repository));
    steps.step("real-socket tests", || {
        let binary = binary.context("they trace by the release binary, which was not built")?;
        if !root::is_root() {
            eprintln!("the real-socket tests need root: sudo asks for it");
        }
        // All are run, even if the first fail.
        let mut result = Ok(());
        for RealSockets { name, at_once } in REAL_SOCKETS {
            let tests = real_socket_tests(repository, name)?;
            let mut command = by_root(repository, &tests, at_once, &binary, arguments)?;
            let told = say_and_succeed(&mut command);
            result = result.and(told);
        }
        result
    });
    Ok(steps.finish())
}

/// Builds real-socket tests: by the user, so that root leaves no files in target.
fn real_socket_tests(repository: &Repository, name: &str) -> Result<PathBuf> {
    let mut command = cargo(repository);
    command.args(["test", "--package", "tcptrace", "--test", name, "--no-run"]);
    executable(&mut command, "test", name)
}

/// Real-socket tests, run by root. sudo drops the environment, hence env(1).
fn by_root(
    repository: &Repository,
    tests: &Path,
    at_once: Option<&str>,
    binary: &Path,
    arguments: &[OsString],
) -> Result<Command> {
    let mut traced_by = OsString::from("TCPTRACE_BIN=");
    traced_by.push(binary);
    let mut words = vec![traced_by];
    words.extend(at_once.map(|count| format!("RUST_TEST_THREADS={count}").into()));
    words.push(tests.into());
    words.extend_from_slice(arguments);
    let mut command = root::command(Path::new("env"), &words)?;
    // As `cargo test` does.
    command.current_dir(repository.root.join("tcptrace"));
    Ok(command)
}
