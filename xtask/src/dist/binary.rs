//! The binary, and its debug information beside it.

use std::{
    fs,
    path::{Path, PathBuf},
    process::Command,
};

use anyhow::{Context as _, Result, ensure};

use super::{made::Made, paths::Renamed};
use crate::{
    architecture::Architecture,
    cargo::{cargo, executable, shown, succeed},
    setup,
};

/// What else could change what is built, if the environment had it.
const UNWANTED: [&str; 6] = [
    "CARGO_BUILD_RUSTFLAGS",
    "CARGO_BUILD_TARGET",
    "CARGO_ENCODED_RUSTFLAGS",
    "CFLAGS",
    "RUSTFLAGS",
    "RUSTC_WORKSPACE_WRAPPER",
];

/// A binary that is ready to be packed.
#[derive(Debug)]
pub struct Binary {
    /// The program, without debug information.
    pub program: PathBuf,
    /// The lines of its source.
    pub debug: PathBuf,
}

/// Builds it, and puts it and its debug information into that folder.
///
/// # Errors
/// When something needed can't be installed, the build fails, or the binary still has a path of this
/// machine inside.
pub fn build(made: &Made<'_>, architecture: Architecture, folder: &Path) -> Result<Binary> {
    let target = architecture.target();
    setup::prepare_target(made.repository, target)?;
    let mut command = cargo(made.repository);
    command
        .args(["build", "--profile", "dist", "--package", "tcptrace"])
        .args(["--locked", "--target", target])
        .arg("--target-dir")
        .arg(&made.target_folder);
    for unwanted in UNWANTED {
        command.env_remove(unwanted);
    }
    // What it has of C, zstd and ring, calls no more of a C library than musl has as well: the headers
    // of the compiler's own do.
    let gcc = architecture.program("gcc");
    let variable = target.replace('-', "_");
    command
        .env(format!("CC_{variable}"), &gcc)
        .env(format!("AR_{variable}"), architecture.program("ar"))
        .env(
            format!("CARGO_TARGET_{}_LINKER", variable.to_uppercase()),
            &gcc,
        );
    let renamed = Renamed::of(made.repository, &made.target_folder)?;
    renamed.apply(&mut command, target, &made.target_folder.join("rustc"))?;
    eprintln!("{}", shown(&command));
    let built = executable(&mut command, "bin", "tcptrace")?;
    let binary = split(&built, architecture, folder)?;
    for file in [&binary.program, &binary.debug] {
        let bytes = fs::read(file).with_context(|| format!("{} can't be read", file.display()))?;
        let left = renamed.found_in(&bytes);
        ensure!(
            left.is_none(),
            "{} has the path {} of this machine inside: rename it in xtask/src/dist/paths.rs",
            file.display(),
            left.unwrap_or(Path::new("")).display()
        );
    }
    Ok(binary)
}

/// Takes the debug information out, and leaves in the program where it is: debuggers look for a file
/// of that name beside the program and below /usr/lib/debug.
fn split(built: &Path, architecture: Architecture, folder: &Path) -> Result<Binary> {
    let binary = Binary {
        program: folder.join("tcptrace"),
        debug: folder.join("tcptrace.debug"),
    };
    let objcopy = || Command::new(architecture.program("objcopy"));
    succeed(
        objcopy()
            .args(["--only-keep-debug", "--compress-debug-sections"])
            .args([built, &binary.debug]),
    )?;
    let mut link = "--add-gnu-debuglink=".to_owned();
    link += &binary.debug.to_string_lossy();
    succeed(
        objcopy()
            // Of the compilers, which is the toolchain's to say.
            .args(["--strip-all", "--remove-section=.comment", &link])
            .args([built, &binary.program]),
    )?;
    Ok(binary)
}
