//! Addresses and ports.

use std::{
    fmt,
    net::{IpAddr, Ipv4Addr, Ipv6Addr},
    num::{NonZeroU16, NonZeroU32},
};

use serde::{Deserialize, Serialize};

/// A family of addresses. IPv4-mapped IPv6 is IPv4.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Family {
    /// IPv4.
    Ipv4,
    /// IPv6.
    Ipv6,
}

impl Family {
    /// All of them.
    pub const ALL: [Self; 2] = [Self::Ipv4, Self::Ipv6];

    /// The family of an address.
    #[must_use]
    pub fn of(addr: IpAddr) -> Self {
        if addr.is_ipv4() {
            Self::Ipv4
        } else {
            Self::Ipv6
        }
    }

    /// The name in JSON and CSV.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Ipv4 => "ipv4",
            Self::Ipv6 => "ipv6",
        }
    }
}

/// One end of a connection.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct Endpoint {
    /// The address; unspecified while it isn't known.
    pub addr: IpAddr,
    /// `None`: not chosen yet, none (the remote side of a listener), or unknown.
    pub port: Option<NonZeroU16>,
}

impl Endpoint {
    /// An endpoint with a port in host order, 0 for none.
    #[must_use]
    pub fn new(addr: IpAddr, port: u16) -> Self {
        Self {
            addr,
            port: NonZeroU16::new(port),
        }
    }

    /// The port, 0 for none.
    #[must_use]
    pub fn port_or_zero(&self) -> u16 {
        self.port.map_or(0, NonZeroU16::get)
    }
}

impl fmt::Debug for Endpoint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}", self.addr, self.port_or_zero())
    }
}

/// The index of a network interface, in its network namespace.
pub type Link = NonZeroU32;

/// What tells a connection from others: its ends, and the network namespace and interface in which
/// they mean something.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct Tuple {
    /// Inode number of the network namespace.
    pub netns: u32,
    /// The interface, where it is a part of the identity: the socket is bound to it
    /// (SO_BINDTODEVICE), an address is link-local, or it is that of a VRF.
    pub link: Option<Link>,
    /// This machine's end.
    pub local: Endpoint,
    /// The other end.
    pub remote: Endpoint,
}

impl Tuple {
    /// Whether it is certain that this is another connection than that of `other`: as far as both
    /// are known, their ports or the peers differ. An address of this machine may change while a
    /// connection is opened (`inet_sk_reselect_saddr()`, net/ipv4/af_inet.c).
    #[must_use]
    pub fn differs_from(&self, other: &Self) -> bool {
        let port = |one: &Endpoint, other: &Endpoint| {
            one.port.is_some() && other.port.is_some() && one.port != other.port
        };
        let known = self.remote.port.is_some() && other.remote.port.is_some();
        port(&self.local, &other.local) || known && self.remote != other.remote
    }
}

/// Reads an address of a record: IPv4 in the first four bytes, or IPv6.
pub(crate) fn ip(family: Family, bytes: &[u8; 16]) -> IpAddr {
    match family {
        Family::Ipv4 => IpAddr::V4(Ipv4Addr::new(bytes[0], bytes[1], bytes[2], bytes[3])),
        Family::Ipv6 => IpAddr::V6(Ipv6Addr::from(*bytes)),
    }
}
