//! Debian's packages, as apt gets them: it checks the signature of a suite's index by Debian's
//! keyring, and each package by the SHA256 in that index.
//!
//! The lists are its own. Those of the machine, and what is installed, are not touched.

use std::{
    fs,
    path::{Path, PathBuf},
    process::Command,
};

use anyhow::{Context as _, Result, bail, ensure};

use crate::{
    cargo::{shown, succeed},
    search_path,
};

const KEYRING: &str = "/usr/share/keyrings/debian-archive-keyring.gpg";
/// For a machine that has no mirror of Debian itself.
const ANY_MIRROR: &str = "http://deb.debian.org/debian";

/// One suite of Debian.
#[derive(Debug)]
pub struct Mirror {
    directory: PathBuf,
    /// As Debian calls it.
    architecture: &'static str,
}

impl Mirror {
    /// Gets the index of a suite for an architecture, as Debian calls it; it is kept below that
    /// directory.
    ///
    /// # Errors
    /// When it can't be got, or is not signed by Debian.
    pub fn open(directory: &Path, suite: &str, architecture: &'static str) -> Result<Self> {
        for (program, package) in [("apt-get", "apt"), ("dpkg-deb", "dpkg"), ("xz", "xz-utils")] {
            ensure!(
                search_path::find(program).is_some(),
                "{program} is missing, which gets Debian's kernels: install {package}"
            );
        }
        ensure!(
            Path::new(KEYRING).exists(),
            "{KEYRING} is missing, by which Debian's kernels are checked: \
             sudo apt-get install debian-archive-keyring"
        );
        let directory = directory.join(suite);
        for inside in ["lists/partial", "cache/archives/partial"] {
            fs::create_dir_all(directory.join(inside))
                .with_context(|| format!("{} can't be made", directory.display()))?;
        }
        let source = format!(
            "deb [arch={architecture} signed-by={KEYRING}] {} {suite} main\n",
            address()
        );
        fs::write(directory.join("sources.list"), source)?;
        fs::write(directory.join("status"), "")?;
        let mirror = Self {
            directory,
            architecture,
        };
        succeed(mirror.apt("apt-get").args(["-qq", "update"]))
            .with_context(|| format!("the index of Debian's {suite} can't be got (no network?)"))?;
        Ok(mirror)
    }

    /// The names of all packages that begin so.
    ///
    /// # Errors
    /// When apt fails.
    pub fn names(&self, beginning: &str) -> Result<Vec<String>> {
        let mut command = self.apt("apt-cache");
        command.args(["pkgnames", beginning]);
        let output = command
            .output()
            .with_context(|| format!("`{}` can't be started", shown(&command)))?;
        if !output.status.success() {
            bail!(
                "`{}` failed: {}",
                shown(&command),
                String::from_utf8_lossy(&output.stderr).trim_end()
            );
        }
        let text = String::from_utf8(output.stdout).context("names of packages are ASCII")?;
        Ok(text.lines().map(str::to_owned).collect())
    }

    /// Gets packages and unpacks them into one directory, which is there only once all is in it.
    ///
    /// # Errors
    /// When they can't be got, or are not what the index says.
    pub fn unpack(&self, packages: &[String], to: &Path) -> Result<()> {
        let archives = self.directory.join("packages");
        let partial = to.with_added_extension("partial");
        for directory in [&archives, &partial] {
            // What an attempt before left is in the way.
            let _ = fs::remove_dir_all(directory);
            fs::create_dir_all(directory)
                .with_context(|| format!("{} can't be made", directory.display()))?;
        }
        succeed(
            self.apt("apt-get")
                .args(["-qq", "download"])
                .args(packages)
                .current_dir(&archives),
        )
        .context("Debian's packages can't be got (no network?)")?;
        for archive in fs::read_dir(&archives)? {
            succeed(
                Command::new("dpkg-deb")
                    .arg("--extract")
                    .arg(archive?.path())
                    .arg(&partial),
            )?;
        }
        fs::remove_dir_all(&archives)?;
        fs::rename(&partial, to)
            .with_context(|| format!("{} can't be renamed", partial.display()))?;
        Ok(())
    }

    /// apt with lists of its own.
    fn apt(&self, program: &str) -> Command {
        let mut command = Command::new(program);
        for (option, path) in [
            ("Dir::Etc::sourcelist", "sources.list"),
            ("Dir::State::lists", "lists"),
            ("Dir::State::status", "status"),
            ("Dir::Cache", "cache"),
        ] {
            let path = self.directory.join(path);
            command.arg(format!("-o{option}={}", path.display()));
        }
        for option in ["APT::Architecture", "APT::Architectures"] {
            command.arg(format!("-o{option}={}", self.architecture));
        }
        for option in [
            "Dir::Etc::sourceparts=/dev/null",
            // It may be root who is asking, below a home that apt's own user can't enter.
            "APT::Sandbox::User=root",
            // An index that is only partly there is none.
            "APT::Update::Error-Mode=any",
            "Acquire::Languages=none",
            "Acquire::Retries=3",
            "Debug::NoLocking=1",
        ] {
            command.arg(format!("-o{option}"));
        }
        command
    }
}

/// Where Debian's packages are got.
#[must_use]
pub fn address() -> String {
    of_this_machine().unwrap_or_else(|| ANY_MIRROR.to_owned())
}

/// The mirror of Debian that this machine's own apt uses.
fn of_this_machine() -> Option<String> {
    let output = Command::new("apt-get")
        .args([
            "indextargets",
            "--format",
            "$(REPO_URI)",
            "Created-By: Packages",
        ])
        .output()
        .ok()?;
    let text = String::from_utf8(output.stdout).ok()?;
    text.lines()
        .map(|line| line.trim_end_matches('/'))
        .find(|line| line.ends_with("/debian"))
        .map(str::to_owned)
}
