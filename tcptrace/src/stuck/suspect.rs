//! What is known of a connection that may be stuck.

use crate::{
    snapshot::{Inspected, Listening, TcpInfo, Timer, WaitSettings},
    track::{ExistingKind, State},
};

/// A connection, as the kernel tells of it.
#[derive(Clone, Copy, Debug)]
pub struct Suspect {
    /// The state that it is in.
    pub state: State,
    /// Which of the kernel's three kinds it is.
    pub kind: ExistingKind,
    /// A process has it: its socket has an inode.
    pub owned: bool,
    /// The timer that runs.
    pub timer: Option<Timer>,
    /// Bytes that were not read, a FIN being one.
    pub recv_queue: u32,
    /// Bytes that were not acknowledged, a SYN or FIN being one.
    pub send_queue: u32,
    /// Its progress; `None` of a minisock or a request.
    pub info: Option<TcpInfo>,
    /// The listener that it came from, if there is one.
    pub listening: Option<Listening>,
    /// What governs how long it waits, in its namespace.
    pub settings: WaitSettings,
}

impl Suspect {
    /// Takes what a look at its namespace gave.
    #[must_use]
    pub fn new(
        Inspected { found, info }: &Inspected,
        listening: Option<Listening>,
        settings: WaitSettings,
    ) -> Self {
        Self {
            state: found.state,
            kind: found.kind,
            owned: found.inode != 0,
            timer: found.timer,
            recv_queue: found.recv_queue,
            send_queue: found.send_queue,
            info: *info,
            listening,
            settings,
        }
    }

    /// A process had it, and has closed it.
    #[must_use]
    pub fn is_orphan(&self) -> bool {
        match self.kind {
            ExistingKind::Minisock => true,
            ExistingKind::Request => false,
            ExistingKind::Socket => {
                !self.owned
                    && matches!(
                        self.state,
                        State::FinWait1 | State::FinWait2 | State::LastAck | State::Closing
                    )
            }
        }
    }
}
