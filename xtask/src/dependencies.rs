//! What others wrote: licences, sources and known holes of all crates, by cargo-deny.

use std::{
    process::{Command, Output, Stdio},
    thread,
    time::{Duration, Instant},
};

use anyhow::{Context as _, Result};

use crate::{
    cargo::{say_and_succeed, shown},
    pinned::Pinned,
    repository::Repository,
};

/// It runs for seconds, so it is built quickly rather than to be quick: 80 s of CPU time, where
/// its own profile (link-time optimisation of everything) takes many minutes.
const CARGO_DENY: Pinned = Pinned {
    name: "cargo-deny",
    version: "0.20.2",
    environment: &[
        ("CARGO_PROFILE_RELEASE_LTO", "off"),
        ("CARGO_PROFILE_RELEASE_OPT_LEVEL", "0"),
        ("CARGO_PROFILE_RELEASE_CODEGEN_UNITS", "16"),
    ],
};

/// The manifests of all workspaces.
const MANIFESTS: [&str; 2] = ["Cargo.toml", "tcptrace/fuzz/Cargo.toml"];

/// How long the database of advisories may take to come: a few MiB.
const FETCH_LIMIT: Duration = Duration::from_secs(60);

/// Checks what needs no network.
///
/// # Errors
/// When cargo-deny can't be had, or refuses something.
pub fn check(repository: &Repository) -> Result<()> {
    CARGO_DENY.install(repository)?;
    for manifest in MANIFESTS {
        let mut command = cargo_deny(repository, manifest);
        // Warnings are for whoever looks; a check that passes says little.
        command.args(["check", "--hide-inclusion-graph"]);
        say_and_succeed(command.args(["bans", "licenses", "sources"]))?;
    }
    Ok(())
}

/// Checks for known holes. Where their database can't be fetched, as without a network, it says
/// so in one line, and does not fail.
///
/// # Errors
/// When there is one.
pub fn check_advisories(repository: &Repository) -> Result<()> {
    CARGO_DENY.install(repository)?;
    if let Err(error) = fetch(repository) {
        eprintln!("advisories: NOT CHECKED, their database could not be fetched: {error:#}");
        return Ok(());
    }
    for manifest in MANIFESTS {
        let mut command = cargo_deny(repository, manifest);
        say_and_succeed(command.args(["check", "advisories"]))?;
    }
    Ok(())
}

/// Fetches the database of advisories.
fn fetch(repository: &Repository) -> Result<()> {
    let mut command = cargo_deny(repository, MANIFESTS[0]);
    command
        .args(["fetch", "db"])
        // git asks nobody for a password.
        .env("GIT_TERMINAL_PROMPT", "0")
        .stdin(Stdio::null());
    let output = output_within(FETCH_LIMIT, &mut command)?;
    anyhow::ensure!(output.status.success(), "{}", reason(&output.stderr));
    Ok(())
}

fn cargo_deny(repository: &Repository, manifest: &str) -> Command {
    let mut command = Command::new(repository.tools().join("bin").join(CARGO_DENY.name));
    command
        .current_dir(&repository.root)
        .args(["--config", "deny.toml", "--manifest-path", manifest])
        // It asks cargo for the crates there are.
        .env("RUSTUP_TOOLCHAIN", &repository.channel);
    command
}

/// Runs a command that may wait for a network that does not answer.
fn output_within(limit: Duration, command: &mut Command) -> Result<Output> {
    let shown = shown(command);
    let mut child = command
        .stdout(Stdio::null())
        .stderr(Stdio::piped())
        .spawn()
        .with_context(|| format!("`{shown}` can't be started"))?;
    let deadline = Instant::now() + limit;
    while child.try_wait()?.is_none() {
        if Instant::now() > deadline {
            child.kill()?;
            child.wait()?;
            anyhow::bail!("no answer within {} s", limit.as_secs());
        }
        thread::sleep(Duration::from_millis(50));
    }
    Ok(child.wait_with_output()?)
}

/// The line of git's, or else the last one, that says why.
fn reason(stderr: &[u8]) -> String {
    let text = String::from_utf8_lossy(stderr);
    let mut lines = text.lines().map(str::trim).filter(|line| !line.is_empty());
    let fatal = lines.clone().find(|line| line.starts_with("fatal: "));
    fatal
        .or_else(|| lines.next_back())
        .unwrap_or("it does not say why")
        .to_owned()
}

#[cfg(test)]
mod tests {
    use std::{process::Command, time::Duration};

    use super::{output_within, reason};

    #[test]
    fn why_there_are_no_advisories_is_one_line() {
        let git = "[ERROR] failed to fetch\nCloning into 'x'...\nfatal: Could not resolve host\n\n";
        assert_eq!(reason(git.as_bytes()), "fatal: Could not resolve host");
        assert_eq!(reason(b"one\ntwo\n"), "two");
        assert_eq!(reason(b""), "it does not say why");
    }

    #[test]
    fn a_network_that_does_not_answer_is_not_waited_for() {
        let mut silent = Command::new("sleep");
        let error = output_within(Duration::ZERO, silent.arg("60")).unwrap_err();
        assert_eq!(error.to_string(), "no answer within 0 s");
    }
}
