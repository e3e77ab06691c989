//! Half-open connections, by the address that they came to.

use std::net::IpAddr;

use crate::model::{Link, Side, State, Transition, Tuple};

/// Where SYNs arrive.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct ListenAddress {
    /// Inode number of the network namespace.
    pub netns: u32,
    /// The network interface, where it is a part of the identity.
    pub link: Option<Link>,
    /// This side's port.
    pub port: u16,
    /// This side's address, as the peers have it.
    pub addr: IpAddr,
}

impl ListenAddress {
    /// The listener of a connection that came from outside.
    #[must_use]
    pub fn of(tuple: &Tuple) -> Self {
        Self {
            netns: tuple.netns,
            link: tuple.link,
            port: tuple.local.port_or_zero(),
            addr: tuple.local.addr,
        }
    }
}

/// What became of the SYNs.
#[derive(Clone, Copy, Debug, Default)]
pub struct HalfOpen {
    /// SYNs that arrived and were answered.
    pub syns: u64,
    /// Handshakes that were completed.
    pub completed: u64,
    /// Those that were not.
    pub failed: u64,
}

impl HalfOpen {
    /// Whether a transition is into or out of the SYN_RECV of a listener: who opens a connection
    /// himself may be in it, too.
    #[must_use]
    pub fn concerns(it: &Transition) -> bool {
        let in_or_out =
            (it.from == State::Listen && it.to == State::SynRecv) || it.from == State::SynRecv;
        in_or_out && it.opener != Some(Side::Local)
    }

    /// Counts it.
    pub fn take(&mut self, it: &Transition) {
        match (it.from, it.to) {
            (State::Listen, _) => self.syns += 1,
            (_, State::Closed) => self.failed += 1,
            _ => self.completed += 1,
        }
    }

    /// Takes another's in.
    pub fn absorb(&mut self, other: Self) {
        self.syns += other.syns;
        self.completed += other.completed;
        self.failed += other.failed;
    }
}
