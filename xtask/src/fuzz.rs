//! Fuzzing: bytes that nobody would send, for whatever reads bytes in tcptrace.
//!
//! `tcptrace/fuzz` is as cargo-fuzz makes it, so that `cargo fuzz run NAME --sanitizer none` works,
//! too; but it takes no more than the pinned stable toolchain and a C++ compiler, as the flags by
//! which LLVM counts what is reached are stable ones.

use std::{
    fs,
    path::{Path, PathBuf},
    process::{Command, ExitCode},
};

use anyhow::{Context as _, Result};
use clap::Args;

use crate::{
    cargo::{cargo, say_and_succeed, tool},
    packages,
    repository::Repository,
    setup,
    steps::Steps,
};

/// What is fuzzed: `tcptrace/fuzz/fuzz_targets`.
const TARGETS: [&str; 9] = [
    "decode",
    "events",
    "lives",
    "arguments",
    "proc",
    "btf",
    "sock_diag",
    "recording",
    "containers",
];
/// What counts which way was taken: cargo-fuzz passes the same.
const FLAGS: [&str; 6] = [
    "--cfg=fuzzing",
    "-Cpasses=sancov-module",
    "-Cllvm-args=-sanitizer-coverage-level=4",
    "-Cllvm-args=-sanitizer-coverage-inline-8bit-counters",
    "-Cllvm-args=-sanitizer-coverage-pc-table",
    "-Cllvm-args=-sanitizer-coverage-trace-compares",
];

/// What to fuzz.
#[derive(Args, Clone, Debug)]
pub struct Plan {
    /// Only this one.
    #[arg(value_parser = TARGETS)]
    target: Option<String>,
    /// For so many seconds each.
    #[arg(long, value_name = "N", default_value_t = 20, value_parser = clap::value_parser!(u32).range(1..))]
    seconds: u32,
    /// Add what reaches more than the corpus does to the corpus.
    #[arg(long)]
    keep: bool,
}

/// Fuzzes, one target after another, beginning with the corpus.
///
/// # Errors
/// When set-up fails. A target in which something was found is told by the status.
pub fn all(repository: &Repository, plan: &Plan) -> Result<ExitCode> {
    packages::install(packages::OF_FUZZING)?;
    setup::prepare(repository, &[])?;
    let mut steps = Steps::default();
    let built = steps.step("fuzz targets", || build(repository));
    let Some(folder) = built else {
        return Ok(steps.finish());
    };
    let chosen = plan.target.as_deref();
    for target in TARGETS
        .into_iter()
        .filter(|it| chosen.is_none_or(|chosen| chosen == *it))
    {
        steps.step(target, || run(repository, &folder, target, plan));
    }
    Ok(steps.finish())
}

/// Builds all targets, and tells where they are.
fn build(repository: &Repository) -> Result<PathBuf> {
    let host = host(repository)?;
    let all_targets = repository.root.join("target").join("fuzz");
    let mut command = cargo(repository);
    command
        .args(["build", "--release", "--manifest-path"])
        .arg("tcptrace/fuzz/Cargo.toml")
        // With a target given, build scripts are built without the flags.
        .args(["--target", &host, "--target-dir"])
        .arg(&all_targets)
        .env("CARGO_ENCODED_RUSTFLAGS", FLAGS.join("\u{1f}"));
    say_and_succeed(&mut command)?;
    Ok(all_targets.join(host).join("release"))
}

fn run(repository: &Repository, folder: &Path, target: &str, plan: &Plan) -> Result<()> {
    let home = repository.root.join("tcptrace").join("fuzz");
    let corpus = home.join("corpus").join(target);
    let found = repository.root.join("target/fuzz/found").join(target);
    let artifacts = home.join("artifacts").join(target);
    for made in [&corpus, &found, &artifacts] {
        fs::create_dir_all(made).with_context(|| format!("{} can't be made", made.display()))?;
    }
    let binary = folder.join(target);
    let mut command = Command::new(&binary);
    command
        .arg(format!("-max_total_time={}", plan.seconds))
        // Nothing takes seconds, nor a gigabyte, whatever the bytes are.
        .args(["-timeout=5", "-rss_limit_mb=1024", "-print_final_stats=1"])
        .args(["-verbosity=0"])
        .arg(format!("-artifact_prefix={}/", artifacts.display()))
        // What it finds goes to the first.
        .args([&found, &corpus]);
    say_and_succeed(&mut command).context(
        "the input is named above; once it is mended, put it into the corpus, with a test of its \
         own beside what was wrong",
    )?;
    if plan.keep {
        let mut command = Command::new(&binary);
        command
            .args(["-merge=1", "-verbosity=0"])
            .args([&corpus, &found]);
        say_and_succeed(&mut command)?;
    }
    Ok(())
}

/// The target that programs of this machine are built for.
fn host(repository: &Repository) -> Result<String> {
    let output = tool(repository, "rustc").arg("-vV").output()?;
    let printed = String::from_utf8(output.stdout).context("rustc -vV prints no text")?;
    printed
        .lines()
        .find_map(|line| line.strip_prefix("host: "))
        .map(str::to_owned)
        .context("rustc -vV names no host")
}

#[cfg(test)]
mod tests {
    use std::{collections::BTreeSet, fs, path::Path};

    use super::TARGETS;

    #[test]
    fn every_target_that_there_is_is_run() {
        let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../tcptrace/fuzz/fuzz_targets");
        let there: BTreeSet<String> = fs::read_dir(folder)
            .expect("the targets")
            .flatten()
            .filter_map(|entry| Some(entry.path().file_stem()?.to_str()?.to_owned()))
            .collect();
        assert_eq!(there, TARGETS.map(str::to_owned).into());
    }
}
