//! Scenarios from other kernels: what the kernel half sends there in standard situations.

use std::{
    fs,
    path::{Path, PathBuf},
    process::ExitCode,
};

use anyhow::{Context as _, Result, bail, ensure};

use super::{
    Kernel, at_once, binaries, boot,
    choice::{self, Expected},
    folders,
    guest::Run,
    initramfs::Initramfs,
    modules, unpacked, verdict,
};
use crate::{
    cargo::{cargo, say_and_succeed},
    packages,
    repository::Repository,
};

/// Where the scenarios are.
const SCENARIOS: &str = "tcptrace/tests/scenarios";
/// What the guest runs: each file of it becomes a program whose output it is.
const SCRIPT: &str = "say run capture\n/capture situations /tmp/scenarios 2>&1\nsay status $?\n\
                      cd /tmp/scenarios\nfor file in */*.trace; do\n\
                      say run $file\ncat $file\nsay status $?\ndone\n";

/// Captures scenarios from the kernels that are asked for, and writes what follows from each. What
/// changed is to be read: `git diff`.
///
/// # Errors
/// When something can't be built, or a kernel gives none.
pub fn scenarios(repository: &Repository, asked: &[String]) -> Result<ExitCode> {
    let mut kernels = choice::chosen(asked)?;
    kernels.retain(|kernel| kernel.expected == Expected::Passes);
    packages::install(packages::OF_KERNELS)?;
    let folders = folders(repository)?;
    let program = binaries::capture(repository, &folders.binaries)?;
    let scenarios = repository.root.join(SCENARIOS);
    let captured = at_once(&kernels, |kernel: &Kernel| {
        let (busybox, image) = unpacked(kernel, &folders.downloads)?;
        let mut initramfs = Initramfs::new(&busybox)?;
        initramfs.copy(&program, "capture")?;
        initramfs.modules(modules::to_load(&image.modules)?);
        initramfs.run(SCRIPT);
        let run = boot(kernel, &image, &initramfs, 1, &folders.logs, "-capture")?;
        write(&run, &scenarios)
            .with_context(|| format!("{}, whose console is in its log", image.release))
    });
    for count in captured {
        eprintln!("{} scenarios", count?);
    }
    let mut command = cargo(repository);
    command.env("BLESS", "1");
    command.args(["test", "--package", "tcptrace", "--test", "scenarios"]);
    say_and_succeed(&mut command)?;
    Ok(ExitCode::SUCCESS)
}

/// Writes the files that a guest showed; how many there were.
fn write(run: &Run, scenarios: &Path) -> Result<usize> {
    let shown = verdict::programs(&run.console);
    let (capture, files) = shown
        .split_first()
        .context("the guest ended before it captured anything")?;
    if capture.status != Some(0) {
        bail!("it can't be captured from: {}", capture.lines.join("\n"));
    }
    for file in files {
        ensure!(file.status == Some(0), "{} is cut", file.name);
        let path = scenarios.join(PathBuf::from(file.name));
        let folder = path.parent().context("a scenario is in a folder")?;
        fs::create_dir_all(folder)
            .and_then(|()| fs::write(&path, file.lines.join("\n") + "\n"))
            .with_context(|| format!("{} can't be written", path.display()))?;
    }
    Ok(files.len())
}
