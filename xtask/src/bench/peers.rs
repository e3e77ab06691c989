//! The peers, from Debian's packages.

use std::{
    path::PathBuf,
    process::{Command, Stdio},
};

use anyhow::{Context as _, Result, ensure};

use crate::search_path;

/// Where programs of root are that may not be on PATH.
const MORE_DIRECTORIES: [&str; 2] = ["/usr/sbin", "/usr/local/sbin"];

/// Where a program is; its package is installed if it is missing.
///
/// # Errors
/// When it can't be had: no apt-get, no network, no such package.
pub fn obtain(program: &str, package: &str) -> Result<PathBuf> {
    if let Some(found) = find(program) {
        return Ok(found);
    }
    let apt = search_path::find("apt-get").with_context(|| {
        format!("{program} is not installed (Debian's package {package} has it)")
    })?;
    eprintln!("bench: installing {package}, for {program}");
    let install = |words: &[&str]| {
        let mut command = Command::new(&apt);
        command
            .args(words)
            .env("DEBIAN_FRONTEND", "noninteractive")
            // Standard output is the results'.
            .stdout(Stdio::null());
        command.status()
    };
    let words = [
        "install",
        "-qq",
        "--yes",
        "--no-install-recommends",
        package,
    ];
    let installed = |status: std::io::Result<std::process::ExitStatus>| {
        status.is_ok_and(|status| status.success())
    };
    if !installed(install(&words)) {
        // Its lists may be old.
        let _ = install(&["update", "-qq"]);
        ensure!(
            installed(install(&words)),
            "{program} can't be installed: apt-get install {package} failed"
        );
    }
    find(program).with_context(|| format!("{package} has no program {program}"))
}

/// The version of an installed package.
#[must_use]
pub fn version(package: &str) -> Option<String> {
    let output = Command::new("dpkg-query")
        .args(["--show", "--showformat", "${Version}", package])
        .output()
        .ok()?;
    let version = String::from_utf8(output.stdout).ok()?;
    (output.status.success() && !version.is_empty()).then_some(version)
}

fn find(program: &str) -> Option<PathBuf> {
    search_path::find(program).or_else(|| {
        MORE_DIRECTORIES
            .iter()
            .map(|directory| PathBuf::from(directory).join(program))
            .find(|path| path.is_file())
    })
}
