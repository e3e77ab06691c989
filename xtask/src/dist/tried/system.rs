//! A system in a folder, where a package is tried.

use std::{
    fmt, fs,
    path::{Path, PathBuf},
    process::Command,
};

use anyhow::{Context as _, Result};

use super::super::{contents::copy, made::Made, names::Names};
use crate::{cargo::say_and_succeed, kernels, root};

/// Where Ubuntu's packages are got. By https, as Debian has no keys of Ubuntu's to check them with.
const UBUNTU: &str = "https://archive.ubuntu.com/ubuntu";
/// Where the packages are that it conflicts with, too.
const COMPONENTS: &str = "--components=main,universe";
/// What a machine has that is traced.
const MORE: &str = "--include=man-db,systemd";

/// What is in the folder: of each, the oldest version that the package is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Distribution {
    Debian,
    Ubuntu,
}

impl Distribution {
    fn suite(self) -> &'static str {
        match self {
            Self::Debian => "bookworm",
            Self::Ubuntu => "jammy",
        }
    }
}

impl fmt::Display for Distribution {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{self:?} {}", self.suite())
    }
}

/// A system with a package in /shared, and what is done with it there.
pub struct System {
    pub distribution: Distribution,
    /// It belongs to root.
    pub folder: PathBuf,
    /// The package, as it is named in there.
    pub package: String,
}

impl System {
    /// Puts it below `work`, as root.
    ///
    /// # Errors
    /// When debootstrap fails, or the package is missing.
    pub fn make(
        distribution: Distribution,
        made: &Made<'_>,
        names: &Names<'_>,
        work: &Path,
    ) -> Result<Self> {
        let folder = work.join(distribution.suite());
        by_root("debootstrap", |words| {
            words.args(["--variant=minbase", MORE]);
            if distribution == Distribution::Ubuntu {
                words.args(["--no-check-gpg", COMPONENTS]);
            }
            words.arg(distribution.suite()).arg(&folder);
            match distribution {
                Distribution::Debian => words.arg(kernels::address()),
                Distribution::Ubuntu => words.arg(UBUNTU),
            };
        })
        .with_context(|| format!("{distribution} can't be put into a folder"))?;
        // There its own keys are, and no certificates.
        by_root("sed", |words| {
            words.args(["--in-place", "s/https:/http:/"]);
            words.arg(folder.join("etc/apt/sources.list"));
        })?;
        // Put together here, as that folder belongs to root.
        let shared = work.join("shared");
        copy(&made.out.join(names.deb()), &shared.join(names.deb()))?;
        fs::write(shared.join("try.sh"), include_str!("chroot.sh"))?;
        fs::write(shared.join("booted.sh"), include_str!("booted.sh"))?;
        by_root("cp", |words| {
            words.arg("--recursive").arg(&shared).arg(&folder);
        })?;
        Ok(Self {
            distribution,
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
