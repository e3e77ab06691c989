//! Signals that end it in good order, and what to do where the main thread is deaf to them: while
//! it attaches, and while nobody reads what it writes.

use std::{
    io,
    os::fd::AsFd as _,
    sync::{
        Arc,
        atomic::{AtomicBool, AtomicI32, Ordering},
    },
    thread,
    time::{Duration, Instant},
};

use nix::{
    errno::Errno,
    libc,
    poll::{PollFd, PollFlags, PollTimeout, poll},
    sys::{
        signal::{SigSet, Signal, kill},
        signalfd::{SfdFlags, SignalFd, siginfo},
        wait::{Id, WaitPidFlag, WaitStatus, waitid},
    },
    unistd::{Pid, getpgid, getpgrp},
};
use procfs::process::Process;
use tokio::sync::mpsc::{UnboundedReceiver, UnboundedSender, unbounded_channel};

use crate::{
    output::{say, writes},
    privileges::{self, CapabilitySet},
};

/// Nothing was written for so long after it was asked to end: nobody reads any more. A slow reader
/// is told everything.
const GRACE: Duration = Duration::from_secs(5);
/// A write that took so long when the second signal came waits for a reader. Others are under way: a
/// script sends both at once.
const MOMENT: Duration = Duration::from_millis(100);
/// How often that is looked at, once it was asked to end.
const LOOK: Duration = Duration::from_millis(200);
/// How often a limit of time is looked at.
const SELDOM: Duration = Duration::from_secs(1);

/// A signal that came.
#[derive(Clone, Copy, Debug)]
pub(super) struct Caught {
    /// The terminal sent it, and to the traced command, too, which decides what comes of it.
    pub also_to_command: bool,
}

/// The signals that end it.
pub(super) struct Signals {
    caught: UnboundedReceiver<Caught>,
    shared: Arc<Shared>,
}

/// What the thread that waits for signals is told.
#[derive(Debug, Default)]
struct Shared {
    /// There is something to end in good order.
    began: AtomicBool,
    /// The process id of the traced command while it runs, else 0.
    command: AtomicI32,
}

/// Whoever runs has something to put in order already: see [`hold_signals`].
static HELD: AtomicBool = AtomicBool::new(false);

/// From now on, signals that end a run wait for one: a run that begins later is ended by them, in good
/// order, however early they come. For who has something to put in order before it begins. To be
/// called before any other thread is there.
///
/// # Errors
/// When the kernel does not take it.
pub fn hold_signals() -> io::Result<()> {
    HELD.store(true, Ordering::Release);
    Ok(ending().thread_block()?)
}

/// Those that end a run.
fn ending() -> SigSet {
    let mut set: SigSet = [Signal::SIGINT, Signal::SIGTERM].into_iter().collect();
    // nohup(1) has it ignored.
    if !is_ignored(Signal::SIGHUP) {
        set.add(Signal::SIGHUP);
    }
    set
}

/// Signals are taken from now on, and wait until somebody asks for them.
#[derive(Debug)]
pub(super) struct Blocked {
    descriptor: SignalFd,
    has_command: bool,
}

impl Blocked {
    /// From now on they don't end it by themselves. To be called before any other thread is there.
    pub fn new(has_command: bool) -> io::Result<Self> {
        let mut set = ending();
        // A command may go on: Java shows its threads.
        if has_command {
            set.add(Signal::SIGQUIT);
        }
        set.thread_block()?;
        let flags = SfdFlags::SFD_CLOEXEC | SfdFlags::SFD_NONBLOCK;
        let descriptor = SignalFd::with_flags(&set, flags)?;
        Ok(Self {
            descriptor,
            has_command,
        })
    }

    /// Waits for them on a thread of its own. `limit`: it is to end by itself after that long.
    pub fn listen(self, limit: Option<Duration>) -> io::Result<Signals> {
        let (tell, caught) = unbounded_channel();
        let shared = Arc::new(Shared {
            began: HELD.load(Ordering::Acquire).into(),
            ..Shared::default()
        });
        let listener = Listener {
            descriptor: self.descriptor,
            tell,
            shared: Arc::clone(&shared),
            limit,
            asked: None,
        };
        let kept = match self.has_command {
            true => privileges::SIGNAL,
            false => CapabilitySet::empty(),
        };
        let thread = thread::Builder::new().name("signals".to_owned());
        thread.spawn(move || {
            privileges::keep(kept);
            listener.run();
        })?;
        Ok(Signals { caught, shared })
    }
}

impl Signals {
    /// From now on there is something to end in good order.
    pub fn begin(&self) {
        self.shared.began.store(true, Ordering::Release);
    }

    /// The traced command runs, and gets what the terminal did not send it by itself.
    pub fn pass_on_to(&self, command: Option<u32>) {
        let pid = command.and_then(|pid| i32::try_from(pid).ok());
        self.shared
            .command
            .store(pid.unwrap_or(0), Ordering::Release);
    }

    /// Waits for one.
    pub async fn next(&mut self) -> Caught {
        match self.caught.recv().await {
            Some(caught) => caught,
            None => std::future::pending().await,
        }
    }
}

/// What the thread does.
struct Listener {
    descriptor: SignalFd,
    tell: UnboundedSender<Caught>,
    shared: Arc<Shared>,
    limit: Option<Duration>,
    asked: Option<Asked>,
}

/// It was asked to end.
#[derive(Clone, Copy, Debug)]
struct Asked {
    /// What the main thread was writing when it was last looked at, and since when.
    writes: u64,
    since: Instant,
}

impl Asked {
    fn now() -> Self {
        Self {
            writes: writes(),
            since: Instant::now(),
        }
    }

    /// The main thread is still in the write that it was in then.
    fn is_stalled(self) -> bool {
        self.writes % 2 == 1 && self.writes == writes()
    }

    /// It has been for so long.
    fn is_stalled_for(self, time: Duration) -> bool {
        self.is_stalled() && self.since.elapsed() >= time
    }
}

impl Listener {
    fn run(mut self) {
        let mut deadline = None;
        loop {
            let pause = match (self.asked, self.limit) {
                (Some(_), _) => Some(LOOK),
                (None, Some(_)) => Some(SELDOM),
                (None, None) => None,
            };
            let mut ready = [PollFd::new(self.descriptor.as_fd(), PollFlags::POLLIN)];
            let timeout = pause.map_or(PollTimeout::NONE, |pause| {
                PollTimeout::try_from(pause).unwrap_or(PollTimeout::MAX)
            });
            match poll(&mut ready, timeout) {
                Ok(_) | Err(Errno::EINTR) => {}
                Err(error) => {
                    log::error!("signals can't be waited for: {error}");
                    return;
                }
            }
            while let Ok(Some(info)) = self.descriptor.read_signal() {
                self.take(&info);
            }
            if deadline.is_none() && self.shared.began.load(Ordering::Acquire) {
                deadline = self.limit.map(|limit| Instant::now() + limit);
            }
            if self.asked.is_none() && deadline.is_some_and(|deadline| Instant::now() > deadline) {
                self.asked = Some(Asked::now());
            }
            self.look();
        }
    }

    fn take(&mut self, info: &siginfo) {
        if !self.shared.began.load(Ordering::Acquire) {
            // Nothing was told yet, no command runs, and the kernel takes its half back.
            exit(0);
        }
        if self.asked.is_some_and(|asked| asked.is_stalled_for(MOMENT)) {
            // Who is impatient signals twice.
            self.give_up(1);
        }
        let command = Some(self.shared.command.load(Ordering::Acquire))
            .filter(|pid| *pid != 0)
            .map(Pid::from_raw);
        // What the terminal sends goes to all of the foreground's process group.
        let also_to_command = command.is_some_and(|pid| {
            info.ssi_code == libc::SI_KERNEL && getpgid(Some(pid)) == Ok(getpgrp())
        });
        if !also_to_command
            && let Some(pid) = command
            && let Ok(signal) = i32::try_from(info.ssi_signo).unwrap_or(0).try_into()
        {
            let signal: Signal = signal;
            // It may be over by now.
            let _ = kill(pid, signal);
        }
        self.asked.get_or_insert_with(Asked::now);
        let _ = self.tell.send(Caught { also_to_command });
    }

    /// Ends it if it was asked to end, and nobody reads what it still has to say.
    fn look(&mut self) {
        let Some(asked) = self.asked else { return };
        if !asked.is_stalled() {
            self.asked = Some(Asked::now());
            return;
        }
        if !asked.is_stalled_for(GRACE) {
            return;
        }
        match self.shared.command.load(Ordering::Acquire) {
            0 => self.give_up(1),
            // The main thread can't see it end.
            pid => {
                let flags = WaitPidFlag::WEXITED | WaitPidFlag::WNOHANG | WaitPidFlag::WNOWAIT;
                match waitid(Id::Pid(Pid::from_raw(pid)), flags) {
                    Ok(WaitStatus::Exited(_, code)) => self.give_up(code),
                    Ok(WaitStatus::Signaled(_, signal, _)) => self.give_up(128 + signal as i32),
                    _ => {}
                }
            }
        }
    }

    fn give_up(&self, code: i32) -> ! {
        // Where nobody reads the one, there may be nobody who reads the other.
        let stderr = io::stderr();
        let mut ready = [PollFd::new(stderr.as_fd(), PollFlags::POLLOUT)];
        if poll(&mut ready, PollTimeout::ZERO) == Ok(1) {
            say("nobody reads standard output: what was still to be told is not");
        }
        exit(code)
    }
}

/// Ends the process, whatever the main thread does.
fn exit(code: i32) -> ! {
    // SAFETY: the call takes an integer and does not return; nothing is left to be written that
    // somebody would read.
    unsafe { libc::_exit(code) }
}

/// Whether whoever started tcptrace wants it to ignore a signal.
fn is_ignored(signal: Signal) -> bool {
    Process::myself()
        .and_then(|me| me.status())
        .is_ok_and(|status| status.sigign >> (signal as u32 - 1) & 1 == 1)
}
