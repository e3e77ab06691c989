//! Signals that end it in good order.

use std::io;

use nix::sys::signal::Signal;
use procfs::process::Process;
use tokio::signal::unix::{self, SignalKind, signal};

/// The signals that end it.
pub(super) struct Signals {
    interrupted: unix::Signal,
    terminated: unix::Signal,
    /// The terminal has gone. `None` where that is to be ignored, as nohup(1) has it.
    hung_up: Option<unix::Signal>,
}

impl Signals {
    /// From now on they don't end it by themselves.
    pub fn new() -> io::Result<Self> {
        Ok(Self {
            interrupted: signal(SignalKind::interrupt())?,
            terminated: signal(SignalKind::terminate())?,
            hung_up: match is_ignored(Signal::SIGHUP) {
                true => None,
                false => Some(signal(SignalKind::hangup())?),
            },
        })
    }

    /// Waits for one.
    pub async fn next(&mut self) -> Signal {
        let Self {
            interrupted,
            terminated,
            hung_up,
        } = self;
        let hung_up = async {
            match hung_up {
                Some(hung_up) => hung_up.recv().await,
                None => std::future::pending().await,
            }
        };
        tokio::select! {
            biased;
            _ = interrupted.recv() => Signal::SIGINT,
            _ = terminated.recv() => Signal::SIGTERM,
            _ = hung_up => Signal::SIGHUP,
        }
    }
}

/// Whether whoever started tcptrace wants it to ignore a signal.
fn is_ignored(signal: Signal) -> bool {
    Process::myself()
        .and_then(|me| me.status())
        .is_ok_and(|status| status.sigign >> (signal as u32 - 1) & 1 == 1)
}
