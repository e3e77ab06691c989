//! Packages of a version, for all architectures: `cargo xtask dist`.

mod again;
mod archive;
mod binary;
mod compilers;
mod contents;
mod crates;
mod deb;
mod made;
mod names;
mod notices;
mod pages;
mod paths;
mod sbom;
mod sums;
mod tried;

use std::{
    fs,
    path::{Path, PathBuf},
    process::ExitCode,
};

use anyhow::{Context as _, Result};
use clap::Args;

use self::{made::Made, names::Names};
pub use self::{made::version, paths::Renamed};
use crate::{architecture::Architecture, packages, repository::Repository};

/// What of it is done.
#[derive(Args, Debug)]
pub struct Options {
    /// For this architecture alone.
    #[arg(long)]
    arch: Option<Architecture>,
    /// Then build all of it once more elsewhere, and compare every file.
    #[arg(long)]
    check: bool,
    /// Then try all of it: in Debian, and on kernels in QEMU; as root (through sudo if need be).
    #[arg(long)]
    test: bool,
    /// Build nothing first: check or test what is there.
    #[arg(long)]
    no_build: bool,
}

/// Makes the packages, and does with them what is asked for.
///
/// # Errors
/// When something can't be built, or one that is needed is missing.
pub fn run(repository: &Repository, options: &Options) -> Result<ExitCode> {
    packages::install(packages::OF_DIST)?;
    let target = repository.target_folder();
    let made = Made::of(
        repository,
        target.join("dist-build"),
        target.join("dist"),
        made::committed(repository)?,
    )?;
    let architectures = match options.arch {
        Some(one) => vec![one],
        None => Architecture::ALL.to_vec(),
    };
    if !options.no_build {
        make(&made, &architectures)?;
    }
    if options.check {
        again::check(&made, options.arch)?;
        eprintln!("a second build made the same files");
    }
    eprintln!("packages are in {}", made.out.display());
    if options.test {
        return tried::all(&made, &architectures);
    }
    Ok(ExitCode::SUCCESS)
}

/// Makes all files of a version.
fn make(made: &Made<'_>, architectures: &[Architecture]) -> Result<()> {
    emptied(&made.out)?;
    for &architecture in architectures {
        let names = Names {
            version: &made.version,
            architecture,
        };
        make_one(made, &names).with_context(|| format!("for {}", architecture.name()))?;
    }
    sums::write(&made.out)
}

fn make_one(made: &Made<'_>, names: &Names<'_>) -> Result<()> {
    let work = made
        .target_folder
        .join("packages")
        .join(names.architecture.name());
    emptied(&work)?;
    let binary = binary::build(made, names.architecture, &work)?;
    let linked = crates::linked(made, names.architecture)?;

    let contents = work.join(names.folder());
    contents::gather(made, &binary, &linked, &contents)?;
    archive::pack(made, &contents, &names.archive())?;

    let debug = work.join(names.debug_folder());
    contents::copy(&binary.debug, &debug.join("tcptrace.debug"))?;
    archive::pack(made, &debug, &names.debug_archive())?;

    deb::pack(made, names, &contents, &work.join("deb"))?;
    sbom::write(made, names, &linked, &binary)
}

/// A folder that has nothing inside.
fn emptied(folder: &Path) -> Result<PathBuf> {
    if folder.exists() {
        fs::remove_dir_all(folder)
            .with_context(|| format!("{} can't be removed", folder.display()))?;
    }
    fs::create_dir_all(folder).with_context(|| format!("{} can't be made", folder.display()))?;
    Ok(folder.to_owned())
}
