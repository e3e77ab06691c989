//! What is known of a connection that may be stuck.

use serde::{Deserialize, Serialize};

use crate::{
    host::{DescriptorLimit, Inspected, Listening, TcpInfo, Timer, WaitSettings},
    model::{Process, Reason, SocketKind, State},
};

/// What is known of a connection beyond what sock_diag tells of it.
#[derive(Clone, Copy, Debug, Default, Serialize, Deserialize)]
pub struct Circumstances {
    /// TCP_USER_TIMEOUT, ms; 0: not set; `None`: the socket could not be asked.
    pub user_timeout_ms: Option<u32>,
    /// Why a connection that is over ended.
    pub ended: Option<Reason>,
    /// How many processes hold it.
    pub holders: usize,
    /// They have it from each other, by fork().
    pub inherited: bool,
    /// The listener on this machine that its SYN goes to, and whose it is.
    pub server: Option<(Listening, Option<Process>)>,
    /// The process that should accept it has no descriptor left.
    pub exhausted: Option<DescriptorLimit>,
}

/// A connection, as the kernel tells of it.
#[derive(Clone, Copy, Debug, Serialize, Deserialize)]
pub struct Suspect {
    /// The state that it is in.
    pub state: State,
    /// Which of the kernel's three kinds it is.
    pub kind: SocketKind,
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
    /// What else is known.
    pub context: Circumstances,
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
            context: Circumstances::default(),
        }
    }

    /// A connection that is over, and that a process has not closed.
    #[must_use]
    pub fn ended(info: Option<TcpInfo>, reason: Option<Reason>) -> Self {
        Self {
            state: State::Closed,
            kind: SocketKind::Full,
            owned: true,
            timer: None,
            recv_queue: 0,
            send_queue: 0,
            info,
            listening: None,
            settings: WaitSettings::default(),
            context: Circumstances {
                ended: reason,
                ..Circumstances::default()
            },
        }
    }

    /// A process had it, and has closed it.
    #[must_use]
    pub fn is_orphan(&self) -> bool {
        self.kind.is_orphan(self.state, self.owned)
    }
}
