//! Whether a second build of the same source, elsewhere, makes the same files.

use std::{env, fs, os::unix::fs::symlink, path::Path, process::Command};

use anyhow::{Context as _, Result, bail};
use clap::ValueEnum as _;

use super::{
    contents::{copy, copy_all},
    made::{EPOCH, Made},
    sums::files,
};
use crate::{
    architecture::Architecture,
    cargo::{cargo_home, output, say_and_succeed},
};

/// What a build is made in: gigabytes, which /tmp may keep in memory.
const ELSEWHERE: &str = "/var/tmp";

/// Copies the source to another place, builds it there with another folder for what is built,
/// another home of cargo, another language and time zone, and compares.
///
/// # Errors
/// When a file differs, is missing, or is there only once: all are named.
pub fn check(made: &Made<'_>, architecture: Option<Architecture>) -> Result<()> {
    let elsewhere = tempfile::Builder::new()
        .prefix("tcptrace-built-again-")
        .tempdir_in(ELSEWHERE)
        .with_context(|| format!("{ELSEWHERE} can't be written to"))?;
    let elsewhere = elsewhere.path();
    let source = elsewhere.join("the-source");
    copy_source(&made.repository.root, &source)?;
    // Tools are the same, and what is downloaded is.
    symlink(
        fs::canonicalize(made.repository.tools())?,
        source.join(".tools"),
    )?;
    let other_home = elsewhere.join("cargo");
    fs::create_dir(&other_home)?;
    if let Ok(registry) = fs::canonicalize(cargo_home()?.join("registry")) {
        symlink(registry, other_home.join("registry"))?;
    }
    if let Ok(config) = fs::canonicalize(cargo_home()?.join("config.toml")) {
        symlink(config, other_home.join("config.toml"))?;
    }

    let mut command = Command::new(env::current_exe()?);
    command.arg("dist");
    if let Some(name) = architecture.and_then(|it| it.to_possible_value()) {
        command.args(["--arch", name.get_name()]);
    }
    command
        .env("CARGO_MANIFEST_DIR", source.join("xtask"))
        .env("CARGO_TARGET_DIR", elsewhere.join("what-is-built"))
        .env("CARGO_HOME", &other_home)
        .env(EPOCH, made.epoch())
        .env("TZ", "Asia/Kathmandu")
        .env("LC_ALL", "C");
    say_and_succeed(&mut command).context("the second build")?;
    let again = elsewhere.join("what-is-built/dist");
    let differing = differing(&made.out, &again)?;
    if differing.is_empty() {
        return Ok(());
    }
    let kept = made.out.with_file_name("dist-again");
    copy_all(&again, &kept)?;
    bail!(
        "two builds of the same source differ, see {}: {}",
        kept.display(),
        differing.join(", ")
    )
}

/// All that git knows, or would.
fn copy_source(from: &Path, to: &Path) -> Result<()> {
    let listed = output(
        Command::new("git")
            .args(["ls-files", "-z", "--cached", "--others"])
            .arg("--exclude-standard")
            .current_dir(from),
    )?;
    for name in listed.split_terminator('\0') {
        let file = from.join(name);
        // Not one that was removed since, nor a link.
        if file.symlink_metadata().is_ok_and(|it| it.is_file()) {
            copy(&file, &to.join(name))?;
        }
    }
    Ok(())
}

/// The names of files that are not the same in both folders.
fn differing(one: &Path, other: &Path) -> Result<Vec<String>> {
    let (ours, theirs) = (files(one)?, files(other)?);
    let mut names: Vec<String> = ours.iter().chain(&theirs).cloned().collect();
    names.sort();
    names.dedup();
    let mut differing = Vec::new();
    for name in names {
        let (here, there) = (fs::read(one.join(&name)), fs::read(other.join(&name)));
        match (here, there) {
            (Ok(here), Ok(there)) if here == there => {}
            (Ok(here), Ok(there)) => {
                let at = here
                    .iter()
                    .zip(&there)
                    .position(|(here, there)| here != there);
                let at = at.unwrap_or(here.len().min(there.len()));
                differing.push(format!("{name} (from byte {at} on)"));
            }
            _ => differing.push(format!("{name} (there only once)")),
        }
    }
    Ok(differing)
}

#[cfg(test)]
mod tests {
    use std::fs;

    use super::differing;

    #[test]
    fn files_that_differ_are_named_with_where() {
        let (one, other) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
        for (name, here, there) in [
            ("same", Some("abc"), Some("abc")),
            ("changed", Some("abc"), Some("abd")),
            ("longer", Some("ab"), Some("abc")),
            ("missing", Some("x"), None),
            ("new", None, Some("x")),
        ] {
            for (folder, content) in [(&one, here), (&other, there)] {
                if let Some(content) = content {
                    fs::write(folder.path().join(name), content).unwrap();
                }
            }
        }
        assert_eq!(
            differing(one.path(), other.path()).unwrap(),
            [
                "changed (from byte 2 on)",
                "longer (from byte 2 on)",
                "missing (there only once)",
                "new (there only once)",
            ]
        );
    }
}
