//! Who has a socket, as it is asked and answered.

use super::{Cookie, Owner, Tuple};

/// Who has a socket?
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct HolderQuestion {
    /// The socket.
    pub cookie: Cookie,
    /// Its addresses and ports.
    pub tuple: Tuple,
    /// It is a listener: all that have it are asked for.
    pub listener: bool,
    /// A process that may have it, or may have made the one that has; `None`: none is known.
    pub near: Option<u32>,
}

/// Who was seen to have it.
#[derive(Clone, Copy, Debug)]
pub struct HolderAnswer {
    /// The socket.
    pub cookie: Cookie,
    /// When the look began: CLOCK_MONOTONIC, ns.
    pub since: u64,
    /// The process; of several that have a listener, only what is the same of all. `None`: it was
    /// not found.
    pub owner: Option<Owner>,
}
