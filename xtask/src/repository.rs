//! Where the repository is, and what it pins.

use std::{
    env, fs,
    path::{Path, PathBuf},
};

use anyhow::{Context as _, Result};

/// The repository that xtask belongs to.
#[derive(Debug)]
pub struct Repository {
    /// Its directory.
    pub root: PathBuf,
    /// The toolchain that rust-toolchain.toml pins.
    pub channel: String,
}

impl Repository {
    /// Finds it.
    ///
    /// # Errors
    /// When rust-toolchain.toml can't be read.
    pub fn open() -> Result<Self> {
        // `cargo run` tells it; the directory at build time is for those who start the binary.
        let manifest = env::var_os("CARGO_MANIFEST_DIR")
            .map_or_else(|| PathBuf::from(env!("CARGO_MANIFEST_DIR")), PathBuf::from);
        let root = manifest
            .parent()
            .with_context(|| format!("{} has no parent directory", manifest.display()))?
            .to_owned();
        let pinned = toml_of(&root.join("rust-toolchain.toml"))?;
        let channel = pinned
            .get("toolchain")
            .and_then(|toolchain| toolchain.get("channel"))
            .and_then(toml::Value::as_str)
            .context(
                "rust-toolchain.toml has no toolchain.channel: git checkout rust-toolchain.toml",
            )?
            .to_owned();
        Ok(Self { root, channel })
    }

    /// Where tools are installed that only this repository uses.
    #[must_use]
    pub fn tools(&self) -> PathBuf {
        self.root.join(".tools")
    }

    /// Where cargo puts what it builds.
    #[must_use]
    pub fn target_folder(&self) -> PathBuf {
        env::var_os("CARGO_TARGET_DIR").map_or_else(|| self.root.join("target"), PathBuf::from)
    }
}

/// Reads a file of TOML.
///
/// # Errors
/// When it isn't there, or isn't TOML.
pub fn toml_of(path: &Path) -> Result<toml::Table> {
    let text =
        fs::read_to_string(path).with_context(|| format!("{} can't be read", path.display()))?;
    text.parse()
        .with_context(|| format!("{} is not TOML", path.display()))
}
