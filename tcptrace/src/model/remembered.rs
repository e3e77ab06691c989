//! What the state machine remembers of a connection, so that it can go on elsewhere.

use super::{
    Closer, Cookie, EarlyCause, Length, Measured, MinisockState, Owner, Reach, Side, State, Tuple,
};

/// All that is remembered of a connection or a listener.
#[derive(Clone, Debug)]
pub struct Remembered {
    /// `None` for a half-open connection that has no socket yet.
    pub cookie: Option<Cookie>,
    /// Addresses and ports, as far as they are known.
    pub tuple: Tuple,
    /// The state that it is in. CLOSED: it is over, and what comes next may yet tell why.
    pub state: State,
    /// Since when: CLOCK_MONOTONIC, ns; `None`: unknown.
    pub since: Option<u64>,
    /// Who has, or had, the socket.
    pub owner: Owner,
    /// How that is known.
    pub holding: Holding,
    /// Who opened it.
    pub opener: Option<Side>,
    /// Who sent the first FIN or RST.
    pub closer: Option<Closer>,
    /// Whether it was short or kept; known once it is not ESTABLISHED any more.
    pub length: Option<Length>,
    /// It is of the traced command, or of one of its children.
    pub followed: bool,
    /// bind() took its port.
    pub bound: bool,
    /// Events were lost since the last one of it.
    pub doubtful: bool,
    /// What is known of the SYN that this side sent.
    pub syn: Syn,
    /// What the kernel has of it.
    pub stage: Stage,
}

/// A socket that closed a moment ago.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Closed {
    /// When: CLOCK_MONOTONIC, ns.
    pub time_ns: u64,
    /// Its cookie.
    pub cookie: Cookie,
}

/// What the kernel has of a connection.
#[derive(Clone, Debug)]
pub enum Stage {
    /// A full socket.
    Socket {
        /// Of a listener.
        reach: Option<Reach>,
    },
    /// A minisock.
    Minisock {
        /// The full socket is not closed yet.
        socket: bool,
        /// What became of it.
        minisock: Minisock,
        /// What the full socket of an orphan in FIN_WAIT2 did.
        measured: Option<Box<Measured>>,
    },
    /// A request.
    Request {
        /// The cookie of its listener; `None`: unknown.
        listener: Option<Cookie>,
        /// How its timer was stopped, where it is not clear yet what that means.
        stopped: Option<Stopped>,
        /// How often its SYN+ACK was sent again; `None`: unknown.
        retransmits: Option<u8>,
    },
}

/// How it is known which process has a socket.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Holding {
    /// It made a transition.
    Acted,
    /// It had it at that time: CLOCK_MONOTONIC, ns.
    Since(u64),
    /// It is not known.
    Unknown {
        /// When it was asked for last: CLOCK_MONOTONIC, ns; 0: never.
        asked: u64,
        /// Who may have it, or who made who has it.
        near: Option<u32>,
    },
}

/// The minisock that takes a connection over from its full socket.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Minisock {
    /// There was none.
    None,
    /// There is one.
    Alive(MinisockState),
    /// Its timer was stopped; what for will be told by what follows.
    Stopped(Stopped),
    /// There was one; the close of the full socket is still to come.
    Over,
}

/// A timer was stopped, and it is not clear yet what that means.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Stopped {
    /// When: CLOCK_MONOTONIC, ns.
    pub time_ns: u64,
    /// The state of the minisock; of requests, always `None`.
    pub state: Option<MinisockState>,
    /// By whom; `None`: by somebody, or because it was about to expire.
    pub cause: Option<EarlyCause>,
    /// Its time was over.
    pub expired: bool,
    /// The count of losses then.
    pub epoch: u32,
}

/// What is known of a connection's SYN.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Syn {
    /// Nothing: its beginning was not seen.
    NotSeen,
    /// connect() was called; the SYN is told next, or it was put off, or there is none.
    Awaited,
    /// It was sent at that time first: CLOCK_MONOTONIC, ns.
    Sent(u64),
    /// It was sent again; when first is not known.
    SentBefore,
}

impl Syn {
    /// Whether one was sent; `None`: unknown. `all_seen`: each SYN since its last event would
    /// have been.
    #[must_use]
    pub fn is_sent(self, all_seen: bool) -> Option<bool> {
        match self {
            Self::Sent(_) | Self::SentBefore => Some(true),
            Self::Awaited if all_seen => Some(false),
            Self::NotSeen | Self::Awaited => None,
        }
    }
}
