//! Set-up: what is missing is installed, what can't be is named.

use std::{
    env,
    path::{Path, PathBuf},
    process::Command,
};

use anyhow::{Context as _, Result, bail};

use crate::{
    cargo::{cargo, succeed, tool},
    repository::{Repository, toml_of},
    search_path,
};

/// Links the kernel half. Its LLVM has to be at least that of the pinned toolchain.
const BPF_LINKER: &str = "bpf-linker";
/// Pinned together with rust-toolchain.toml.
const BPF_LINKER_VERSION: &str = "0.10.4";

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
    install_bpf_linker(repository)
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

fn install_bpf_linker(repository: &Repository) -> Result<()> {
    let tools = repository.tools();
    if is_installed(&tools) {
        return Ok(());
    }
    eprintln!(
        "set-up: installing {BPF_LINKER} {BPF_LINKER_VERSION} into {} (once; takes some minutes)",
        tools.display()
    );
    let arguments = [
        "install",
        BPF_LINKER,
        "--version",
        BPF_LINKER_VERSION,
        "--locked",
        "--root",
    ];
    let mut command = cargo(repository);
    command.args(arguments).arg(&tools);
    if tools.join("bin").join(BPF_LINKER).exists() {
        // Another version, or one that cargo does not know of.
        command.arg("--force");
    }
    // Meant for what is developed, not for a tool that runs on this machine.
    for unwanted in [
        "CARGO_ENCODED_RUSTFLAGS",
        "RUSTFLAGS",
        "RUSTC_BOOTSTRAP",
        "CARGO_BUILD_TARGET",
    ] {
        command.env_remove(unwanted);
    }
    // Or cargo advises to put it there, which is not needed.
    let mut path = env::var_os("PATH").unwrap_or_default();
    path.push(":");
    path.push(tools.join("bin"));
    command.env("PATH", path);
    let typed = format!(
        "cargo +{} {} {} --force",
        repository.channel,
        arguments.join(" "),
        tools.display()
    );
    install(&typed, &mut command)
}

/// Whether the pinned bpf-linker is there, without starting anything.
fn is_installed(tools: &Path) -> bool {
    tools.join("bin").join(BPF_LINKER).is_file()
        && toml_of(&tools.join(".crates.toml")).is_ok_and(|record| is_recorded(&record))
}

/// Whether what cargo keeps of its installations names the pinned bpf-linker.
fn is_recorded(record: &toml::Table) -> bool {
    let wanted = format!("{BPF_LINKER} {BPF_LINKER_VERSION} ");
    record
        .get("v1")
        .and_then(toml::Value::as_table)
        .is_some_and(|crates| crates.keys().any(|key| key.starts_with(&wanted)))
}

/// Installs; what fails is named with what to type once its cause is mended.
fn install(typed: &str, command: &mut Command) -> Result<()> {
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

#[cfg(test)]
mod tests {
    use super::is_recorded;

    fn recorded(text: &str) -> bool {
        is_recorded(&text.parse().expect("TOML"))
    }

    #[test]
    fn only_the_pinned_version_counts() {
        let from = "(registry+https://github.com/rust-lang/crates.io-index)";
        assert!(recorded(&format!(
            "[v1]\n\"bpf-linker 0.10.4 {from}\" = [\"bpf-linker\"]"
        )));
        assert!(!recorded(&format!(
            "[v1]\n\"bpf-linker 0.10.40 {from}\" = [\"bpf-linker\"]"
        )));
        assert!(!recorded(&format!(
            "[v1]\n\"bpf-linker 0.9.15 {from}\" = [\"bpf-linker\"]"
        )));
        assert!(!recorded("[v1]"));
        assert!(!recorded(""));
    }
}
