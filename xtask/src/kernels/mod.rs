//! The real-socket tests on other kernels: Debian's, in QEMU. One static binary of tcptrace and of
//! each test runs on all of them.

mod binaries;
mod capture;
mod choice;
mod disk;
mod emulation;
mod guest;
mod image;
mod initramfs;
mod mirror;
mod modules;
mod not_run;
mod packaged;
mod power_cut;
mod table;
mod verdict;

use std::{
    ffi::OsString,
    fs,
    num::NonZero,
    path::{Path, PathBuf},
    process::ExitCode,
    sync::{
        Mutex, PoisonError,
        atomic::{AtomicUsize, Ordering},
    },
    thread,
    time::{Duration, Instant},
};

use anyhow::{Context as _, Result};

use self::{
    binaries::Binaries,
    choice::{Expected, Kernel},
    guest::Run,
    image::Image,
    initramfs::Initramfs,
    mirror::Mirror,
    table::Row,
    verdict::Verdict,
};
pub use self::{
    capture::{recordings, scenarios},
    mirror::address,
    packaged::trace_by,
    power_cut::power_cut,
};
use crate::{architecture::Architecture, packages, repository::Repository};

/// How long a guest may take. On a machine that does nothing else it takes a third of that.
const LIMIT: Duration = Duration::from_secs(30 * 60);
/// Emulation is slow, by as much as limits of tests must be longer.
const PATIENCE: u32 = 4;
/// Most tests wait most of the time, but tcptrace's start is hard work for an emulated CPU.
const AT_ONCE: u32 = 4;
/// So many tests that fail may be the host's fault.
const MOST_AGAIN: usize = 8;
/// Where busybox-static comes from.
const BUSYBOX_SUITE: &str = "bookworm";
/// The status of a machine that can't be traced, and what is said where the kernel is too old.
const TOO_OLD: (i32, &str) = (3, "this kernel is too old");

/// A guest of a kernel, and the tests that it is for.
struct Guest {
    suites: &'static [&'static str],
    /// More arguments of theirs.
    arguments: &'static [&'static str],
    /// Lines of shell.
    environment: &'static str,
    cpus: u32,
    /// What is added to the name of its log.
    log: &'static str,
}

/// The guests of each kernel.
const GUESTS: [Guest; 2] = [
    Guest {
        suites: &["live", "list", "faults"],
        arguments: &[],
        environment: "",
        cpus: 1,
        log: "",
    },
    // Tests that disturb all of it, such as by a step of its clock: one after another.
    Guest {
        suites: &["faults"],
        arguments: &["--ignored"],
        environment: "export TCPTRACE_TEST_GUEST=1 RUST_TEST_THREADS=1",
        cpus: 2,
        log: "-disturbed",
    },
];

/// Runs the tests on the kernels that are asked for, as many at once as there are CPUs, since a
/// guest takes one. The arguments go to each test binary.
///
/// # Errors
/// When a program can't be built, or one that is needed is missing. What comes of a kernel is told
/// by a table and the status: 1 where tests failed, 125 where nothing is known of them.
pub fn test(repository: &Repository, asked: &[String], arguments: &[OsString]) -> Result<ExitCode> {
    let kernels = choice::chosen(asked)?;
    packages::install(packages::OF_KERNELS)?;
    let folders = folders(repository)?;
    let binaries = binaries::build(repository, arguments, &folders.binaries)?;
    let not_run = binaries.suites.iter().map(|suite| suite.not_run).sum();
    let one = |kernel: &Kernel| {
        let began = Instant::now();
        let mut row = Row {
            release: String::new(),
            hz: None,
            counts: None,
            not_run,
            took: Duration::ZERO,
            verdict: Verdict::Passed(String::new()),
        };
        let job = Job {
            kernel,
            binaries: &binaries,
            arguments,
            folders: &folders,
        };
        if let Err(error) = job.run(&mut row) {
            row.verdict = Verdict::Unknown(format!("{error:#}"));
        }
        row.took = began.elapsed();
        eprint!("{}", table::table(std::slice::from_ref(&row)));
        row
    };
    let rows = at_once(&kernels, one);
    println!("\n{}", table::table(&rows));
    for not_run in not_run::NOT_RUN {
        println!("not run: {}: {}", not_run.test, not_run.reason);
    }
    println!("logs: {}", folders.logs.display());
    Ok(table::status(&rows))
}

/// Where things are put.
struct Folders {
    /// Packages of kernels.
    downloads: PathBuf,
    /// Static programs.
    binaries: PathBuf,
    /// What guests write to their consoles.
    logs: PathBuf,
}

fn folders(repository: &Repository) -> Result<Folders> {
    let target = repository.target_folder().join("kernels");
    let logs = target.join("logs");
    fs::create_dir_all(&logs).with_context(|| format!("{} can't be made", logs.display()))?;
    Ok(Folders {
        downloads: repository.tools().join("kernels"),
        binaries: target.join("binaries"),
        logs,
    })
}

/// What comes of each kernel, in the order of the kernels.
fn at_once<T: Send>(kernels: &[&Kernel], one: impl Fn(&Kernel) -> T + Sync) -> Vec<T> {
    let cpus = thread::available_parallelism().map_or(1, NonZero::get);
    let next = AtomicUsize::new(0);
    let mut all: Vec<_> = thread::scope(|scope| {
        let work = || {
            let mut done = Vec::new();
            loop {
                let index = next.fetch_add(1, Ordering::Relaxed);
                let Some(kernel) = kernels.get(index) else {
                    return done;
                };
                done.push((index, one(kernel)));
            }
        };
        let workers: Vec<_> = (0..cpus.min(kernels.len()))
            .map(|_| scope.spawn(work))
            .collect();
        workers
            .into_iter()
            .flat_map(|worker| worker.join().expect("a kernel's worker doesn't panic"))
            .collect()
    });
    all.sort_by_key(|(index, _)| *index);
    all.into_iter().map(|(_, one)| one).collect()
}

/// One kernel.
struct Job<'a> {
    kernel: &'a Kernel,
    binaries: &'a Binaries,
    arguments: &'a [OsString],
    folders: &'a Folders,
}

impl Job<'_> {
    fn run(&self, row: &mut Row) -> Result<()> {
        row.release = self.kernel.series.to_owned();
        let (busybox, image) = unpacked(self.kernel, &self.folders.downloads)?;
        row.release.clone_from(&image.release);
        row.hz = image.hz;
        let mut initramfs = Initramfs::new(&busybox)?;
        initramfs.programs(self.binaries)?;
        initramfs.modules(modules::to_load(&image.modules, &[])?);
        match self.kernel.expected {
            Expected::TooOld => {
                let run = self.boot(&image, &mut initramfs, "", 1, &refusals())?;
                row.verdict = verdict::of_refusal(&run, TOO_OLD.0, TOO_OLD.1);
            }
            Expected::Passes => {
                for guest in &GUESTS {
                    self.test(guest, &image, &mut initramfs, row)?;
                }
            }
        }
        Ok(())
    }

    /// Runs the tests of a guest, if any are asked for.
    fn test(
        &self,
        guest: &Guest,
        image: &Image,
        initramfs: &mut Initramfs,
        row: &mut Row,
    ) -> Result<()> {
        let words: Vec<OsString> = self
            .arguments
            .iter()
            .cloned()
            .chain(guest.arguments.iter().map(OsString::from))
            .chain(binaries::skipped())
            .collect();
        let mut suites = Vec::new();
        for suite in &self.binaries.suites {
            if guest.suites.contains(&suite.name) {
                suites.push((suite.name, binaries::count(&suite.path, words.clone())?));
            }
        }
        suites.retain(|(_, tests)| *tests > 0);
        if suites.is_empty() {
            return Ok(());
        }
        let script = tests(guest, &suites, &words);
        let run = self.boot(image, initramfs, guest.log, guest.cpus, &script)?;
        let (counts, mut verdict) = verdict::of_tests(&run, &suites);
        *row.counts.get_or_insert_default() += counts;
        if let Verdict::Failed(wrong) = &verdict
            && wrong.len() <= MOST_AGAIN
            && let Some(again) =
                self.test_again(guest, image, initramfs, &run, &suites, wrong.len())?
        {
            verdict = again;
        }
        let before = std::mem::replace(&mut row.verdict, Verdict::Passed(String::new()));
        row.verdict = verdict.and(before);
        Ok(())
    }

    /// Once more, and one after another, those that failed: an emulated CPU that the host takes
    /// away for a while is too late for a test that waits for something to happen in time. `None`
    /// where something else went wrong, too.
    fn test_again(
        &self,
        guest: &Guest,
        image: &Image,
        initramfs: &mut Initramfs,
        run: &Run,
        suites: &[(&'static str, usize)],
        wrong: usize,
    ) -> Result<Option<Verdict>> {
        let mut script = exports(guest) + "export RUST_TEST_THREADS=1\n";
        let mut again = Vec::new();
        let mut names = Vec::new();
        for (suite, _) in suites {
            let failed = verdict::failed(run, suite);
            if failed.is_empty() {
                continue;
            }
            let words: Vec<_> = ["--exact", "--include-ignored"]
                .into_iter()
                .chain(failed.iter().copied())
                .map(quoted)
                .collect();
            script += &step(suite, &format!("/tests/{suite} {}", words.join(" ")));
            again.push((*suite, failed.len()));
            names.extend(failed.iter().map(|name| format!("{suite}: {name}")));
        }
        if names.len() != wrong {
            return Ok(None);
        }
        let log = format!("{}-again", guest.log);
        let run = self.boot(image, initramfs, &log, guest.cpus, &script)?;
        Ok(match verdict::of_tests(&run, &again).1 {
            Verdict::Passed(_) => Some(Verdict::Passed(format!(
                "pass; alone only: {}",
                names.join(", ")
            ))),
            verdict => Some(verdict),
        })
    }

    fn boot(
        &self,
        image: &Image,
        initramfs: &mut Initramfs,
        log: &str,
        cpus: u32,
        script: &str,
    ) -> Result<Run> {
        initramfs.run(script);
        boot(self.kernel, image, initramfs, cpus, &self.folders.logs, log)
    }
}

/// Runs a guest of that kernel. `log` is added to the name of its log.
fn boot(
    kernel: &Kernel,
    image: &Image,
    initramfs: &Initramfs,
    cpus: u32,
    logs: &Path,
    log: &str,
) -> Result<Run> {
    let archive = logs.with_file_name(format!("initramfs-{}", kernel.series));
    initramfs.write(&archive)?;
    let log = logs.join(format!("{}{log}.log", kernel.series));
    eprintln!("\n==> {}: console in {}", image.release, log.display());
    let machine = guest::Machine {
        architecture: Architecture::X86_64,
        vmlinuz: &image.vmlinuz,
        initramfs: &archive,
        cpus,
        console: &log,
        disk: None,
    };
    machine.run(LIMIT, || false)
}

/// A guest's shell and its kernel, for this machine's architecture.
fn unpacked(kernel: &Kernel, downloads: &Path) -> Result<(PathBuf, Image)> {
    unpacked_for(Architecture::X86_64, kernel, downloads)
}

/// A guest's shell and its kernel. Packages of all kernels are unpacked in the same folders: by one
/// at a time.
fn unpacked_for(
    architecture: Architecture,
    kernel: &Kernel,
    downloads: &Path,
) -> Result<(PathBuf, Image)> {
    static UNPACKING: Mutex<()> = Mutex::new(());
    let _one = UNPACKING.lock().unwrap_or_else(PoisonError::into_inner);
    let home = match architecture {
        Architecture::X86_64 => downloads.to_owned(),
        Architecture::Aarch64 => downloads.join(architecture.debian()),
    };
    Ok((
        busybox(architecture, &home)?,
        Image::of(kernel, architecture, &home)?,
    ))
}

/// The shell of the guest.
fn busybox(architecture: Architecture, downloads: &Path) -> Result<PathBuf> {
    let home = downloads.join("busybox");
    if !home.exists() {
        let mirror = Mirror::open(&downloads.join("apt"), BUSYBOX_SUITE, architecture.debian())?;
        mirror.unpack(&["busybox-static".to_owned()], &home)?;
    }
    ["usr/bin/busybox", "bin/busybox"]
        .map(|place| home.join(place))
        .into_iter()
        .find(|place| place.exists())
        .with_context(|| format!("{} holds no busybox: remove it", home.display()))
}

/// What a guest runs where tests are to pass: of each suite those that the words say.
fn tests(guest: &Guest, suites: &[(&str, usize)], words: &[OsString]) -> String {
    let words: Vec<_> = words
        .iter()
        .map(|word| quoted(&word.to_string_lossy()))
        .collect();
    let mut script = exports(guest);
    for (name, _) in suites {
        script += &step(
            name,
            &format!("/tests/{name} --color never {}", words.join(" ")),
        );
    }
    script
}

fn exports(guest: &Guest) -> String {
    format!(
        "export TCPTRACE_BIN=/tcptrace TCPTRACE_TEST_PATIENCE={PATIENCE}\n\
         export RUST_TEST_THREADS={AT_ONCE}\n{}\n",
        guest.environment
    )
}

/// What a guest runs where tcptrace can't trace.
fn refusals() -> String {
    ["watch", "flows", "stats"]
        .map(|command| {
            step(
                &format!("tcptrace {command}"),
                &format!("/tcptrace {command}"),
            )
        })
        .concat()
}

/// A program between the lines that verdict.rs reads.
fn step(name: &str, line: &str) -> String {
    format!("say run {name}\n{line} </dev/null 2>&1\nsay status $?\n")
}

/// A word as a shell reads it.
fn quoted(word: &str) -> String {
    format!("'{}'", word.replace('\'', r"'\''"))
}

#[cfg(test)]
mod tests {
    use std::ffi::OsString;

    use super::{GUESTS, tests};

    #[test]
    fn arguments_arrive_as_they_were_given() {
        let arguments = ["--exact", "it's one"].map(OsString::from);
        let script = tests(&GUESTS[0], &[("live", 1)], &arguments);
        assert!(
            script.contains(
                "say run live\n/tests/live --color never '--exact' 'it'\\''s one' </dev/null"
            ),
            "{script}"
        );
    }
}
