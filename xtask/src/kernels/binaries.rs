//! The programs for the guest: static, so that they run on any kernel without anything else.

use std::{
    ffi::OsString,
    fs,
    path::{Path, PathBuf},
    process::Command,
};

use anyhow::{Context as _, Result, ensure};

use super::not_run::NOT_RUN;
use crate::{
    cargo::{cargo, executable, shown, succeed},
    repository::Repository,
    setup,
};

/// Static, with musl.
const TARGET: &str = "x86_64-unknown-linux-musl";
/// One profile for all of them, so that they share a build.
const PROFILE: [&str; 2] = ["--profile", "guest"];
/// criterion, which tests are built with, has a C function that needs no C library: any compiler
/// will do, not only the one of musl.
const C_COMPILER: (&str, &str) = ("CC_x86_64_unknown_linux_musl", "cc");
/// The tests that are run. Those with real servers have their servers on this machine only.
const SUITES: [&str; 3] = ["live", "list", "faults"];

/// What the guest runs.
#[derive(Debug)]
pub struct Binaries {
    /// tcptrace itself.
    pub tcptrace: PathBuf,
    /// The tests.
    pub suites: Vec<Suite>,
}

/// A test binary.
#[derive(Debug)]
pub struct Suite {
    /// Its name.
    pub name: &'static str,
    /// Where it is.
    pub path: PathBuf,
    /// How many tests are to be run, with the given arguments.
    pub tests: usize,
    /// How many more were asked for, and are not run in a guest.
    pub not_run: usize,
}

/// Builds them; the arguments say which tests are wanted. Without debug information, which would
/// be most of the guest's memory, they are put into that directory.
///
/// # Errors
/// When something can't be built.
pub fn build(
    repository: &Repository,
    arguments: &[OsString],
    directory: &Path,
) -> Result<Binaries> {
    let tcptrace = tcptrace(repository, directory)?;
    let mut suites = Vec::new();
    for name in SUITES {
        let mut command = cargo(repository);
        command.args(["test", "--package", "tcptrace", "--target", TARGET]);
        command.args(["--test", name, "--no-run", "--no-default-features"]);
        command.args(PROFILE);
        command.env(C_COMPILER.0, C_COMPILER.1);
        let built = executable(&mut command, "test", name)?;
        let path = stripped(&built, &directory.join(name))?;
        let tests = count(&path, arguments.iter().cloned().chain(skipped()))?;
        let not_run = count(&path, arguments.iter().cloned())? - tests;
        suites.push(Suite {
            name,
            path,
            tests,
            not_run,
        });
    }
    ensure!(
        suites.iter().any(|suite| suite.tests > 0),
        "no test of {} matches `{}`",
        SUITES.join(" and "),
        arguments.join(" ".as_ref()).display()
    );
    Ok(Binaries { tcptrace, suites })
}

/// Builds tcptrace itself, as [`build`] does.
///
/// # Errors
/// When it can't be built.
pub fn tcptrace(repository: &Repository, directory: &Path) -> Result<PathBuf> {
    setup::prepare_target(repository, TARGET)?;
    fs::create_dir_all(directory)
        .with_context(|| format!("{} can't be made", directory.display()))?;
    let mut command = cargo(repository);
    command.args([
        "build",
        "--package",
        "tcptrace",
        "--target",
        TARGET,
        // No guest exports anything.
        "--no-default-features",
    ]);
    command.args(PROFILE);
    command.env(C_COMPILER.0, C_COMPILER.1);
    let built = executable(&mut command, "bin", "tcptrace")?;
    stripped(&built, &directory.join("tcptrace"))
}

/// Builds what captures scenarios and recordings, as [`build`] does.
///
/// # Errors
/// When it can't be built.
pub fn capture(repository: &Repository, directory: &Path) -> Result<PathBuf> {
    setup::prepare_target(repository, TARGET)?;
    fs::create_dir_all(directory)
        .with_context(|| format!("{} can't be made", directory.display()))?;
    let mut command = cargo(repository);
    command.args(["build", "--package", "tcptrace", "--target", TARGET]);
    command.args(["--example", "capture"]);
    command.env(C_COMPILER.0, C_COMPILER.1);
    let built = executable(&mut command, "example", "capture")?;
    stripped(&built, &directory.join("capture"))
}

/// Arguments of a test binary that leave out what is not run in a guest.
pub fn skipped() -> impl Iterator<Item = OsString> {
    NOT_RUN
        .iter()
        .flat_map(|not_run| ["--skip".into(), not_run.test.into()])
}

/// How many tests a binary has that match: it runs here, too.
///
/// # Errors
/// When it doesn't.
pub fn count(binary: &Path, arguments: impl IntoIterator<Item = OsString>) -> Result<usize> {
    let mut command = Command::new(binary);
    command.arg("--list").args(arguments);
    let output = command
        .output()
        .with_context(|| format!("`{}` can't be started", shown(&command)))?;
    ensure!(
        output.status.success(),
        "`{}` failed: {}",
        shown(&command),
        String::from_utf8_lossy(&output.stderr).trim_end()
    );
    let text = String::from_utf8_lossy(&output.stdout);
    Ok(text.lines().filter(|line| line.ends_with(": test")).count())
}

fn stripped(from: &Path, to: &Path) -> Result<PathBuf> {
    succeed(Command::new("strip").arg("-o").arg(to).arg(from))
        .context("`strip` comes with the C compiler, in binutils")?;
    Ok(to.to_owned())
}
