//! Debian in a folder, where a package is installed.

use std::{fs, path::Path, process::Command};

use anyhow::{Context as _, Result};

use super::super::{
    contents::copy,
    made::Made,
    names::{DEBIAN, Names},
};
use crate::{cargo::say_and_succeed, kernels, root};

/// The oldest Debian that the package is for.
const SUITE: &str = "bookworm";
/// What a machine has that is traced.
const MORE: &str = "--include=man-db,systemd";

/// Installs, uses and purges the package there, as root.
///
/// # Errors
/// When anything is not as it should be: see chroot.sh, whose words are passed through.
pub fn all(made: &Made<'_>, names: &Names<'_>, work: &Path) -> Result<()> {
    let debian = work.join("debian");
    let from = kernels::address();
    by_root("debootstrap", |words| {
        words.args(["--variant=minbase", MORE, SUITE]);
        words.arg(&debian).arg(from);
    })
    .context("Debian can't be put into a folder")?;
    let tried = tried(made, names, work, &debian);
    let removed = by_root("rm", |words| {
        words.arg("-rf").arg(&debian);
    });
    tried.and(removed)
}

fn tried(made: &Made<'_>, names: &Names<'_>, work: &Path, debian: &Path) -> Result<()> {
    // Put together here, as that folder belongs to root.
    let shared = work.join("shared");
    copy(&made.out.join(names.deb()), &shared.join(names.deb()))?;
    fs::write(shared.join("try.sh"), include_str!("chroot.sh"))?;
    by_root("cp", |words| {
        words.arg("--recursive").arg(&shared).arg(debian);
    })?;
    by_root("unshare", |words| {
        // What it mounts and starts ends with it.
        words.args(["--mount", "--pid", "--fork", "--kill-child", "--mount-proc"]);
        words.arg("--root").arg(debian);
        words.args(["sh", "/shared/try.sh", DEBIAN]);
        words.arg(format!("/shared/{}", names.deb()));
        words.arg(&made.version);
    })
    .with_context(|| format!("{} in Debian {SUITE}", names.deb()))
}

/// Runs a program as root, with the words that are added.
fn by_root(program: &str, add: impl FnOnce(&mut Command)) -> Result<()> {
    let mut words = Command::new(program);
    add(&mut words);
    let arguments: Vec<_> = words.get_args().collect();
    let mut command = root::command(Path::new(program), &arguments)?;
    say_and_succeed(command.env("LC_ALL", "C.UTF-8"))
}
