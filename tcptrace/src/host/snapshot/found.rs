//! What sock_diag tells of a socket.

use std::time::Duration;

use serde::{Deserialize, Serialize};

use crate::model::{Cgroup, Cookie, Reach, SocketKind, State, Tuple};

/// A socket that sock_diag told of.
#[derive(Clone, Copy, Debug)]
pub struct Found {
    /// Its cookie, which it has from now on.
    pub cookie: Option<Cookie>,
    /// Its addresses and ports.
    pub tuple: Tuple,
    /// Its state.
    pub state: State,
    /// Which kind it is.
    pub kind: SocketKind,
    /// The user of a full socket.
    pub uid: u32,
    /// The inode of a full socket that a process has; 0 otherwise.
    pub inode: u32,
    /// The timer that runs.
    pub timer: Option<Timer>,
    /// Bytes that were not read, a FIN being one as in `ss`; of a listener, connections that were
    /// not accepted.
    pub recv_queue: u32,
    /// Bytes that were not acknowledged, a SYN or FIN being one; of a listener, its backlog.
    pub send_queue: u32,
    /// SYNs and third ACKs that a listener has dropped (`sk_drops`), where that was asked for.
    pub dropped: Option<u32>,
    /// The control group that it was made in; only of a full socket.
    pub cgroup: Option<Cgroup>,
    /// What else than its address decides what a listener gets.
    pub reach: Reach,
}

/// A timer of a socket. There may be others: the kernel tells of the one that matters most.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Timer {
    /// What it is for.
    pub kind: TimerKind,
    /// When it runs out; zero when it should have by now.
    pub remaining: Duration,
    /// How often it ran out without an answer.
    pub retries: u8,
}

/// What a timer is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum TimerKind {
    /// To send again what was not acknowledged.
    Retransmit,
    /// To ask a quiet peer whether it is still there.
    Keepalive,
    /// To end a TIME_WAIT, or the FIN_WAIT2 of an orphan.
    TimeWait,
    /// To ask a peer with a closed window whether it is open again.
    Probe,
}

impl TimerKind {
    /// All of them.
    pub const ALL: [Self; 4] = [
        Self::Retransmit,
        Self::Keepalive,
        Self::TimeWait,
        Self::Probe,
    ];

    /// The name in JSON and CSV.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Retransmit => "retransmit",
            Self::Keepalive => "keepalive",
            Self::TimeWait => "timewait",
            Self::Probe => "probe",
        }
    }
}
