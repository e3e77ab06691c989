//! What the kernels of guests do in standard situations: scenarios, which are what the kernel half
//! sends, and recordings, which are what the whole program makes of it.

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

/// Something that a guest makes and that is kept.
struct Kept {
    /// Where it is.
    folder: &'static str,
    /// What the guest runs: a program that makes files, and one for each of these, whose output is
    /// the file in hexadecimal digits.
    script: &'static str,
    /// What is added to the name of the guest's log.
    log: &'static str,
    /// How the names of files end that are removed before, as new ones have other names.
    replaced: Option<&'static str>,
}

/// What the kernel half sends.
const SCENARIOS: Kept = Kept {
    folder: "tcptrace/tests/scenarios",
    script: "say run capture\n/capture situations /tmp/made 2>&1\nsay status $?\n",
    log: "-capture",
    replaced: None,
};
/// What tcptrace keeps, and what it tells meanwhile.
const RECORDINGS: Kept = Kept {
    folder: "tcptrace/tests/recordings",
    script: "say run capture\n/capture recording /tcptrace /tmp/made 2>&1\nsay status $?\n",
    log: "-recording",
    replaced: Some(".tcptrace"),
};
/// Each file that was made becomes a program whose output it is, in hexadecimal digits.
const SHOW: &str = "cd /tmp/made\nfor file in */*; do\n\
                    say run $file\nxxd -p $file\nsay status $?\ndone\n";

/// Captures scenarios from the kernels that are asked for, and writes what follows from each. What
/// changed is to be read: `git diff`.
///
/// # Errors
/// When something can't be built, or a kernel gives none.
pub fn scenarios(repository: &Repository, asked: &[String]) -> Result<ExitCode> {
    let folders = folders(repository)?;
    let capture = binaries::capture(repository, &folders.binaries)?;
    SCENARIOS.make(repository, asked, &[("capture", &capture)])?;
    let mut command = cargo(repository);
    command.env("BLESS", "1");
    command.args(["test", "--package", "tcptrace", "--test", "scenarios"]);
    say_and_succeed(&mut command)?;
    Ok(ExitCode::SUCCESS)
}

/// Records on the kernels that are asked for, and keeps what `watch` told at the same time.
///
/// # Errors
/// When something can't be built, or a kernel gives none.
pub fn recordings(repository: &Repository, asked: &[String]) -> Result<ExitCode> {
    let folders = folders(repository)?;
    let capture = binaries::capture(repository, &folders.binaries)?;
    let tcptrace = binaries::tcptrace(repository, &folders.binaries)?;
    let programs = [("capture", &*capture), ("tcptrace", &*tcptrace)];
    RECORDINGS.make(repository, asked, &programs)?;
    let mut command = cargo(repository);
    command.args(["test", "--package", "tcptrace", "--test", "recorded"]);
    say_and_succeed(&mut command)?;
    Ok(ExitCode::SUCCESS)
}

impl Kept {
    /// Makes it anew on the kernels that are asked for, with these programs in the guest.
    fn make(
        &self,
        repository: &Repository,
        asked: &[String],
        programs: &[(&str, &Path)],
    ) -> Result<()> {
        let mut kernels = choice::chosen(asked)?;
        kernels.retain(|kernel| kernel.expected == Expected::Passes);
        packages::install(packages::OF_KERNELS)?;
        let folders = folders(repository)?;
        let to = repository.root.join(self.folder);
        let made = at_once(&kernels, |kernel: &Kernel| {
            let (busybox, image) = unpacked(kernel, &folders.downloads)?;
            let mut initramfs = Initramfs::new(&busybox)?;
            for (name, program) in programs {
                initramfs.copy(program, name)?;
            }
            initramfs.modules(modules::to_load(&image.modules, &[])?);
            initramfs.run(&format!("{}{SHOW}", self.script));
            let run = boot(kernel, &image, &initramfs, 1, &folders.logs, self.log)?;
            self.write(&run, &to)
                .with_context(|| format!("{}, whose console is in its log", image.release))
        });
        for count in made {
            eprintln!("{} files", count?);
        }
        Ok(())
    }

    /// Writes the files that a guest showed; how many there were.
    fn write(&self, run: &Run, to: &Path) -> Result<usize> {
        let shown = verdict::programs(&run.console);
        let (capture, files) = shown
            .split_first()
            .context("the guest ended before it captured anything")?;
        if capture.status != Some(0) {
            bail!("it can't be captured from: {}", capture.lines.join("\n"));
        }
        let mut read = Vec::new();
        for file in files {
            ensure!(file.status == Some(0), "{} is cut", file.name);
            let bytes = bytes(&file.lines).with_context(|| format!("{} is garbled", file.name))?;
            read.push((to.join(PathBuf::from(file.name)), bytes));
        }
        // Nothing is removed before all of it has arrived.
        for (path, _) in &read {
            let folder = path.parent().context("a file is in a folder")?;
            fs::create_dir_all(folder)
                .with_context(|| format!("{} can't be made", folder.display()))?;
            self.remove_those_before(folder)?;
        }
        for (path, bytes) in &read {
            fs::write(path, bytes)
                .with_context(|| format!("{} can't be written", path.display()))?;
        }
        Ok(read.len())
    }

    fn remove_those_before(&self, folder: &Path) -> Result<()> {
        let Some(end) = self.replaced else {
            return Ok(());
        };
        for file in fs::read_dir(folder)? {
            let path = file?.path();
            if path.to_string_lossy().ends_with(end) {
                fs::remove_file(&path)
                    .with_context(|| format!("{} can't be removed", path.display()))?;
            }
        }
        Ok(())
    }
}

/// The bytes of lines of hexadecimal digits.
fn bytes(lines: &[&str]) -> Result<Vec<u8>> {
    let digits = lines.concat();
    ensure!(digits.len().is_multiple_of(2), "half a byte");
    let digits: Option<Vec<u32>> = digits.chars().map(|it| it.to_digit(16)).collect();
    let digits = digits.context("not hexadecimal digits alone: the kernel wrote in between")?;
    Ok(digits
        .chunks(2)
        .map(|pair| (pair[0] << 4 | pair[1]) as u8)
        .collect())
}

#[cfg(test)]
mod tests {
    use super::{RECORDINGS, Run, bytes};

    #[test]
    fn a_file_arrives_as_it_was_and_the_one_before_is_gone() {
        let folder = tempfile::tempdir().unwrap();
        let before = folder.path().join("6.1/00000001-before.tcptrace");
        std::fs::create_dir(folder.path().join("6.1")).unwrap();
        std::fs::write(&before, "x").unwrap();
        let run = |console: &str| Run {
            console: format!("guest: run capture\nguest: status 0\n{console}guest: end\n"),
            timed_out: false,
        };
        let cut = run("guest: run 6.1/a.tcptrace\n00ff\n");
        RECORDINGS.write(&cut, folder.path()).unwrap_err();
        assert!(before.exists());
        let whole = run("guest: run 6.1/a.tcptrace\n00ff\n7f\nguest: status 0\n");
        assert_eq!(RECORDINGS.write(&whole, folder.path()).unwrap(), 1);
        let arrived = std::fs::read(folder.path().join("6.1/a.tcptrace")).unwrap();
        assert_eq!(arrived, [0, 0xff, 0x7f]);
        assert!(!before.exists());
    }

    #[test]
    fn a_word_of_the_kernels_within_a_file_is_told() {
        assert!(bytes(&["00ff", "[ 1.0] hello"]).is_err());
        assert!(bytes(&["00f"]).is_err());
    }
}
