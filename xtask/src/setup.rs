//! Set-up: what is missing is installed, what can't be is named.

use std::{
    path::{Path, PathBuf},
    process::Command,
};

use anyhow::{Context as _, Result, bail};

use crate::{
    cargo::{succeed, tool},
    pinned::Pinned,
    repository::Repository,
    search_path,
};

/// Links the kernel half. Its LLVM has to be at least that of the pinned toolchain, and so it is
/// pinned together with rust-toolchain.toml.
const BPF_LINKER: Pinned = Pinned {
    name: "bpf-linker",
    version: "0.10.4",
    environment: &[],
};

/// A component of the toolchain.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Component {
    /// The source of `core`, which is built for the BPF target.
    RustSrc,
    /// `cargo fmt`.
    Rustfmt,
    /// `cargo clippy`.
    Clippy,
}

impl Component {
    /// As rustup calls it.
    fn name(self) -> &'static str {
        match self {
            Self::RustSrc => "rust-src",
            Self::Rustfmt => "rustfmt",
            Self::Clippy => "clippy",
        }
    }

    /// What is there below the sysroot if it is installed.
    fn trace(self) -> &'static str {
        match self {
            Self::RustSrc => "lib/rustlib/src/rust/library/core",
            Self::Rustfmt => "bin/cargo-fmt",
            Self::Clippy => "bin/cargo-clippy",
        }
    }
}

/// All that building needs, and those components too.
///
/// # Errors
/// When something is missing and can't be installed; says what to type.
pub fn prepare(repository: &Repository, more: &[Component]) -> Result<()> {
    if search_path::find("rustup").is_none() {
        bail!(
            "rustup is missing, which provides Rust {} and the source of its library; type:\n  \
             curl --proto '=https' --tlsv1.2 -sSf https://sh.rustup.rs | sh -s -- -y\n\
             then open a new shell and start again",
            repository.channel
        );
    }
    if search_path::find("cc").is_none() {
        bail!(
            "a C compiler, `cc`, is missing, by which Rust programs are linked; type one of:\n  \
             sudo apt-get install build-essential    (Debian, Ubuntu)\n  \
             sudo dnf install gcc                    (Fedora, RHEL)\n  \
             sudo pacman -S base-devel               (Arch)"
        );
    }
    let sysroot = match sysroot(repository) {
        Some(sysroot) => sysroot,
        None => install_toolchain(repository)?,
    };
    let needed = [&[Component::RustSrc], more].concat();
    install_components(repository, &sysroot, &needed)?;
    BPF_LINKER.install(repository)
}

/// The same for another target than this machine: the library of Rust for it.
///
/// # Errors
/// When something is missing and can't be installed; says what to type.
pub fn prepare_target(repository: &Repository, target: &str) -> Result<()> {
    prepare(repository, &[])?;
    let sysroot = sysroot(repository).context("the toolchain was there just now")?;
    if sysroot
        .join("lib/rustlib")
        .join(target)
        .join("lib")
        .exists()
    {
        return Ok(());
    }
    eprintln!("set-up: installing the library of {target}");
    let typed = format!(
        "rustup target add --toolchain {} {target}",
        repository.channel
    );
    install(&typed, &mut words(&typed))
}

/// Where the pinned toolchain is, if it is installed.
fn sysroot(repository: &Repository) -> Option<PathBuf> {
    let output = tool(repository, "rustc")
        .args(["--print", "sysroot"])
        .output()
        .ok()?;
    let printed = String::from_utf8(output.stdout).ok()?;
    output
        .status
        .success()
        .then(|| PathBuf::from(printed.trim_end()))
}

fn install_toolchain(repository: &Repository) -> Result<PathBuf> {
    eprintln!("set-up: installing Rust {}", repository.channel);
    let typed = format!(
        "rustup toolchain install {} --profile minimal",
        repository.channel
    );
    install(&typed, &mut words(&typed))?;
    sysroot(repository).with_context(|| {
        format!(
            "Rust {} is installed but does not run; type:\n  {typed} --force",
            repository.channel
        )
    })
}

fn install_components(repository: &Repository, sysroot: &Path, needed: &[Component]) -> Result<()> {
    let missing: Vec<&str> = needed
        .iter()
        .filter(|component| !sysroot.join(component.trace()).exists())
        .map(|component| component.name())
        .collect();
    if missing.is_empty() {
        return Ok(());
    }
    let missing = missing.join(" ");
    eprintln!(
        "set-up: installing {missing} of Rust {}",
        repository.channel
    );
    let typed = format!(
        "rustup component add --toolchain {} {missing}",
        repository.channel
    );
    install(&typed, &mut words(&typed))
}

/// Installs; what fails is named with what to type once its cause is mended.
///
/// # Errors
/// When it fails.
pub fn install(typed: &str, command: &mut Command) -> Result<()> {
    succeed(command).with_context(|| {
        format!("set-up failed; see above why (no network?), then type:\n  {typed}\nBecause")
    })
}

fn words(typed: &str) -> Command {
    let mut words = typed.split(' ');
    let mut command = Command::new(words.next().unwrap_or_default());
    command.args(words);
    command
}
