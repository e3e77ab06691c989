//! A transition: what the state machine makes of events.

use super::{Closer, Detail, Length, Reason, Side, State};
use crate::model::{Comm, Cookie, Measured, Owner, Tuple};

/// A connection went from one state to another.
#[derive(Clone, Copy, Debug)]
pub struct Transition {
    /// When the kernel made it: CLOCK_MONOTONIC, ns.
    pub time_ns: u64,
    /// `None` for a request that has no socket yet.
    pub cookie: Option<Cookie>,
    /// Addresses and ports, as far as they are known.
    pub tuple: Tuple,
    /// The state left.
    pub from: State,
    /// The state entered.
    pub to: State,
    /// How long it was in `from`, ns; `None` when that began before tracing did, and for the
    /// first transition of a connection.
    pub held_ns: Option<u64>,
    /// How long it was in SYN_SENT before its SYN was sent, ns: connect() may be put off to the
    /// first write. `None`: it was in another state, or that is not known.
    pub unsent_ns: Option<u64>,
    /// Why.
    pub reason: Reason,
    /// More about why, where more is known.
    pub detail: Option<Detail>,
    /// connect() was called, and its SYN did not follow: that may still come.
    pub nothing_sent: bool,
    /// Who opened the connection; `None`: unknown, or a listener.
    pub opener: Option<Side>,
    /// Who sent the first FIN or RST; `None`: nobody did yet, or unknown.
    pub closer: Option<Closer>,
    /// Whether it was short or kept; `None`: it has not left ESTABLISHED yet, or unknown.
    pub length: Option<Length>,
    /// Who has, or had, the socket.
    pub owner: Owner,
    /// The name of the thread that made it, where it is the owner's and differs from its name.
    pub thread: Option<Comm>,
    /// It is of the traced command, or of one of its children.
    pub followed: bool,
    /// Segments sent again so far; `None` where the kernel half does not tell.
    pub retransmits: Option<u32>,
    /// What the connection did so far; `None` where the kernel half does not tell.
    pub measured: Option<Measured>,
    /// No process had the full socket any more; `None` where it is not the full socket that tells.
    pub orphan: Option<bool>,
    /// SO_KEEPALIVE is on; `None` where the kernel half does not tell.
    pub keepalive: Option<bool>,
}
