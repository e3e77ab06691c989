//! Builds the kernel half, which the binary carries inside.

use anyhow::{Context as _, Result};
use aya_build::{Package, Toolchain};

fn main() -> Result<()> {
    // The channel of rust-toolchain.toml, which rustup hands to build scripts.
    let channel = std::env::var("RUSTUP_TOOLCHAIN").context(
        "RUSTUP_TOOLCHAIN is not set: build with the cargo of rustup, which reads rust-toolchain.toml",
    )?;
    // `-Z build-std=core` on a stable toolchain. Only the cargo that aya-build starts inherits
    // this; nothing else is compiled by it.
    // Whatever it prints becomes a warning of this build: nothing but warnings, then.
    // SAFETY: a build script has one thread here.
    unsafe {
        std::env::set_var("RUSTC_BOOTSTRAP", "1");
        std::env::set_var("CARGO_TERM_QUIET", "true");
    }
    aya_build::build_ebpf(
        [Package {
            name: "tcptrace-ebpf",
            root_dir: concat!(env!("CARGO_MANIFEST_DIR"), "/../tcptrace-ebpf"),
            features: &["programs"],
            ..Package::default()
        }],
        Toolchain::Custom(&channel),
    )
}
