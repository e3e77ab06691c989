//! Runs tcptrace, alone or with the demo's traffic.

use std::{
    env,
    ffi::OsString,
    os::{
        fd::AsFd as _,
        unix::process::{CommandExt as _, ExitStatusExt as _},
    },
    path::Path,
    process::{Child, ChildStdin, Command, ExitCode, ExitStatus, Stdio},
    time::{Duration, Instant},
};

use anyhow::{Context as _, Result};
use nix::{
    errno::Errno,
    libc,
    poll::{PollFd, PollFlags, PollTimeout, poll},
    sys::{
        signal::{SigHandler, SigSet, Signal, kill, signal},
        signalfd::{SfdFlags, SignalFd, siginfo},
    },
    unistd::Pid,
};

use crate::{cargo::shown, root};

/// The traffic begins that long after tcptrace, which then is attached.
const HEAD_START: Duration = Duration::from_secs(1);

/// Becomes tcptrace: its signals and its exit status are those of xtask.
///
/// # Errors
/// When it can't be started.
pub fn alone(binary: &Path, arguments: &[OsString]) -> Result<ExitCode> {
    let mut command = root::command(binary, arguments)?;
    let error = command.exec();
    Err(error).with_context(|| format!("`{}` can't be started", shown(&command)))
}

/// Runs tcptrace and the traffic, the latter no longer than the former.
///
/// # Errors
/// When one of both can't be started.
pub fn with_demo(binary: &Path, arguments: &[OsString]) -> Result<ExitCode> {
    let mut tcptrace = root::command(binary, arguments)?;
    let own = env::current_exe().context("the path of xtask can't be told: is /proc mounted?")?;
    let mut traffic = root::command(&own, &["demo-traffic"])?;
    root::unlock()?;

    let mut signals = Signals::catch()?;
    let mut tcptrace = start(&mut tcptrace)?;
    if let Some(status) = attend(
        &mut signals,
        &mut tcptrace,
        Some(Instant::now() + HEAD_START),
    )? {
        return Ok(code(status));
    }
    let traffic = Traffic::start(&mut traffic)?;
    let status = loop {
        if let Some(status) = attend(&mut signals, &mut tcptrace, None)? {
            break status;
        }
    };
    traffic.stop()?;
    Ok(code(status))
}

/// Waits for tcptrace until the deadline, passing signals on.
fn attend(
    signals: &mut Signals,
    tcptrace: &mut Child,
    deadline: Option<Instant>,
) -> Result<Option<ExitStatus>> {
    loop {
        let ended = tcptrace
            .try_wait()
            .context("tcptrace can't be waited for")?;
        if ended.is_some() {
            return Ok(ended);
        }
        let Some(caught) = signals.next(deadline)? else {
            return Ok(None);
        };
        // What the terminal sends goes to all in the foreground, tcptrace too.
        if caught.ssi_code != libc::SI_KERNEL
            && let Ok(signal @ (Signal::SIGINT | Signal::SIGTERM | Signal::SIGHUP)) =
                i32::try_from(caught.ssi_signo)
                    .unwrap_or_default()
                    .try_into()
            && let Ok(pid) = i32::try_from(tcptrace.id())
        {
            // It may be over; and sudo can't be signalled by those it served.
            let _ = kill(Pid::from_raw(pid), signal);
        }
    }
}

/// The signals that would end xtask, and that of an ended child, to be read in turn.
struct Signals(SignalFd);

impl Signals {
    /// From now on; `start` undoes it for children.
    fn catch() -> Result<Self> {
        let set: SigSet = [
            Signal::SIGINT,
            Signal::SIGTERM,
            Signal::SIGHUP,
            Signal::SIGCHLD,
        ]
        .into_iter()
        .collect();
        set.thread_block().context("signals can't be blocked")?;
        let flags = SfdFlags::SFD_CLOEXEC | SfdFlags::SFD_NONBLOCK;
        Ok(Self(
            SignalFd::with_flags(&set, flags).context("signals can't be read")?,
        ))
    }

    /// The next, or none before the deadline.
    fn next(&mut self, deadline: Option<Instant>) -> Result<Option<siginfo>> {
        loop {
            if let Some(caught) = self.0.read_signal().context("signals can't be read")? {
                return Ok(Some(caught));
            }
            let timeout = match deadline {
                None => PollTimeout::NONE,
                Some(deadline) => {
                    let left = deadline.saturating_duration_since(Instant::now());
                    if left.is_zero() {
                        return Ok(None);
                    }
                    // Whole milliseconds, and one more for what is cut off.
                    PollTimeout::try_from(left + Duration::from_millis(1))
                        .unwrap_or(PollTimeout::MAX)
                }
            };
            match poll(
                &mut [PollFd::new(self.0.as_fd(), PollFlags::POLLIN)],
                timeout,
            ) {
                Ok(_) | Err(Errno::EINTR) => {}
                Err(error) => return Err(error).context("signals can't be waited for"),
            }
        }
    }
}

/// The traffic, running.
struct Traffic {
    child: Child,
    /// It ends when this is closed, also when xtask is killed.
    lifeline: Option<ChildStdin>,
}

impl Traffic {
    fn start(command: &mut Command) -> Result<Self> {
        // Ctrl-C is for tcptrace; what it last sees shall not be the end of the traffic.
        // SAFETY: signal(2) may be called between fork and exec, and no memory is touched.
        unsafe {
            command.pre_exec(|| Ok(signal(Signal::SIGINT, SigHandler::SigIgn).map(drop)?));
        }
        let mut child = start(command.stdin(Stdio::piped()))?;
        let lifeline = child.stdin.take();
        Ok(Self { child, lifeline })
    }

    fn stop(mut self) -> Result<()> {
        drop(self.lifeline.take());
        self.child
            .wait()
            .context("the demo's traffic can't be waited for")?;
        Ok(())
    }
}

fn start(command: &mut Command) -> Result<Child> {
    // Blocked signals stay blocked after exec(2), and tcptrace would be deaf to Ctrl-C.
    // SAFETY: pthread_sigmask(3) may be called between fork and exec, and no memory is touched.
    unsafe {
        command.pre_exec(|| Ok(SigSet::empty().thread_set_mask()?));
    }
    command
        .spawn()
        .with_context(|| format!("`{}` can't be started", shown(command)))
}

/// A status as a shell gives it.
fn code(status: ExitStatus) -> ExitCode {
    let code = status
        .code()
        .unwrap_or_else(|| 128 + status.signal().unwrap_or_default());
    u8::try_from(code).map_or(ExitCode::FAILURE, ExitCode::from)
}
