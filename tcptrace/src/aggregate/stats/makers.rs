//! Who makes the TIME_WAITs.

use std::net::IpAddr;

use crate::model::{Comm, Link, Owner, Process, Side, Tuple};

/// Connections alike: of one program, with one peer, for one service.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct TimeWaitMaker {
    /// Inode number of the network namespace.
    pub netns: u32,
    /// The network interface, where it is a part of the identity.
    pub link: Option<Link>,
    /// The name of the process that closed; `None`: unknown.
    pub comm: Option<Comm>,
    /// This side's address.
    pub local: IpAddr,
    /// The peer.
    pub remote: IpAddr,
    /// Who opened the connections; `None`: unknown.
    pub opener: Option<Side>,
    /// The port of the service: the peer's where this side opened, this side's where the peer
    /// did; `None`: unknown.
    pub port: Option<u16>,
}

impl TimeWaitMaker {
    /// Whose TIME_WAIT a connection is.
    #[must_use]
    pub fn of(tuple: &Tuple, owner: &Owner, opener: Option<Side>) -> Self {
        Self {
            netns: tuple.netns,
            link: tuple.link,
            comm: owner.process.map(|process| process.comm),
            local: tuple.local.addr,
            remote: tuple.remote.addr,
            opener,
            port: service_port(tuple, opener),
        }
    }
}

/// The port that the side listened at that did not open the connection.
pub(super) fn service_port(tuple: &Tuple, opener: Option<Side>) -> Option<u16> {
    let end = match opener? {
        Side::Local => tuple.remote,
        Side::Remote => tuple.local,
    };
    end.port.map(std::num::NonZero::get)
}

/// What one made.
#[derive(Clone, Copy, Debug, Default)]
pub struct TimeWaitsMade {
    /// TIME_WAITs.
    pub count: u64,
    /// The process, as long as it is one only.
    who: Processes,
}

#[derive(Clone, Copy, Debug, Default)]
enum Processes {
    #[default]
    None,
    One(u32),
    Several,
}

impl TimeWaitsMade {
    /// One more.
    pub fn add(&mut self, process: Option<Process>) {
        self.count += 1;
        let pid = process
            .and_then(|process| process.pid)
            .map_or(Processes::Several, Processes::One);
        self.join(pid);
    }

    /// The id of the process, if it was one only.
    #[must_use]
    pub fn pid(&self) -> Option<u32> {
        match self.who {
            Processes::One(pid) => Some(pid),
            Processes::None | Processes::Several => None,
        }
    }

    /// Takes another's in.
    pub fn absorb(&mut self, other: Self) {
        self.count += other.count;
        self.join(other.who);
    }

    fn join(&mut self, who: Processes) {
        self.who = match (self.who, who) {
            (Processes::None, who) | (who, Processes::None) => who,
            (Processes::One(a), Processes::One(b)) if a == b => Processes::One(a),
            _ => Processes::Several,
        };
    }
}
