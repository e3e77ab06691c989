//! A tracer at work.

use std::{
    env,
    fs::{self, File},
    io,
    os::{
        fd::{AsRawFd as _, OwnedFd},
        unix::{fs::FileExt as _, process::CommandExt as _},
    },
    path::{Path, PathBuf},
    process::{Child, Command, Stdio},
    thread,
    time::{Duration, Instant},
};

use anyhow::{Context as _, Result, bail};
use nix::{
    errno::Errno,
    fcntl::{FcntlArg, FdFlag, OFlag, fcntl},
    mount::{MsFlags, mount},
    pty::{Winsize, openpty},
    sched::{CloneFlags, unshare},
    sys::{
        prctl,
        resource::{Usage, UsageWho, getrusage},
        signal::{Signal, kill},
        statvfs::statvfs,
        time::TimeValLike as _,
    },
    time::{ClockId, clock_getcpuclockid},
    unistd::{Pid, pipe2},
};
use tempfile::TempDir;

use super::{
    asked::Scraper,
    ready,
    tracers::{Output, Tracer},
};

/// Where output goes if it is memory, so that no disk is measured.
const SHARED_MEMORY: &str = "/dev/shm";
/// What there must be of it.
const ROOM: u64 = 4 << 30;
/// Where tracefs belongs.
const TRACEFS: &str = "/sys/kernel/tracing";
/// No tracer takes longer to end, unless it hangs.
const PATIENCE: Duration = Duration::from_secs(60);
/// Where metrics are asked for, in a folder of its own.
const SOCKET: &str = "metrics";

/// A tracer that traces.
pub struct Attached {
    child: Child,
    /// From its start until it traced.
    pub ready_after: Duration,
    output: File,
    complaints: File,
    /// perf ends when these are closed.
    control: Option<Control>,
    /// Where it records, or serves.
    folder: Option<TempDir>,
    /// Who asks it.
    scraper: Option<Scraper>,
    /// The other end of its terminal.
    terminal: Option<OwnedFd>,
}

/// A tracer that has ended.
pub struct Ended {
    /// What it wrote; no directory has it.
    pub output: File,
    /// What it wrote to standard error.
    pub complaints: String,
    /// CPU time of its process, all in all.
    pub cpu: Duration,
    /// What it recorded.
    pub recording: Option<TempDir>,
    /// What it served last.
    pub served: Option<String>,
}

/// The ends of perf's control pipes that stay here.
pub struct Control {
    /// Commands to perf.
    pub commands: OwnedFd,
    /// Its answers.
    pub answers: OwnedFd,
}

impl Attached {
    /// Starts it and waits until it traces.
    ///
    /// # Errors
    /// When it can't be had, or does not begin: what it says itself.
    pub fn start(tracer: &Tracer) -> Result<Self> {
        let (program, arguments) = tracer.command()?;
        let scratch = scratch();
        let output = file_in(&scratch)?;
        let complaints = file_in(&scratch)?;
        let mut command = Command::new(program);
        command
            .args(arguments)
            .env("LC_ALL", "C")
            .stdin(Stdio::null())
            .stdout(output.try_clone()?)
            .stderr(complaints.try_clone()?);
        let mut control = None;
        let mut inherited = Vec::new();
        if tracer.output == Output::Perf {
            let (theirs, commands) = pipe2(OFlag::O_CLOEXEC)?;
            let (answers, theirs_too) = pipe2(OFlag::O_CLOEXEC)?;
            command
                .args(["--output", "/proc/self/fd/1", "--delay=-1", "--control"])
                .arg(format!(
                    "fd:{},{}",
                    theirs.as_raw_fd(),
                    theirs_too.as_raw_fd()
                ));
            inherited = vec![theirs, theirs_too];
            control = Some(Control { commands, answers });
        }
        let mut folder = None;
        let mut terminal = None;
        match tracer.output {
            Output::Recording => {
                let made = TempDir::new_in(&scratch)?;
                command.arg(made.path());
                folder = Some(made);
            }
            Output::Served => {
                let made = TempDir::new_in(&scratch)?;
                command.arg(format!("unix:{}", made.path().join(SOCKET).display()));
                folder = Some(made);
            }
            Output::Screen => {
                let size = Winsize {
                    ws_row: 50,
                    ws_col: 160,
                    ws_xpixel: 0,
                    ws_ypixel: 0,
                };
                let pair = openpty(&size, None)?;
                command
                    .env("TERM", "xterm-256color")
                    .stdin(pair.slave.try_clone()?)
                    .stdout(pair.slave);
                terminal = Some(pair.master);
            }
            _ => {}
        }
        prepare(&mut command, tracer.needs_tracefs(), inherited);

        let began = Instant::now();
        let child = command
            .spawn()
            .with_context(|| format!("{} can't be started", tracer.shown()))?;
        // The child's ends of the pipes are closed with it.
        drop(command);
        let mut attached = Self {
            child,
            ready_after: Duration::ZERO,
            output,
            complaints,
            control,
            folder,
            scraper: None,
            terminal,
        };
        ready::wait(tracer.output, &mut attached)?;
        attached.ready_after = began.elapsed();
        if let (Output::Served, Some(socket)) = (tracer.output, attached.socket()) {
            attached.scraper = Some(Scraper::start(socket));
        }
        Ok(attached)
    }

    /// What it has written so far, up to that many bytes.
    ///
    /// # Errors
    /// When it can't be read.
    pub fn beginning(&self, most: usize) -> io::Result<Vec<u8>> {
        let mut bytes = vec![0; most];
        let read = self.output.read_at(&mut bytes, 0)?;
        bytes.truncate(read);
        Ok(bytes)
    }

    /// Whether there is a file that it records in.
    ///
    /// # Errors
    /// When its folder can't be read.
    pub fn records(&self) -> io::Result<bool> {
        let Some(folder) = &self.folder else {
            return Ok(false);
        };
        for file in fs::read_dir(folder.path())? {
            if !file?.file_name().to_string_lossy().starts_with('.') {
                return Ok(true);
            }
        }
        Ok(false)
    }

    /// Where it serves.
    #[must_use]
    pub fn socket(&self) -> Option<PathBuf> {
        let folder = self.folder.as_ref()?;
        Some(folder.path().join(SOCKET))
    }

    /// The other end of its terminal; `None`: it has none.
    #[must_use]
    pub fn terminal(&self) -> Option<&OwnedFd> {
        self.terminal.as_ref()
    }

    /// The pipes to perf.
    ///
    /// # Errors
    /// When it is no perf.
    pub fn control(&self) -> io::Result<&Control> {
        self.control
            .as_ref()
            .ok_or_else(|| io::Error::other("it has no control pipes"))
    }

    /// Fails if it has ended.
    ///
    /// # Errors
    /// What it said last.
    pub fn check(&mut self) -> Result<()> {
        match self.child.try_wait()? {
            None => Ok(()),
            Some(status) => {
                let said = read(&self.complaints)?;
                let last = said.lines().rev().find(|line| !line.trim().is_empty());
                bail!("{}", last.map_or_else(|| status.to_string(), str::to_owned));
            }
        }
    }

    /// CPU time of its process so far.
    ///
    /// # Errors
    /// When it has ended.
    pub fn cpu(&self) -> Result<Duration> {
        let clock: ClockId = clock_getcpuclockid(self.pid()?).context("its CPU time is unknown")?;
        Ok(clock.now()?.into())
    }

    /// The largest resident memory of its process so far (VmHWM), bytes.
    ///
    /// # Errors
    /// When it has ended.
    pub fn peak_bytes(&self) -> Result<u64> {
        let status = fs::read_to_string(self.proc("status"))?;
        status
            .lines()
            .find_map(|line| line.strip_prefix("VmHWM:"))
            .and_then(|value| value.trim().strip_suffix("kB")?.trim().parse::<u64>().ok())
            .map(|kilobytes| kilobytes * 1024)
            .context("/proc tells no VmHWM of it")
    }

    /// A file of /proc about it.
    #[must_use]
    pub fn proc(&self, file: &str) -> PathBuf {
        Path::new("/proc")
            .join(self.child.id().to_string())
            .join(file)
    }

    /// Ends it as Ctrl-C does.
    ///
    /// # Errors
    /// When it ended before, or does not end.
    pub fn stop(mut self) -> Result<Ended> {
        self.check().context("it ended by itself")?;
        let served = match self.scraper.take() {
            Some(scraper) => Some(scraper.stop()?),
            None => None,
        };
        // All children that were waited for; until it has ended, none but it is.
        let before = getrusage(UsageWho::RUSAGE_CHILDREN)?;
        kill(self.pid()?, Signal::SIGINT)?;
        let asked = Instant::now();
        while self.child.try_wait()?.is_none() {
            if asked.elapsed() > PATIENCE {
                bail!("it does not end");
            }
            thread::sleep(Duration::from_millis(2));
        }
        let after = getrusage(UsageWho::RUSAGE_CHILDREN)?;
        Ok(Ended {
            cpu: cpu_of(&after).saturating_sub(cpu_of(&before)),
            complaints: read(&self.complaints)?,
            output: self.output.try_clone()?,
            recording: self.folder.take(),
            served,
        })
    }

    fn pid(&self) -> Result<Pid> {
        Ok(Pid::from_raw(self.child.id().try_into()?))
    }
}

/// Whatever happens, none is left behind.
impl Drop for Attached {
    fn drop(&mut self) {
        if matches!(self.child.try_wait(), Ok(None)) {
            let _ = self.child.kill();
            let _ = self.child.wait();
        }
    }
}

/// What happens in the child before it becomes the tracer.
fn prepare(command: &mut Command, tracefs: bool, inherited: Vec<OwnedFd>) {
    // SAFETY: only system calls, which may be made between fork and exec; nothing is allocated.
    unsafe {
        command.pre_exec(move || {
            // It does not outlive the bench, whatever ends that.
            prctl::set_pdeathsig(Signal::SIGKILL)?;
            for descriptor in &inherited {
                fcntl(descriptor, FcntlArg::F_SETFD(FdFlag::empty()))?;
            }
            if tracefs {
                mount_tracefs()?;
            }
            Ok(())
        });
    }
}

/// Mounts tracefs for this process alone. perf would mount it for the whole machine.
fn mount_tracefs() -> io::Result<()> {
    unshare(CloneFlags::CLONE_NEWNS)?;
    let nothing: Option<&str> = None;
    let private = MsFlags::MS_REC | MsFlags::MS_PRIVATE;
    mount(nothing, "/", nothing, private, nothing)?;
    match mount(
        Some("tracefs"),
        TRACEFS,
        Some("tracefs"),
        MsFlags::empty(),
        nothing,
    ) {
        // It is there already.
        Ok(()) | Err(Errno::EBUSY) => Ok(()),
        Err(error) => Err(error.into()),
    }
}

/// Where output goes.
fn scratch() -> PathBuf {
    let room =
        statvfs(SHARED_MEMORY).map_or(0, |disk| disk.blocks_available() * disk.fragment_size());
    if room >= ROOM {
        SHARED_MEMORY.into()
    } else {
        env::temp_dir()
    }
}

/// A file without a name: it goes with its last user, whatever ends that.
fn file_in(directory: &Path) -> Result<File> {
    tempfile::tempfile_in(directory)
        .with_context(|| format!("no file can be made in {}", directory.display()))
}

fn read(file: &File) -> io::Result<String> {
    let length = usize::try_from(file.metadata()?.len()).unwrap_or_default();
    let mut bytes = vec![0; length];
    // Its offset is the tracer's.
    file.read_exact_at(&mut bytes, 0)?;
    Ok(String::from_utf8_lossy(&bytes).into_owned())
}

fn cpu_of(usage: &Usage) -> Duration {
    let microseconds =
        usage.user_time().num_microseconds() + usage.system_time().num_microseconds();
    Duration::from_micros(microseconds.unsigned_abs())
}

/// Kills a child with its parent: for those that are no tracers.
pub fn die_with_parent(command: &mut Command) {
    // SAFETY: prctl(2) may be called between fork and exec, and no memory is touched.
    unsafe {
        command.pre_exec(|| Ok(prctl::set_pdeathsig(Signal::SIGKILL)?));
    }
}
