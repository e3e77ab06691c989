//! Builds the release binary.

use std::path::PathBuf;

use anyhow::Result;

use crate::{
    cargo::{cargo, executable},
    repository::Repository,
    setup,
};

/// Sets up, builds, and returns where the binary is.
///
/// # Errors
/// When something needed can't be installed, or the build fails.
pub fn build(repository: &Repository) -> Result<PathBuf> {
    setup::prepare(repository, &[])?;
    build_prepared(repository)
}

/// The same after set-up.
///
/// # Errors
/// When the build fails.
pub fn build_prepared(repository: &Repository) -> Result<PathBuf> {
    let mut command = cargo(repository);
    command.args(["build", "--release", "--package", "tcptrace"]);
    executable(&mut command, "bin", "tcptrace")
}
