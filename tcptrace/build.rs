//! Builds the kernel half, which the binary carries inside; where its source isn't, as in the package
//! of crates.io, takes what was built when the package was made.

use std::{
    env, fs,
    path::{Path, PathBuf},
};

use anyhow::{Context as _, Result, ensure};
use aya_build::{Package, Toolchain};

/// Where the source of the kernel half is, in the repository.
const SOURCE: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../tcptrace-ebpf");
/// What a package carries: `cargo xtask publish` puts it there.
const CARRIED: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/kernel-half.o");
/// What is built, in the folder that cargo has for it.
const BUILT: &str = "tcptrace-ebpf";

fn main() -> Result<()> {
    let out = PathBuf::from(env::var_os("OUT_DIR").context("cargo sets OUT_DIR")?);
    let built = out.join(BUILT);
    if Path::new(SOURCE).join("Cargo.toml").exists() {
        build()?;
    } else {
        println!("cargo:rerun-if-changed={CARRIED}");
        let endian = env::var("CARGO_CFG_TARGET_ENDIAN").unwrap_or_default();
        ensure!(
            endian == "little",
            "the package carries its kernel half for little-endian machines: \
             build tcptrace from its repository"
        );
        fs::copy(CARRIED, &built).with_context(|| format!("{CARRIED} is missing"))?;
    }
    Ok(())
}

fn build() -> Result<()> {
    // The channel of rust-toolchain.toml, which rustup hands to build scripts.
    let channel = env::var("RUSTUP_TOOLCHAIN").context(
        "RUSTUP_TOOLCHAIN is not set: build with the cargo of rustup, which reads rust-toolchain.toml",
    )?;
    // `-Z build-std=core` on a stable toolchain. Only the cargo that aya-build starts inherits
    // this; nothing else is compiled by it.
    // Whatever it prints becomes a warning of this build: nothing but warnings, then.
    // SAFETY: a build script has one thread here.
    unsafe {
        env::set_var("RUSTC_BOOTSTRAP", "1");
        env::set_var("CARGO_TERM_QUIET", "true");
    }
    aya_build::build_ebpf(
        [Package {
            name: "tcptrace-ebpf",
            root_dir: SOURCE,
            features: &["programs"],
            ..Package::default()
        }],
        Toolchain::Custom(&channel),
    )
}
