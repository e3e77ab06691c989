//! Root, for the last step only: what is built belongs to the user.

use std::{ffi::OsStr, path::Path, process::Command};

use anyhow::{Result, bail};
use nix::unistd::Uid;

use crate::{cargo::succeed, search_path};

/// Whether xtask is run by root.
#[must_use]
pub fn is_root() -> bool {
    Uid::effective().is_root()
}

/// That program with these arguments, run by root: directly, or through sudo.
///
/// # Errors
/// When this isn't root, and there is no sudo.
pub fn command<Argument: AsRef<OsStr>>(program: &Path, arguments: &[Argument]) -> Result<Command> {
    let mut command = if is_root() {
        Command::new(program)
    } else if search_path::find("sudo").is_some() {
        let mut sudo = Command::new("sudo");
        sudo.arg(program);
        sudo
    } else {
        let mut line = program.display().to_string();
        for argument in arguments {
            line.push(' ');
            line.push_str(&argument.as_ref().to_string_lossy());
        }
        bail!(
            "this needs root, and there is no sudo: install sudo, or become root (`su`) and \
             type:\n  {line}"
        );
    };
    command.args(arguments);
    Ok(command)
}

/// Lets sudo ask for its password now, so that two commands don't ask at the same time.
///
/// # Errors
/// When it isn't given, or there is no sudo.
pub fn unlock() -> Result<()> {
    if is_root() {
        return Ok(());
    }
    // Not `sudo -v`, which asks even those who never need a password for a command.
    succeed(&mut command::<&str>(Path::new("true"), &[])?)
}
