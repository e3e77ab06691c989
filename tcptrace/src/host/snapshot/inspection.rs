//! What a look at the sockets in some states of one network namespace gave.

use std::collections::HashMap;

use serde::{Deserialize, Serialize};

use super::{found::Found, settings::WaitSettings, tcp_info::TcpInfo};
use crate::model::{Endpoint, Link, SocketKind, State, Tuple};

/// A socket, with its progress where the kernel tells of it.
#[derive(Clone, Copy, Debug)]
pub struct Inspected {
    /// The socket.
    pub found: Found,
    /// `None` for a minisock or a request.
    pub info: Option<TcpInfo>,
}

/// The queue of those that wait to be accepted.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Listening {
    /// How many wait.
    pub queue: u32,
    /// How many may: listen()'s backlog, and somaxconn at the most. One more fits
    /// (`sk_acceptq_is_full()`, include/net/sock.h).
    pub backlog: u32,
    /// How many are half open at its port.
    pub half_open: u32,
    /// SYNs and third ACKs that it has dropped (`sk_drops`); `None` where the kernel does not tell.
    pub dropped: Option<u32>,
    /// The inode of the listener; `None` where several share the port, as it is not known which of
    /// them it is.
    pub inode: Option<u32>,
}

impl Listening {
    /// Whether no more fit: the third ACK of a handshake is dropped then.
    #[must_use]
    pub fn is_full(&self) -> bool {
        self.queue > self.backlog
    }
}

/// What there was in one namespace.
#[derive(Clone, Debug, Default)]
pub struct Inspection {
    /// The sockets that were asked for, and listeners.
    pub sockets: Vec<Inspected>,
    /// What governs how long they wait.
    pub settings: WaitSettings,
    /// Indices of listeners, by port.
    listeners: HashMap<u16, Vec<usize>>,
    /// How many are half open, by port.
    half_open: HashMap<u16, u32>,
}

impl Inspection {
    pub(super) fn new(sockets: Vec<(Found, Option<TcpInfo>)>, settings: WaitSettings) -> Self {
        let mut inspection = Self {
            settings,
            ..Self::default()
        };
        for (index, (found, info)) in sockets.into_iter().enumerate() {
            let port = found.tuple.local.port_or_zero();
            match (found.state, found.kind) {
                (State::Listen, _) => inspection.listeners.entry(port).or_default().push(index),
                (_, SocketKind::Request) => {
                    *inspection.half_open.entry(port).or_default() += 1;
                }
                _ => {}
            }
            inspection.sockets.push(Inspected { found, info });
        }
        inspection
    }

    /// The listener that a connection came from, if there is one still. Of several that share a
    /// port, the one with the most room tells whether there is any.
    #[must_use]
    pub fn listening(&self, tuple: &Tuple) -> Option<Listening> {
        self.listening_at(&tuple.local, tuple.link)
    }

    /// The listener that a SYN goes to, if its destination is an address of this machine: one that
    /// a listener has, a loopback address, or the one that it comes from.
    #[must_use]
    pub fn server(&self, tuple: &Tuple) -> Option<Listening> {
        let listeners = self.listeners.get(&tuple.remote.port_or_zero())?;
        let addr = tuple.remote.addr;
        let bound = || {
            let mut found = listeners
                .iter()
                .filter_map(|index| Some(&self.sockets.get(*index)?.found));
            found.any(|found| found.tuple.local.addr == addr)
        };
        let here = addr.is_loopback() || addr == tuple.local.addr || bound();
        // Through a cable between two interfaces, it arrives by another one than it leaves by.
        here.then(|| self.listening_at(&tuple.remote, None))
            .flatten()
    }

    /// `link`: what it is bound to; without one, what it came by is not known.
    fn listening_at(&self, end: &Endpoint, link: Option<Link>) -> Option<Listening> {
        let port = end.port_or_zero();
        let here: Vec<&Found> = self
            .listeners
            .get(&port)?
            .iter()
            .filter_map(|index| Some(&self.sockets.get(*index)?.found))
            .filter(|found| link.is_none() || found.tuple.link.is_none_or(|it| Some(it) == link))
            .collect();
        let exact: Vec<&Found> = here
            .iter()
            .copied()
            .filter(|found| found.tuple.local.addr == end.addr)
            .collect();
        let any: Vec<&Found> = here
            .into_iter()
            .filter(|found| {
                let addr = found.tuple.local.addr;
                addr.is_unspecified() && (addr.is_ipv6() || end.addr.is_ipv4())
            })
            .collect();
        let possible = if exact.is_empty() { any } else { exact };
        let roomiest = possible
            .iter()
            .min_by_key(|found| i64::from(found.recv_queue) - i64::from(found.send_queue))?;
        Some(Listening {
            queue: roomiest.recv_queue,
            backlog: roomiest.send_queue,
            dropped: roomiest.dropped,
            half_open: self.half_open.get(&port).copied().unwrap_or_default(),
            inode: (possible.len() == 1).then_some(roomiest.inode),
        })
    }
}

#[cfg(test)]
mod tests {
    use std::net::IpAddr;

    use super::*;
    use crate::model::{Cookie, Reach};

    fn found(state: State, kind: SocketKind, addr: IpAddr, queues: (u32, u32)) -> Found {
        Found {
            cookie: Cookie::new(1),
            tuple: tuple(addr, 80),
            state,
            kind,
            uid: 0,
            inode: 7,
            timer: None,
            recv_queue: queues.0,
            send_queue: queues.1,
            dropped: None,
            cgroup: None,
            reach: Reach::default(),
        }
    }

    fn tuple(addr: IpAddr, port: u16) -> Tuple {
        Tuple {
            netns: 1,
            link: None,
            local: Endpoint::new(addr, port),
            remote: Endpoint::new([9, 9, 9, 9].into(), 4000),
        }
    }

    fn inspection(found: impl IntoIterator<Item = Found>) -> Inspection {
        let sockets = found.into_iter().map(|found| (found, None)).collect();
        Inspection::new(sockets, WaitSettings::default())
    }

    const ANY: IpAddr = IpAddr::V4(std::net::Ipv4Addr::UNSPECIFIED);

    fn listener(addr: impl Into<IpAddr>, queue: u32, backlog: u32) -> Found {
        found(
            State::Listen,
            SocketKind::Full,
            addr.into(),
            (queue, backlog),
        )
    }

    #[test]
    fn the_listener_of_the_address_is_told_and_how_many_are_half_open() {
        let request = found(
            State::SynRecv,
            SocketKind::Request,
            [1, 1, 1, 1].into(),
            (0, 0),
        );
        let all = inspection([
            listener(ANY, 0, 128),
            listener([1, 1, 1, 1], 5, 4),
            request,
            request,
        ]);
        let here = all.listening(&tuple([1, 1, 1, 1].into(), 80)).unwrap();
        assert_eq!((here.queue, here.backlog, here.half_open), (5, 4, 2));
        assert!(here.is_full());
        assert_eq!(here.inode, Some(7));
        let other = all.listening(&tuple([2, 2, 2, 2].into(), 80)).unwrap();
        assert_eq!((other.queue, other.backlog), (0, 128));
        assert_eq!(all.listening(&tuple([1, 1, 1, 1].into(), 81)), None);
    }

    #[test]
    fn of_several_at_one_port_one_with_room_is_enough_and_none_is_the_owner() {
        let here = inspection([listener(ANY, 5, 4), listener(ANY, 4, 4)]);
        let here = here.listening(&tuple([1, 1, 1, 1].into(), 80)).unwrap();
        assert!(!here.is_full());
        assert_eq!(here.inode, None);
    }
}
