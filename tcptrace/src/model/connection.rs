//! Connections and listeners as they are at a moment.

use serde::{Deserialize, Serialize};

use super::{Cookie, Owner, Reach, Side, State, Tuple};

/// A connection, or a listener, as it is now.
#[derive(Clone, Copy, Debug, Serialize, Deserialize)]
pub struct Connection {
    /// `None` for a request that has no socket yet.
    pub cookie: Option<Cookie>,
    /// Addresses and ports, as far as they are known.
    pub tuple: Tuple,
    /// The state that it is in.
    pub state: State,
    /// Since when: CLOCK_MONOTONIC, ns; `None`: since before tracing began, or unknown.
    pub since: Option<u64>,
    /// Which of the kernel's three kinds it is.
    pub kind: SocketKind,
    /// Who has, or had, the socket.
    pub owner: Owner,
    /// Who opened it; `None`: unknown, or a listener.
    pub opener: Option<Side>,
    /// It is of the traced command, or of one of its children.
    pub followed: bool,
    /// bind() took its port, as far as that was seen.
    pub bound: bool,
}

/// A socket that was there before tracing began.
#[derive(Clone, Copy, Debug)]
pub struct Existing {
    /// Its cookie; requests may have none.
    pub cookie: Option<Cookie>,
    /// Its addresses and ports.
    pub tuple: Tuple,
    /// The state that it is in.
    pub state: State,
    /// Which of the kernel's three kinds it is.
    pub kind: SocketKind,
    /// Who has it; of several that have a listener, only what is the same of all.
    pub owner: Owner,
    /// The id of a process that has it; `None`: none has, or it can't be told.
    pub near: Option<u32>,
    /// What else than its address decides what a listener gets.
    pub reach: Reach,
}

/// The kernel's three kinds of sockets.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum SocketKind {
    /// A full socket.
    Full,
    /// TIME_WAIT, or an orphan's FIN_WAIT2.
    Minisock,
    /// Half-open at a listener.
    Request,
}

impl SocketKind {
    /// Whether a process had a socket in that state, and has closed it. `has_inode`: a process has
    /// it. One that waits to be accepted has none either, but it has not sent a FIN.
    #[must_use]
    pub fn is_orphan(self, state: State, has_inode: bool) -> bool {
        match self {
            Self::Minisock => true,
            Self::Request => false,
            Self::Full => {
                !has_inode
                    && matches!(
                        state,
                        State::FinWait1 | State::FinWait2 | State::LastAck | State::Closing
                    )
            }
        }
    }
}

/// What is known of all connections at a moment.
pub trait Known {
    /// All connections and listeners, as the transitions told so far left them. In no order.
    fn connections(&self) -> impl Iterator<Item = Connection> + '_;

    /// Whether somebody listens at the local end of a connection.
    fn is_listened_at(&self, tuple: &Tuple) -> bool;
}
