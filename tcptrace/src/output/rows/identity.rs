//! Which connection or socket it is.

use std::{
    net::IpAddr,
    num::{NonZeroU16, NonZeroU32},
};

use crate::{
    host::Links,
    model::{Cookie, Family, Process, Tuple},
    output::row::{group, row},
};

row! {
    /// What tells a connection from others.
    pub struct Identity<'a> {
        /// The socket cookie, hexadecimal, as ss -e prints it behind sk:; it joins the lines of a
        /// connection. Null for a request, or half-open connection, that has no socket yet.
        cookie: Option<Cookie>,
        /// Inode number of the network namespace that the socket is in.
        netns: u32,
        /// The family of the addresses; IPv4-mapped IPv6 is IPv4.
        family: Family,
        /// This machine's address; unspecified (0.0.0.0 or ::) where it is not bound to one, or not
        /// known.
        local_addr: IpAddr,
        /// This machine's port; null where none is chosen, or it is unknown.
        local_port: Option<NonZeroU16>,
        /// The peer's address; null where there is no peer, or it is unknown.
        remote_addr: Option<IpAddr>,
        /// The peer's port; null where there is no peer, or it is unknown.
        remote_port: Option<NonZeroU16>,
        /// Name of the network interface (link) where it is a part of the identity: a link-local
        /// address, bound to a device (SO_BINDTODEVICE), a VRF. What is no text is written as its
        /// code. Null where it is no part of it, and where the name is unknown.
        interface: Option<&'a str>,
    }
}
group!(Identity<'_>);

impl<'a> Identity<'a> {
    #[inline]
    pub fn new(cookie: Option<Cookie>, tuple: &Tuple, links: &'a mut Links) -> Self {
        Self {
            cookie,
            netns: tuple.netns,
            family: Family::of(tuple.local.addr),
            local_addr: tuple.local.addr,
            local_port: tuple.local.port,
            remote_addr: tuple.remote.port.map(|_| tuple.remote.addr),
            remote_port: tuple.remote.port,
            interface: links.name(tuple),
        }
    }
}

/// The id of a process, if it is known.
pub(super) fn pid_of(process: Option<&Process>) -> Option<NonZeroU32> {
    process.and_then(|it| NonZeroU32::new(it.pid?))
}
