//! What an archive has inside: the binary, and all that belongs to it.

use std::{fs, path::Path};

use anyhow::{Context as _, Result};

use super::{binary::Binary, crates::Linked, made::Made, notices, pages};
use crate::cargo::{output, tool};

/// Documents and licences, as the source has them.
const FROM_SOURCE: [&str; 6] = [
    "README.md",
    "CHANGELOG.md",
    "LICENSE-MIT",
    "LICENSE-APACHE",
    "LICENSE-GPL2",
    "deploy/LICENSES.txt",
];
/// What the toolchain says of the library of Rust.
const RUST: (&str, &str) = (
    "share/doc/rust/COPYRIGHT-library.html",
    "THIRD-PARTY-RUST.html",
);
/// Units, as administrators install them who have no package.
pub const UNITS: &str = "systemd";
/// Man pages.
pub const PAGES: &str = "man/man1";
/// Completions.
pub const COMPLETIONS: &str = "completions";

/// Puts all of it into a folder.
///
/// # Errors
/// When something can't be made, or isn't there.
pub fn gather(made: &Made<'_>, binary: &Binary, linked: &Linked, folder: &Path) -> Result<()> {
    let root = &made.repository.root;
    copy(&binary.program, &folder.join("tcptrace"))?;
    for file in FROM_SOURCE {
        let from = root.join(file);
        let name = from.file_name().context("a file has a name")?;
        copy(&from, &folder.join(name))?;
    }
    copy_all(&root.join("deploy/systemd"), &folder.join(UNITS))?;

    let written = folder.with_added_extension("pages");
    pages::write(made, &written)?;
    for name in super::sums::files(&written)? {
        let to = if pages::COMPLETIONS.contains(&&*name) {
            COMPLETIONS
        } else {
            PAGES
        };
        copy(&written.join(&name), &folder.join(to).join(&name))?;
    }
    fs::remove_dir_all(&written)?;

    let notices = folder.join("THIRD-PARTY.txt");
    fs::write(&notices, notices::text(&linked.crates)?)
        .with_context(|| format!("{} can't be written", notices.display()))?;
    let sysroot = output(tool(made.repository, "rustc").args(["--print", "sysroot"]))?;
    copy(
        &Path::new(sysroot.trim_end()).join(RUST.0),
        &folder.join(RUST.1),
    )
}

/// Copies a file, and makes the folder that it comes into.
///
/// # Errors
/// When it can't be read, or the other can't be written.
pub fn copy(from: &Path, to: &Path) -> Result<()> {
    if let Some(parent) = to.parent() {
        fs::create_dir_all(parent)
            .with_context(|| format!("{} can't be made", parent.display()))?;
    }
    fs::copy(from, to)
        .with_context(|| format!("{} can't be copied to {}", from.display(), to.display()))?;
    Ok(())
}

/// Copies all files of a folder.
///
/// # Errors
/// See [`copy`].
pub fn copy_all(from: &Path, to: &Path) -> Result<()> {
    for name in super::sums::files(from)? {
        copy(&from.join(&name), &to.join(&name))?;
    }
    Ok(())
}
