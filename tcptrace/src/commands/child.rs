//! The command that is traced, after `--`.

use std::{ffi::OsString, io, os::unix::process::ExitStatusExt as _, process::ExitStatus};

use nix::{
    sys::signal::{Signal, kill},
    unistd::Pid,
};
use tokio::process::{Child, Command};

/// The traced command, running.
pub struct Traced {
    child: Child,
}

impl Traced {
    /// Starts it.
    ///
    /// # Errors
    /// When there is no such program, or it can't be run.
    pub fn start(command: &[OsString]) -> io::Result<Self> {
        let (program, arguments) = command
            .split_first()
            .ok_or_else(|| io::Error::new(io::ErrorKind::InvalidInput, "no command"))?;
        Ok(Self {
            child: Command::new(program).args(arguments).spawn()?,
        })
    }

    /// Waits for its end.
    pub async fn ended(&mut self) -> io::Result<ExitStatus> {
        self.child.wait().await
    }

    /// Passes a signal on.
    pub fn signal(&self, signal: Signal) {
        if let Some(pid) = self.child.id().and_then(|pid| i32::try_from(pid).ok()) {
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
