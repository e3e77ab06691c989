//! Sockets that are over, and whose descriptors are still open. No dump tells of them: the kernel
//! takes a connection out of its tables when it goes to CLOSED. What is left is a descriptor, and
//! whoever has a copy of that can ask the socket.

use std::{
    collections::{HashMap, HashSet},
    io,
    net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr},
    ops::ControlFlow,
    os::fd::OwnedFd,
};

use rustix::net::{
    AddressFamily, SocketFlags, SocketType, getsockname, ipproto, socket_with, sockopt,
};

use super::{
    Namespaces,
    descriptor::{self, Handle},
    dump,
    namespaces::{Namespace, namespaces_of, netns_of},
    owners::{each_socket, pids},
    pids::Numbering,
    tcp_info::TcpInfo,
};
use crate::model::{Cookie, Endpoint, Link, Tuple};

/// How many sockets are asked at the most in one look: those of other kinds are remembered, so
/// that only those that are new or over are asked again.
const MOST: usize = 1 << 16;
/// How many sockets of other kinds are remembered.
const MOST_OTHERS: usize = 1 << 20;

/// A connection that is over, and whose descriptor is open.
#[derive(Clone, Copy, Debug)]
pub struct Ended {
    /// Its cookie.
    pub cookie: Option<Cookie>,
    /// The addresses that it had.
    pub tuple: Tuple,
    /// The inode of its socket.
    pub inode: u32,
    /// What the kernel remembers of its progress.
    pub info: TcpInfo,
}

/// Looks for connections that are over.
#[derive(Debug, Default)]
pub struct EndedSockets {
    /// Inodes of sockets that are no TCP.
    others: HashSet<u32>,
}

impl EndedSockets {
    /// Goes through the descriptors of all processes. Returns what was found, and of how many
    /// sockets it is not known what they are: they may not be asked, or were too many.
    pub fn look(&mut self) -> (Vec<Ended>, usize) {
        if self.others.len() > MOST_OTHERS {
            self.others.clear();
        }
        // Descriptors first: what came later is not asked. A connection that lives is not either,
        // as a copy of its descriptor might be the last, and close it.
        let mut seen = HashSet::new();
        let mut open: Vec<(u32, Vec<(u32, u32)>)> = Vec::new();
        for pid in pids() {
            let mut sockets = Vec::new();
            let _ = each_socket(pid, |descriptor, inode| {
                if !self.others.contains(&inode) && seen.insert(inode) {
                    sockets.push((descriptor, inode));
                }
                ControlFlow::Continue(())
            });
            if !sockets.is_empty() {
                open.push((pid, sockets));
            }
        }
        let alive = alive();
        let numbering = Numbering::read();
        let mut unknown = 0;
        let mut asked = 0;
        let mut ended = Vec::new();
        for (pid, sockets) in open {
            // Its sockets may be alive there.
            if alive.is_hidden(pid) {
                unknown += sockets.len();
                continue;
            }
            let mut process = None;
            for (number, inode) in sockets {
                if alive.inodes.contains(&inode) {
                    continue;
                }
                if asked >= MOST {
                    unknown += 1;
                    continue;
                }
                asked += 1;
                let process = process.get_or_insert_with(|| match numbering.own(pid) {
                    Some(pid) => Handle::open(pid),
                    None => Err(io::Error::from(io::ErrorKind::PermissionDenied)),
                });
                let answer = match process {
                    Ok(process) => process
                        .socket(number, inode)
                        .and_then(|socket| ask(pid, inode, &socket, &alive.cookies)),
                    Err(error) => Err(io::Error::from(error.kind())),
                };
                match answer {
                    Ok(Kind::Ended(it)) => ended.push(it),
                    Ok(Kind::Tcp) => {}
                    Ok(Kind::Other) => {
                        self.others.insert(inode);
                    }
                    Err(error) if error.kind() == io::ErrorKind::PermissionDenied => unknown += 1,
                    // It was closed meanwhile, or its process has ended.
                    Err(_) => {}
                }
            }
        }
        (ended, unknown)
    }
}

/// What lives in the network namespaces.
#[derive(Debug, Default)]
struct Alive {
    /// The inodes of all connections and listeners.
    inodes: HashSet<u32>,
    /// Inode numbers of the namespaces, by their cookies.
    cookies: HashMap<u64, u32>,
    /// Those that could not be looked into.
    closed: HashSet<u32>,
}

impl Alive {
    /// Whether a process lives only where it can't be told which of its sockets are alive.
    fn is_hidden(&self, pid: u32) -> bool {
        !self.closed.is_empty() && namespaces_of(pid).all(|netns| self.closed.contains(&netns))
    }
}

fn alive() -> Alive {
    let mut alive = Alive::default();
    for namespace in Namespaces::read().all() {
        let look = |namespace: &Namespace| {
            let found = namespace.dump(dump::asked_for(&[]))?;
            Ok((found, namespace.within(|| Ok(own_cookie()))?))
        };
        // The process by which it was found may have ended meanwhile.
        let looked = look(&namespace).or_else(|error: io::Error| {
            match Namespaces::find(namespace.inode, None) {
                Some(again) if error.kind() != io::ErrorKind::PermissionDenied => look(&again),
                _ => Err(error),
            }
        });
        match looked {
            Ok((found, cookie)) => {
                alive.inodes.extend(found.iter().map(|found| found.inode));
                let cookie = cookie.map(|cookie| (cookie, namespace.inode));
                alive.cookies.extend(cookie);
            }
            Err(_) => {
                alive.closed.insert(namespace.inode);
            }
        }
    }
    alive
}

/// What a socket is.
enum Kind {
    Other,
    /// Of TCP, and not over.
    Tcp,
    Ended(Ended),
}

/// Asks a socket that no dump knows. None of this waits, or changes anything: SO_ERROR would take
/// the error away from its process.
fn ask(pid: u32, inode: u32, socket: &OwnedFd, cookies: &HashMap<u64, u32>) -> io::Result<Kind> {
    let family = sockopt::socket_domain(socket)?;
    if !matches!(family, AddressFamily::INET | AddressFamily::INET6)
        || sockopt::socket_protocol(socket)? != Some(ipproto::TCP)
    {
        return Ok(Kind::Other);
    }
    let mut bytes = [0; 256];
    let size = descriptor::option(socket, libc::IPPROTO_TCP, libc::TCP_INFO, &mut bytes)?;
    let bytes = &bytes[..size.min(bytes.len())];
    if bytes.first() != Some(&TCP_CLOSE) {
        return Ok(Kind::Tcp);
    }
    // Only a socket that was connected has a peer; getpeername() tells of none any more.
    let (Some(info), Some(remote)) = (TcpInfo::read(bytes), peer(socket, family)) else {
        return Ok(Kind::Tcp);
    };
    // It need not be that of its process.
    let by_cookie = netns_cookie(socket).and_then(|cookie| cookies.get(&cookie).copied());
    let Some(netns) = by_cookie.or_else(|| netns_of(pid)) else {
        return Ok(Kind::Tcp);
    };
    let cookie = sockopt::socket_cookie(socket)?;
    Ok(Kind::Ended(Ended {
        cookie: Cookie::new(cookie),
        tuple: Tuple {
            netns,
            link: link(socket),
            local: name(socket).unwrap_or(unspecified(remote.addr)),
            remote,
        },
        inode,
        info,
    }))
}

/// TCP_CLOSE (include/net/tcp_states.h).
const TCP_CLOSE: u8 = 7;
/// include/uapi/asm-generic/socket.h.
const SO_NETNS_COOKIE: libc::c_int = 71;

/// The peer: `inet_getname()` tells it to SO_PEERNAME whatever the state. That takes no more room
/// than an address of the family needs.
fn peer(socket: &OwnedFd, family: AddressFamily) -> Option<Endpoint> {
    let mut bytes = [0; size_of::<libc::sockaddr_in6>()];
    let room = match family {
        AddressFamily::INET => size_of::<libc::sockaddr_in>(),
        _ => bytes.len(),
    };
    let (bytes, _) = bytes.split_at_mut(room);
    let size = descriptor::option(socket, libc::SOL_SOCKET, libc::SO_PEERNAME, bytes).ok()?;
    endpoint(bytes.get(..size)?)
}

/// Its own address.
fn name(socket: &OwnedFd) -> Option<Endpoint> {
    let name = SocketAddr::try_from(getsockname(socket).ok()?).ok()?;
    Some(Endpoint::new(name.ip().to_canonical(), name.port()))
}

/// Reads `struct sockaddr_in` or `sockaddr_in6`; IPv4-mapped is IPv4.
fn endpoint(bytes: &[u8]) -> Option<Endpoint> {
    let family = u16::from_ne_bytes(bytes.get(..2)?.try_into().ok()?);
    let port = u16::from_be_bytes(bytes.get(2..4)?.try_into().ok()?);
    let addr = match i32::from(family) {
        libc::AF_INET => {
            let addr: [u8; 4] = bytes.get(4..8)?.try_into().ok()?;
            IpAddr::V4(Ipv4Addr::from(addr))
        }
        libc::AF_INET6 => {
            let addr: [u8; 16] = bytes.get(8..24)?.try_into().ok()?;
            IpAddr::V6(Ipv6Addr::from(addr)).to_canonical()
        }
        _ => return None,
    };
    Some(Endpoint::new(addr, port))
}

/// No address, of the same family.
fn unspecified(like: IpAddr) -> Endpoint {
    let addr = match like {
        IpAddr::V4(_) => Ipv4Addr::UNSPECIFIED.into(),
        IpAddr::V6(_) => Ipv6Addr::UNSPECIFIED.into(),
    };
    Endpoint::new(addr, 0)
}

/// The interface that it is bound to (Linux 5.7).
fn link(socket: &OwnedFd) -> Option<Link> {
    let mut index = [0; 4];
    descriptor::option(socket, libc::SOL_SOCKET, libc::SO_BINDTOIFINDEX, &mut index).ok()?;
    Link::new(u32::from_ne_bytes(index))
}

/// The cookie of the network namespace of a socket (Linux 5.14).
fn netns_cookie(socket: &OwnedFd) -> Option<u64> {
    let mut cookie = [0; 8];
    descriptor::option(socket, libc::SOL_SOCKET, SO_NETNS_COOKIE, &mut cookie).ok()?;
    Some(u64::from_ne_bytes(cookie))
}

/// The cookie of the network namespace that this thread is in.
fn own_cookie() -> Option<u64> {
    let flags = SocketFlags::CLOEXEC;
    let socket = socket_with(AddressFamily::INET, SocketType::DGRAM, flags, None).ok()?;
    netns_cookie(&socket)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_are_read_as_the_kernel_writes_them() {
        let family = |it: i32| u16::try_from(it).unwrap().to_ne_bytes();
        let four = [&family(libc::AF_INET)[..], &[0, 80, 192, 0, 2, 1], &[0; 8]].concat();
        let end = endpoint(&four).unwrap();
        assert_eq!(format!("{end:?}"), "192.0.2.1:80");
        let mapped = Ipv4Addr::new(192, 0, 2, 1).to_ipv6_mapped().octets();
        let six = [
            &family(libc::AF_INET6)[..],
            &[0, 80, 0, 0, 0, 0],
            &mapped,
            &[0; 4],
        ]
        .concat();
        assert_eq!(endpoint(&six), Some(end), "IPv4-mapped");
        for length in 0..24 {
            let _ = endpoint(&six[..length]);
        }
        assert_eq!(endpoint(&[0; 28]), None);
    }
}
