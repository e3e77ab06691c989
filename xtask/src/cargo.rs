//! Runs cargo and other commands.

use std::{
    env,
    io::{BufRead as _, BufReader},
    path::{Path, PathBuf},
    process::{Command, Stdio},
};

use anyhow::{Context as _, Result, ensure};
use serde_json::Value;

use crate::repository::Repository;

/// A program of the pinned toolchain, whichever toolchain xtask was started by.
#[must_use]
pub fn tool(repository: &Repository, program: &str) -> Command {
    let mut command = Command::new("rustup");
    command
        .args(["run", &repository.channel, program])
        .current_dir(&repository.root);
    command
}

/// The pinned toolchain's cargo.
#[must_use]
pub fn cargo(repository: &Repository) -> Command {
    tool(repository, "cargo")
}

/// Where cargo keeps what it downloads.
///
/// # Errors
/// When nothing says where.
pub fn cargo_home() -> Result<PathBuf> {
    Ok(match env::var_os("CARGO_HOME") {
        Some(home) => PathBuf::from(home),
        None => Path::new(&env::var_os("HOME").context("HOME is not set")?).join(".cargo"),
    })
}

/// Runs a command to its end; its output is passed through.
///
/// # Errors
/// When it can't be started, or fails.
pub fn succeed(command: &mut Command) -> Result<()> {
    let shown = shown(command);
    let status = command
        .status()
        .with_context(|| format!("`{shown}` can't be started"))?;
    ensure!(status.success(), "`{shown}` failed: {status}");
    Ok(())
}

/// Runs a command to its end, and returns what it writes to its standard output.
///
/// # Errors
/// When it can't be started, fails, or writes what is no text.
pub fn output(command: &mut Command) -> Result<String> {
    let shown = shown(command);
    let output = command
        .stderr(Stdio::inherit())
        .output()
        .with_context(|| format!("`{shown}` can't be started"))?;
    ensure!(
        output.status.success(),
        "`{shown}` failed: {}",
        output.status
    );
    String::from_utf8(output.stdout).with_context(|| format!("`{shown}` writes what is no text"))
}

/// The same as [`succeed`], and says before what it runs.
///
/// # Errors
/// See [`succeed`].
pub fn say_and_succeed(command: &mut Command) -> Result<()> {
    eprintln!("{}", shown(command));
    succeed(command)
}

/// The same, and hands over each line of its output as well; whether it succeeded.
///
/// # Errors
/// When it can't be started.
pub fn say_and_read(command: &mut Command, mut each: impl FnMut(&str)) -> Result<bool> {
    let shown = shown(command);
    eprintln!("{shown}");
    let mut child = command
        .stdout(Stdio::piped())
        .spawn()
        .with_context(|| format!("`{shown}` can't be started"))?;
    let output = child.stdout.take().context("its output is piped")?;
    for line in BufReader::new(output).split(b'\n') {
        let line = line?;
        let line = String::from_utf8_lossy(&line);
        println!("{line}");
        each(&line);
    }
    Ok(child.wait()?.success())
}

/// Builds by a cargo command and returns the executable of that target, wherever cargo's
/// configuration puts it.
///
/// # Errors
/// When the build fails, or has no such executable.
pub fn executable(command: &mut Command, kind: &str, name: &str) -> Result<PathBuf> {
    command
        .arg("--message-format=json-render-diagnostics")
        .stdout(Stdio::piped());
    let shown = shown(command);
    let mut child = command
        .spawn()
        .with_context(|| format!("`{shown}` can't be started"))?;
    let messages = child
        .stdout
        .take()
        .context("cargo has no standard output")?;
    let mut found = None;
    for line in BufReader::new(messages).lines() {
        let line = line.with_context(|| format!("the output of `{shown}` can't be read"))?;
        // What isn't JSON isn't cargo's.
        if let Ok(message) = serde_json::from_str(&line) {
            found = executable_in(&message, kind, name).or(found);
        }
    }
    let status = child
        .wait()
        .with_context(|| format!("`{shown}` can't be waited for"))?;
    ensure!(status.success(), "`{shown}` failed: {status}");
    found.with_context(|| format!("`{shown}` built no {kind} `{name}`"))
}

/// The command as one types it.
#[must_use]
pub fn shown(command: &Command) -> String {
    let mut words = vec![command.get_program().to_string_lossy()];
    words.extend(
        command
            .get_args()
            .map(|argument| argument.to_string_lossy()),
    );
    words.join(" ")
}

fn executable_in(message: &Value, kind: &str, name: &str) -> Option<PathBuf> {
    let target = &message["target"];
    let kinds = target["kind"].as_array()?;
    if target["name"] != name || !kinds.iter().any(|one| one == kind) {
        return None;
    }
    message["executable"].as_str().map(PathBuf::from)
}

#[cfg(test)]
mod tests {
    use std::{path::Path, process::Command};

    use serde_json::json;

    use super::{executable_in, shown};

    #[test]
    fn the_executable_is_that_of_the_target_not_of_the_build_script() {
        let script = json!({"reason": "compiler-artifact", "executable": null,
            "target": {"name": "build-script-build", "kind": ["custom-build"]}});
        let binary = json!({"reason": "compiler-artifact", "executable": "/t/tcptrace",
            "target": {"name": "tcptrace", "kind": ["bin"]}});
        let end = json!({"reason": "build-finished", "success": true});
        assert_eq!(executable_in(&script, "bin", "tcptrace"), None);
        assert_eq!(executable_in(&binary, "lib", "tcptrace"), None);
        assert_eq!(
            executable_in(&binary, "bin", "tcptrace").as_deref(),
            Some(Path::new("/t/tcptrace"))
        );
        assert_eq!(executable_in(&end, "bin", "tcptrace"), None);
    }

    #[test]
    fn a_command_is_shown_as_typed() {
        assert_eq!(
            shown(Command::new("cargo").args(["fmt", "--all"])),
            "cargo fmt --all"
        );
    }
}
