//! What all parts of a package are made from.

use std::{env, path::PathBuf, process::Command};

use anyhow::{Context as _, Result};
use jiff::Timestamp;

use crate::{
    cargo::output,
    repository::{Repository, toml_of},
};

/// A source, and where things are put that are made of it.
#[derive(Debug)]
pub struct Made<'r> {
    /// The source.
    pub repository: &'r Repository,
    /// Where it is built.
    pub target_folder: PathBuf,
    /// Where the files go that others get.
    pub out: PathBuf,
    /// As Cargo.toml says it.
    pub version: String,
    /// When it was committed: what files and documents say of their time.
    pub time: Timestamp,
}

impl<'r> Made<'r> {
    /// Of a source that was committed at that time.
    ///
    /// # Errors
    /// When its Cargo.toml has no version.
    pub fn of(
        repository: &'r Repository,
        target_folder: PathBuf,
        out: PathBuf,
        time: Timestamp,
    ) -> Result<Self> {
        Ok(Self {
            version: version(&toml_of(&repository.root.join("Cargo.toml"))?)?,
            repository,
            target_folder,
            out,
            time,
        })
    }

    /// Seconds since 1970.
    #[must_use]
    pub fn epoch(&self) -> String {
        self.time.as_second().to_string()
    }
}

/// The variable that says another time than the last commit's, where there is no git: see
/// <https://reproducible-builds.org/specs/source-date-epoch/>.
pub const EPOCH: &str = "SOURCE_DATE_EPOCH";

/// When the last commit was made.
///
/// # Errors
/// When git doesn't tell.
pub fn committed(repository: &Repository) -> Result<Timestamp> {
    let seconds = match env::var(EPOCH) {
        Ok(seconds) => seconds,
        Err(_) => output(
            Command::new("git")
                .args(["log", "-1", "--format=%ct"])
                .current_dir(&repository.root),
        )
        .with_context(|| {
            format!("packages have the time of the last commit: set {EPOCH} where there is no git")
        })?,
    };
    let seconds = seconds
        .trim()
        .parse()
        .with_context(|| format!("`{seconds}` is no time in seconds since 1970"))?;
    Ok(Timestamp::from_second(seconds)?)
}

/// The version of the workspace.
///
/// # Errors
/// When its manifest has none.
pub fn version(manifest: &toml::Table) -> Result<String> {
    manifest
        .get("workspace")
        .and_then(|workspace| workspace.get("package")?.get("version")?.as_str())
        .map(str::to_owned)
        .context("Cargo.toml has no workspace.package.version")
}

#[cfg(test)]
mod tests {
    use super::version;

    #[test]
    fn the_version_is_that_of_the_workspace() {
        let manifest = "[workspace.package]\nversion = \"1.2.3\"\n[workspace.dependencies]\n\
                        other = { version = \"4.5.6\" }\n";
        assert_eq!(version(&manifest.parse().unwrap()).unwrap(), "1.2.3");
        assert!(version(&"[package]\nversion = \"1.2.3\"".parse().unwrap()).is_err());
    }
}
