//! Whether the packages work where they are installed: `cargo xtask dist --test`.

mod booted;
mod chroot;
mod system;

use std::{
    path::{Path, PathBuf},
    process::{Command, ExitCode},
};

use anyhow::{Context as _, Result, ensure};

use self::system::{Distribution, System};
use super::{
    contents::PAGES,
    made::Made,
    names::{Names, SUMS},
    sums::files,
};
use crate::{
    architecture::Architecture,
    cargo::{output, say_and_succeed, succeed},
    kernels, packages,
    steps::Steps,
};

/// Tries the packages that were made.
///
/// # Errors
/// When something that this takes is missing. A step that fails is told by the status.
pub fn all(made: &Made<'_>, architectures: &[Architecture]) -> Result<ExitCode> {
    packages::install(packages::OF_DIST_TESTS)?;
    let mut steps = Steps::default();
    steps.step("all files are there, and their sums are right", || {
        are_there(made, architectures)
    });
    for &architecture in architectures {
        let names = Names {
            version: &made.version,
            architecture,
        };
        let work = made.target_folder.join("tried").join(architecture.name());
        super::emptied(&work)?;
        let (unpacked, pages, lintian, guest) = match architecture {
            Architecture::X86_64 => (
                "x86_64: the archive is unpacked",
                "x86_64: man pages are well-formed",
                "x86_64: lintian has nothing to say of the .deb",
                "x86_64: traces real sockets, in QEMU",
            ),
            Architecture::Aarch64 => (
                "aarch64: the archive is unpacked",
                "aarch64: man pages are well-formed",
                "aarch64: lintian has nothing to say of the .deb",
                "aarch64: traces real sockets, in QEMU",
            ),
        };
        let Some(folder) = steps.step(unpacked, || unpack(made, &names, &work)) else {
            continue;
        };
        steps.step(pages, || are_well_formed(&folder.join(PAGES)));
        steps.step(lintian, || is_clean(&made.out.join(names.deb())));
        let binary = folder.join("tcptrace");
        steps.step(guest, || {
            kernels::trace_by(made.repository, architecture, &binary)
        });
        if architecture.name() == std::env::consts::ARCH {
            steps.step("the binary runs here", || says_its_version(made, &binary));
            tried_in_debian(&mut steps, made, &names, &work);
            tried_in_ubuntu(&mut steps, made, &names, &work);
        }
    }
    Ok(steps.finish())
}

fn tried_in_debian(steps: &mut Steps, made: &Made<'_>, names: &Names<'_>, work: &Path) {
    let Some(debian) = steps.step("Debian is put into a folder", || {
        System::make(Distribution::Debian, made, names, work)
    }) else {
        return;
    };
    steps.step("the .deb is installed, used and purged in Debian", || {
        chroot::all(made, &debian)
    });
    steps.step("its units do what they should, under systemd", || {
        booted::all(&debian)
    });
    steps.step("Debian is removed", || debian.remove());
}

fn tried_in_ubuntu(steps: &mut Steps, made: &Made<'_>, names: &Names<'_>, work: &Path) {
    let Some(ubuntu) = steps.step("Ubuntu is put into a folder", || {
        System::make(Distribution::Ubuntu, made, names, work)
    }) else {
        return;
    };
    steps.step("the .deb is installed, used and purged in Ubuntu", || {
        chroot::all(made, &ubuntu)
    });
    steps.step("Ubuntu is removed", || ubuntu.remove());
}

fn are_there(made: &Made<'_>, architectures: &[Architecture]) -> Result<()> {
    let there = files(&made.out)?;
    for &architecture in architectures {
        let names = Names {
            version: &made.version,
            architecture,
        };
        for name in names.all() {
            ensure!(
                there.contains(&name),
                "{name} is not in {}: cargo xtask dist makes it",
                made.out.display()
            );
        }
    }
    let mut command = Command::new("sha256sum");
    command.args(["--check", "--strict", SUMS]);
    say_and_succeed(command.current_dir(&made.out))
}

fn unpack(made: &Made<'_>, names: &Names<'_>, work: &Path) -> Result<PathBuf> {
    for archive in [names.archive(), names.debug_archive()] {
        let mut command = Command::new("tar");
        command.arg("--extract").arg("--file");
        command.arg(made.out.join(archive)).arg("--directory");
        succeed(command.arg(work))?;
    }
    Ok(work.join(names.folder()))
}

/// Whether mandoc finds nothing to warn of.
fn are_well_formed(folder: &Path) -> Result<()> {
    let pages = files(folder)?;
    ensure!(
        pages.iter().any(|page| page == "tcptrace-watch.1"),
        "there is no page of tcptrace watch"
    );
    let mut command = Command::new("mandoc");
    command.args(["-T", "lint", "-W", "warning"]).args(pages);
    succeed(command.current_dir(folder))
}

fn is_clean(package: &Path) -> Result<()> {
    let mut command = Command::new("lintian");
    command.args(["--fail-on", "error,warning", "--tag-display-limit", "0"]);
    // It warns of root, who may be who builds.
    say_and_succeed(command.arg("--allow-root").arg(package))
}

fn says_its_version(made: &Made<'_>, binary: &Path) -> Result<()> {
    let said = output(Command::new(binary).arg("--version"))?;
    ensure!(
        said.trim_end() == format!("tcptrace {}", made.version),
        "it says `{}`, and Cargo.toml {}",
        said.trim_end(),
        made.version
    );
    let explained = output(Command::new(binary).args(["explain", "TIME_WAIT"]))?;
    let first = explained.lines().next().context("it explains nothing")?;
    ensure!(first.contains("TIME_WAIT"), "it explains `{first}`");
    Ok(())
}
