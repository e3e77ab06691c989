//! The command that is traced, after `--`.

use std::{
    ffi::OsString,
    io,
    os::unix::process::ExitStatusExt as _,
    process::ExitStatus,
    sync::mpsc,
    thread::{self, JoinHandle},
};

use nix::{
    sys::signal::{SigSet, Signal, kill},
    unistd::Pid,
};
use tokio::{
    process::{Child, Command},
    runtime::Handle,
};

/// A thread that will start the traced command: with the privileges that tcptrace was started
/// with, as capabilities belong to threads. Whoever is traced must not notice.
pub struct Launcher {
    /// The command's first word.
    program: String,
    /// Dropped without a word, it ends the thread.
    go: mpsc::Sender<()>,
    thread: JoinHandle<Option<io::Result<Child>>>,
}

impl Launcher {
    /// Makes ready for it, within a tokio runtime; privileges may be given up then. `signals`:
    /// those that the command finds blocked, as tcptrace found them.
    ///
    /// # Errors
    /// When there can't be another thread.
    pub fn new(command: &[OsString], signals: SigSet) -> io::Result<Self> {
        let (program, arguments) = command
            .split_first()
            .ok_or_else(|| io::Error::new(io::ErrorKind::InvalidInput, "no command"))?;
        let (program, mut command) = (program.display().to_string(), Command::new(program));
        command.args(arguments);
        // SAFETY: pthread_sigmask(3) may be called between fork and exec, and no memory is touched.
        unsafe {
            command.pre_exec(move || Ok(signals.thread_set_mask()?));
        }
        let runtime = Handle::try_current().map_err(io::Error::other)?;
        let (go, told) = mpsc::channel();
        let thread = thread::Builder::new().spawn(move || {
            let _within = runtime.enter();
            told.recv().ok().map(|()| command.spawn())
        })?;
        Ok(Self {
            program,
            go,
            thread,
        })
    }

    /// The program that it starts, as the user wrote it.
    pub fn program(&self) -> &str {
        &self.program
    }

    /// Starts the command.
    ///
    /// # Errors
    /// When there is no such program, or it can't be run.
    pub fn start(self) -> io::Result<Traced> {
        let _ = self.go.send(());
        let started = self.thread.join().ok().flatten();
        let failed = || io::Error::other("the thread that starts it failed");
        Ok(Traced {
            child: started.ok_or_else(failed)??,
        })
    }
}

/// The traced command, running.
pub struct Traced {
    child: Child,
}

impl Traced {
    /// Waits for its end.
    pub async fn ended(&mut self) -> io::Result<ExitStatus> {
        self.child.wait().await
    }

    /// Its process id, until it has ended.
    pub fn id(&self) -> Option<u32> {
        self.child.id()
    }

    /// Sends it a signal.
    pub fn signal(&self, signal: Signal) {
        if let Some(pid) = self.id().and_then(|pid| i32::try_from(pid).ok()) {
            // It may be over by now.
            let _ = kill(Pid::from_raw(pid), signal);
        }
    }
}

/// A status as a shell gives it: 128 and the signal for a command that a signal ended.
#[must_use]
pub fn code(status: ExitStatus) -> u8 {
    let code = status
        .code()
        .unwrap_or_else(|| 128 + status.signal().unwrap_or(0));
    u8::try_from(code).unwrap_or(u8::MAX)
}

/// The status of a command that did not start, as a shell gives it.
#[must_use]
pub fn code_of_failure(error: &io::Error) -> u8 {
    if error.kind() == io::ErrorKind::NotFound {
        127
    } else {
        126
    }
}
