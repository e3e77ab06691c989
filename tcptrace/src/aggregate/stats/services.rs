//! Short and long connections, by the service that they are for.

use std::net::IpAddr;

use super::makers::service_port;
use crate::model::{Length, Link, Side, Tuple};

/// Who is asked: an address and a port, on this side or the other.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Service {
    /// Inode number of the network namespace.
    pub netns: u32,
    /// The network interface, where it is a part of the identity.
    pub link: Option<Link>,
    /// Who opens the connections: this side, if it is a service of others.
    pub opener: Side,
    /// The address of the service.
    pub addr: IpAddr,
    /// Its port.
    pub port: u16,
}

impl Service {
    /// The service of a connection; `None` if it isn't known who opened it.
    #[must_use]
    pub fn of(tuple: &Tuple, opener: Option<Side>) -> Option<Self> {
        let opener = opener?;
        let addr = match opener {
            Side::Local => tuple.remote.addr,
            Side::Remote => tuple.local.addr,
        };
        Some(Self {
            netns: tuple.netns,
            link: tuple.link,
            opener,
            addr,
            port: service_port(tuple, Some(opener))?,
        })
    }
}

/// Connections that were closed.
#[derive(Clone, Copy, Debug, Default)]
pub struct Lengths {
    /// A request or two each.
    pub short: u64,
    /// Kept and reused.
    pub long: u64,
    /// TIME_WAITs that the short ones left on this machine.
    pub time_waits_of_short: u64,
    /// The same of the long ones.
    pub time_waits_of_long: u64,
}

impl Lengths {
    /// A connection was closed.
    pub fn closed(&mut self, length: Length) {
        match length {
            Length::Short => self.short += 1,
            Length::Long => self.long += 1,
        }
    }

    /// A connection left a TIME_WAIT here.
    pub fn waits(&mut self, length: Length) {
        match length {
            Length::Short => self.time_waits_of_short += 1,
            Length::Long => self.time_waits_of_long += 1,
        }
    }

    /// All of which the length is known.
    #[must_use]
    pub fn count(&self) -> u64 {
        self.short + self.long
    }

    /// The share of the short ones, from 0 to 1; `None` if there were none at all.
    #[must_use]
    pub fn short_share(&self) -> Option<f64> {
        (self.count() > 0).then(|| self.short as f64 / self.count() as f64)
    }

    /// Takes another's in.
    pub fn absorb(&mut self, other: Self) {
        self.short += other.short;
        self.long += other.long;
        self.time_waits_of_short += other.time_waits_of_short;
        self.time_waits_of_long += other.time_waits_of_long;
    }
}
