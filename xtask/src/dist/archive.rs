//! Archives that are the same whoever packs them, and when.

use std::{ffi::OsStr, path::Path, process::Command};

use anyhow::{Context as _, Result};

use super::made::Made;
use crate::cargo::succeed;

/// Packs a folder.
///
/// # Errors
/// When it can't be packed.
pub fn pack(made: &Made<'_>, folder: &Path, name: &str) -> Result<()> {
    let parent = folder.parent().context("a folder is in another")?;
    let inside = folder.file_name().unwrap_or(OsStr::new("."));
    let mut command = Command::new("tar");
    command
        .args(["--create", "--format=gnu", "--sort=name"])
        .args(["--owner=0", "--group=0", "--numeric-owner"])
        .arg("--mode=u+rw,go+r,go-w,a+X")
        .arg(format!("--mtime=@{}", made.epoch()))
        // Without the time, which it would be packed at.
        .arg("--use-compress-program=gzip --no-name --best")
        .arg("--file")
        .arg(made.out.join(name))
        .arg("--directory")
        .args([parent.as_os_str(), inside]);
    succeed(&mut command)
}
