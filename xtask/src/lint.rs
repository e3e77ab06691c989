//! Format and lints of both halves, and what is used of others.

use std::{
    env::{self, consts::ARCH},
    path::PathBuf,
    process::{Command, ExitCode},
};

use anyhow::Result;

use crate::{
    cargo::{cargo, say_and_succeed},
    dependencies, imports,
    repository::Repository,
    setup::{self, Component},
    steps::Steps,
};

/// Checks all, step by step.
///
/// # Errors
/// When set-up fails. A step that fails is told by the status.
pub fn all(repository: &Repository) -> Result<ExitCode> {
    setup::prepare(repository, &[Component::Rustfmt, Component::Clippy])?;
    let mut steps = Steps::default();
    steps.step("format (mended by cargo fmt --all)", || {
        say_and_succeed(cargo(repository).args(["fmt", "--all", "--check"]))
    });
    steps.step("clippy", || {
        let mut command = cargo(repository);
        command.args([
            "clippy",
            "--workspace",
            "--all-targets",
            "--",
            "-D",
            "warnings",
        ]);
        say_and_succeed(&mut command)
    });
    steps.step("clippy without what can be left out", || {
        let mut command = cargo(repository);
        command.args(["clippy", "--package", "tcptrace", "--no-default-features"]);
        command.args(["--all-targets", "--", "-D", "warnings"]);
        say_and_succeed(&mut command)
    });
    steps.step("clippy of the kernel half", || {
        say_and_succeed(&mut kernel_half(repository))
    });
    steps.step("imports run one way", || imports::check(repository));
    steps.step("licences and sources of all crates", || {
        dependencies::check(repository)
    });
    steps.step("known holes in them", || {
        dependencies::check_advisories(repository)
    });
    Ok(steps.finish())
}

/// As aya-build builds it, by a stable toolchain.
fn kernel_half(repository: &Repository) -> Command {
    let all_targets =
        env::var_os("CARGO_TARGET_DIR").map_or_else(|| "target".into(), PathBuf::from);
    let mut command = cargo(repository);
    command
        .args([
            "clippy",
            "--package",
            "tcptrace-ebpf",
            "--bins",
            "--features",
            "programs",
        ])
        .args(["--release", "--target", target(), "-Z", "build-std=core"])
        // Its own, as the flags below would make cargo build the rest anew.
        .arg("--target-dir")
        .arg(all_targets.join("ebpf-lint"))
        .args(["--", "-D", "warnings"])
        .env("RUSTC_BOOTSTRAP", "1")
        .env("CARGO_ENCODED_RUSTFLAGS", flags(ARCH));
    command
}

/// The BPF target of this machine's byte order.
fn target() -> &'static str {
    if cfg!(target_endian = "big") {
        "bpfeb-unknown-none"
    } else {
        "bpfel-unknown-none"
    }
}

/// What aya-build passes to rustc for that architecture.
fn flags(arch: &str) -> String {
    let arch = if arch.starts_with("riscv64") {
        "riscv64"
    } else {
        arch
    };
    format!("--cfg=bpf_target_arch=\"{arch}\"\u{1f}-Cdebuginfo=2")
}

#[cfg(test)]
mod tests {
    use super::flags;

    #[test]
    fn the_kernel_half_is_told_the_architecture() {
        assert_eq!(
            flags("x86_64"),
            "--cfg=bpf_target_arch=\"x86_64\"\u{1f}-Cdebuginfo=2"
        );
        assert_eq!(
            flags("riscv64gc"),
            "--cfg=bpf_target_arch=\"riscv64\"\u{1f}-Cdebuginfo=2"
        );
    }
}
