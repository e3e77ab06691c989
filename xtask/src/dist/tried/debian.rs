//! Debian in a folder, where a package is tried.

use std::{
    fs,
    path::{Path, PathBuf},
    process::Command,
};

use anyhow::{Context as _, Result};

use super::super::{contents::copy, made::Made, names::Names};
use crate::{cargo::say_and_succeed, kernels, root};

/// The oldest one that the package is for.
pub const SUITE: &str = "bookworm";
/// What a machine has that is traced.
const MORE: &str = "--include=man-db,systemd";

/// A Debian with a package in /shared, and what is done with it there.
pub struct Debian {
    /// It belongs to root.
    pub folder: PathBuf,
    /// The package, as it is named in there.
    pub package: String,
}

impl Debian {
    /// Puts it below `work`, as root.
    ///
    /// # Errors
    /// When debootstrap fails, or the package is missing.
    pub fn make(made: &Made<'_>, names: &Names<'_>, work: &Path) -> Result<Self> {
        let folder = work.join("debian");
        let from = kernels::address();
        by_root("debootstrap", |words| {
            words.args(["--variant=minbase", MORE, SUITE]);
            words.arg(&folder).arg(from);
        })
        .context("Debian can't be put into a folder")?;
        // Put together here, as that folder belongs to root.
        let shared = work.join("shared");
        copy(&made.out.join(names.deb()), &shared.join(names.deb()))?;
        fs::write(shared.join("try.sh"), include_str!("chroot.sh"))?;
        fs::write(shared.join("booted.sh"), include_str!("booted.sh"))?;
        by_root("cp", |words| {
            words.arg("--recursive").arg(&shared).arg(&folder);
        })?;
        Ok(Self {
            folder,
            package: format!("/shared/{}", names.deb()),
        })
    }

    /// Runs a program in there, whose kernel it shares.
    ///
    /// # Errors
    /// When it fails.
    pub fn run(&self, add: impl FnOnce(&mut Command)) -> Result<()> {
        by_root("unshare", |words| {
            // What it mounts and starts ends with it.
            words.args(["--mount", "--pid", "--fork", "--kill-child", "--mount-proc"]);
            words.arg("--root").arg(&self.folder);
            add(words);
        })
    }

    /// Takes it away.
    ///
    /// # Errors
    /// When that fails.
    pub fn remove(self) -> Result<()> {
        by_root("rm", |words| {
            words.arg("-rf").arg(&self.folder);
        })
    }
}

/// Runs a program as root, with the words that are added.
///
/// # Errors
/// When it fails, or nobody here can be root.
pub fn by_root(program: &str, add: impl FnOnce(&mut Command)) -> Result<()> {
    let mut words = Command::new(program);
    add(&mut words);
    let arguments: Vec<_> = words.get_args().collect();
    let mut command = root::command(Path::new(program), &arguments)?;
    say_and_succeed(command.env("LC_ALL", "C.UTF-8"))
}
