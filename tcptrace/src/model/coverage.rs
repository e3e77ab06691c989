//! What can be seen on this machine.

use serde::{Deserialize, Serialize};

/// What can be seen on this machine: from what isn't, nothing is concluded.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Coverage {
    /// Minisocks and requests.
    pub minisocks: bool,
    /// Which minisock a FIN was for; otherwise its addresses alone.
    pub fins: bool,
    /// RSTs that are sent in answer to a segment.
    pub resets: bool,
    /// Who accepts a connection.
    pub accepts: bool,
    /// SYNs that are sent: a SYN that is not told of was not sent.
    pub syns: bool,
}

impl Coverage {
    /// Everything.
    pub const FULL: Self = Self {
        minisocks: true,
        fins: true,
        resets: true,
        accepts: true,
        syns: true,
    };
}

/// The pid namespace of this process.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum PidNamespace {
    /// The one that all others are within.
    Initial,
    /// Another one, with its inode number.
    Within(u32),
    /// It can't be told: /proc is of a namespace that this process is not in, or is not there.
    Unknown,
}
