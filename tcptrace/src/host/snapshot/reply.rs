//! Reads what sock_diag answers: `struct inet_diag_msg` (linux/inet_diag.h), and the attributes
//! behind it. The timer of a TIME_WAIT is why this is done here: netlink-packet-sock-diag drops
//! the time that is left.

use std::{
    net::{IpAddr, Ipv4Addr, Ipv6Addr},
    time::Duration,
};

use netlink_packet_core::NlasIterator;
use netlink_packet_sock_diag::constants::{AF_INET, AF_INET6};
use zerocopy::FromBytes;

use super::{
    found::{Found, Timer, TimerKind},
    tcp_info::TcpInfo,
};
use crate::{
    host::silent_cgroup,
    model::{Cgroup, Cookie, Endpoint, Link, Reach, SocketKind, State, Tuple},
};

const INET_DIAG_INFO: u16 = 2;
const INET_DIAG_SKMEMINFO: u16 = 7;
const INET_DIAG_SHUTDOWN: u16 = 8;
/// Of listeners and closed sockets of IPv6 alone.
const INET_DIAG_SKV6ONLY: u16 = 11;
/// The attribute with the id of the cgroup (Linux 5.7).
const INET_DIAG_CGROUP_ID: u16 = 21;

/// `struct inet_diag_msg`. Ports and addresses are in network order.
#[derive(FromBytes)]
#[repr(C)]
struct Header {
    family: u8,
    state: u8,
    timer: u8,
    retries: u8,
    local_port: u16,
    remote_port: u16,
    local: [u8; 16],
    remote: [u8; 16],
    interface: u32,
    cookie: [u8; 8],
    expires_ms: u32,
    recv_queue: u32,
    send_queue: u32,
    uid: u32,
    inode: u32,
}

/// Reads the answer for one socket; `None` if it is none, or of a kind that this doesn't know.
pub fn read(netns: u32, bytes: &[u8]) -> Option<Found> {
    let (header, attributes) = Header::read_from_prefix(bytes).ok()?;
    let state = State::from_kernel(header.state)?;
    let local = address(header.family, header.local)?;
    let remote = address(header.family, header.remote)?;
    let minisock = header.timer == 3 || state == State::TimeWait;
    let kind = match state {
        _ if minisock => SocketKind::Minisock,
        // A child of TCP Fast Open that nobody accepted has no inode either, but a shutdown
        // state: inet_diag_msg_attrs_fill(), net/ipv4/inet_diag.c, against inet_req_diag_fill().
        State::SynRecv if header.inode == 0 && !has_shutdown(attributes) => SocketKind::Request,
        _ => SocketKind::Full,
    };
    let (local, remote) = canonical(local, remote);
    let end = |addr, port| Endpoint::new(addr, u16::from_be(port));
    Some(Found {
        cookie: Cookie::new(u64::from_ne_bytes(header.cookie)),
        tuple: Tuple {
            netns,
            link: Link::new(header.interface),
            local: end(local, header.local_port),
            remote: end(remote, header.remote_port),
        },
        state,
        kind,
        uid: header.uid,
        inode: header.inode,
        timer: timer(&header, state),
        recv_queue: header.recv_queue,
        send_queue: header.send_queue,
        dropped: (state == State::Listen)
            .then(|| drops(attributes))
            .flatten(),
        cgroup: cgroup(attributes),
        reach: Reach {
            only_ipv6: is_only_ipv6(attributes),
        },
    })
}

/// What one socket is asked for by: `struct inet_diag_sockid`, as the kernel told it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Id {
    family: u8,
    sockid: [u8; SOCKID],
}

/// Size of `struct inet_diag_sockid`: ports, addresses, interface, cookie.
const SOCKID: usize = 48;
/// Where it is in an answer: behind family, state, timer and retries.
const SOCKID_AT: usize = 4;
const SOCK_DIAG_BY_FAMILY: u16 = 20;
const NLM_F_REQUEST: u16 = 1;
const IPPROTO_TCP: u8 = 6;

impl Id {
    /// Asks for that socket and its progress: `struct nlmsghdr`, `struct inet_diag_req_v2`.
    pub fn request(&self) -> Vec<u8> {
        let length = 16 + 8 + SOCKID;
        let mut bytes = Vec::with_capacity(length);
        bytes.extend(u32::try_from(length).unwrap_or_default().to_ne_bytes());
        bytes.extend(SOCK_DIAG_BY_FAMILY.to_ne_bytes());
        bytes.extend(NLM_F_REQUEST.to_ne_bytes());
        // Sequence number and port.
        bytes.extend([0; 8]);
        let extensions = 1 << (INET_DIAG_INFO - 1);
        bytes.extend([self.family, IPPROTO_TCP, extensions, 0]);
        bytes.extend(u32::MAX.to_ne_bytes());
        bytes.extend(self.sockid);
        bytes
    }
}

/// The socket of an answer, if something that it has to send waits for the peer: the timer to send
/// again runs, or that of window probes.
pub fn waiting(bytes: &[u8]) -> Option<Id> {
    let (header, _) = Header::read_from_prefix(bytes).ok()?;
    let waits = matches!(header.timer, 1 | 4) && header.send_queue > 0;
    waits.then_some(())?;
    Some(Id {
        family: header.family,
        sockid: bytes.get(SOCKID_AT..SOCKID_AT + SOCKID)?.try_into().ok()?,
    })
}

/// Reads what an answer tells of the progress of a full socket; minisocks and requests make none.
pub fn tcp_info(bytes: &[u8]) -> Option<TcpInfo> {
    let (_, attributes) = Header::read_from_prefix(bytes).ok()?;
    NlasIterator::new(attributes)
        .map_while(Result::ok)
        .find(|attribute| attribute.kind() == INET_DIAG_INFO)
        .and_then(|attribute| TcpInfo::read(attribute.value()))
}

fn timer(header: &Header, state: State) -> Option<Timer> {
    let kind = match header.timer {
        1 => TimerKind::Retransmit,
        // An orphan that waits longer than a minisock may waits by this timer first
        // (tcp_keepalive_timer()).
        2 if state == State::FinWait2 && header.inode == 0 => TimerKind::TimeWait,
        2 => TimerKind::Keepalive,
        3 => TimerKind::TimeWait,
        4 => TimerKind::Probe,
        _ => return None,
    };
    // Old kernels count below zero when a timer is late.
    let remaining = i32::try_from(header.expires_ms).map_or(0, i32::unsigned_abs);
    Some(Timer {
        kind,
        remaining: Duration::from_millis(remaining.into()),
        retries: header.retries,
    })
}

fn has_shutdown(attributes: &[u8]) -> bool {
    NlasIterator::new(attributes)
        .map_while(Result::ok)
        .any(|attribute| attribute.kind() == INET_DIAG_SHUTDOWN)
}

fn is_only_ipv6(attributes: &[u8]) -> bool {
    NlasIterator::new(attributes)
        .map_while(Result::ok)
        .find(|attribute| attribute.kind() == INET_DIAG_SKV6ONLY)
        .is_some_and(|attribute| attribute.value().first().is_some_and(|only| *only != 0))
}

/// SK_MEMINFO_DROPS (include/uapi/linux/sock_diag.h).
fn drops(attributes: &[u8]) -> Option<u32> {
    const AT: usize = 8 * 4;
    let attribute = NlasIterator::new(attributes)
        .map_while(Result::ok)
        .find(|attribute| attribute.kind() == INET_DIAG_SKMEMINFO)?;
    let word = attribute.value().get(AT..AT + 4)?;
    Some(u32::from_ne_bytes(word.try_into().ok()?))
}

fn cgroup(attributes: &[u8]) -> Option<Cgroup> {
    NlasIterator::new(attributes)
        .map_while(Result::ok)
        .find(|attribute| attribute.kind() == INET_DIAG_CGROUP_ID)
        .and_then(|attribute| Some(u64::from_ne_bytes(attribute.value().try_into().ok()?)))
        .and_then(Cgroup::new)
        .filter(|id| silent_cgroup() != Some(*id))
}

fn address(family: u8, bytes: [u8; 16]) -> Option<IpAddr> {
    match family {
        AF_INET => Some(Ipv4Addr::new(bytes[0], bytes[1], bytes[2], bytes[3]).into()),
        AF_INET6 => Some(Ipv6Addr::from(bytes).into()),
        _ => None,
    }
}

/// Addresses as the kernel half tells them: IPv4 where the peer's is IPv4-mapped, or, without a
/// peer, the own. Never one of
/// each family.
fn canonical(local: IpAddr, remote: IpAddr) -> (IpAddr, IpAddr) {
    let mapped = |addr: IpAddr| match addr {
        IpAddr::V6(addr) => addr.to_ipv4_mapped(),
        IpAddr::V4(_) => None,
    };
    match (mapped(local), mapped(remote)) {
        (Some(local), Some(remote)) => (local.into(), remote.into()),
        // A listener, or what is only bound.
        (Some(local), None) if remote.is_unspecified() => {
            (local.into(), Ipv4Addr::UNSPECIFIED.into())
        }
        (None, Some(remote)) if local.is_unspecified() => {
            (Ipv4Addr::UNSPECIFIED.into(), remote.into())
        }
        _ => (local, remote),
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    /// An answer as the kernel writes it.
    struct Answer {
        family: u8,
        state: u8,
        timer: (u8, u8, u32),
        addrs: [[u8; 16]; 2],
        inode: u32,
        attributes: Vec<u8>,
    }

    impl Answer {
        fn new(state: u8) -> Self {
            let mut local = [0; 16];
            local[..4].copy_from_slice(&[10, 0, 0, 1]);
            let mut remote = local;
            remote[3] = 2;
            Self {
                family: AF_INET,
                state,
                timer: (0, 0, 0),
                addrs: [local, remote],
                inode: 0,
                attributes: Vec::new(),
            }
        }

        fn bytes(&self) -> Vec<u8> {
            let (timer, retries, expires) = self.timer;
            let mut bytes = vec![self.family, self.state, timer, retries];
            bytes.extend(80_u16.to_be_bytes());
            bytes.extend(4000_u16.to_be_bytes());
            bytes.extend(self.addrs.as_flattened());
            bytes.extend(0_u32.to_ne_bytes());
            bytes.extend(0x1234_u64.to_ne_bytes());
            for word in [expires, 5, 7, 1000, self.inode] {
                bytes.extend(word.to_ne_bytes());
            }
            assert_eq!(bytes.len(), 72, "as the kernel's");
            bytes.extend(&self.attributes);
            bytes
        }

        fn read(&self) -> Found {
            read(9, &self.bytes()).expect("it is a socket")
        }
    }

    #[test]
    fn a_full_socket_is_read() {
        let mut answer = Answer::new(1);
        answer.inode = 77;
        // SHUTDOWN, one byte and its padding, and the cgroup.
        answer.attributes = [&[5_u8, 0, 8, 0, 3, 0, 0, 0, 12, 0, 21, 0][..], &{
            42_u64.to_ne_bytes()
        }]
        .concat();
        let found = answer.read();
        assert_eq!(found.cookie, Cookie::new(0x1234));
        assert_eq!(
            format!("{:?}", found.tuple.local),
            "10.0.0.1:80",
            "in host order"
        );
        assert_eq!(format!("{:?}", found.tuple.remote), "10.0.0.2:4000");
        assert_eq!(found.tuple.netns, 9);
        assert_eq!(found.state, State::Established);
        assert_eq!(found.kind, SocketKind::Full);
        assert_eq!((found.recv_queue, found.send_queue), (5, 7));
        assert_eq!((found.uid, found.inode), (1000, 77));
        assert_eq!(found.timer, None);
        assert_eq!(found.cgroup, Cgroup::new(42));
    }

    #[test]
    fn only_what_waits_for_its_peer_is_asked_again_and_by_what_it_is() {
        let mut answer = Answer::new(1);
        answer.timer = (1, 0, 200);
        let bytes = answer.bytes();
        let id = waiting(&bytes).expect("it is to send again");
        let request = id.request();
        assert_eq!(request.len(), 72);
        assert_eq!(request[..4], 72_u32.to_ne_bytes());
        assert_eq!(request[24..], bytes[4..52], "ports to cookie, as they came");
        for timer in [0, 2, 3] {
            answer.timer.0 = timer;
            assert_eq!(waiting(&answer.bytes()), None, "timer {timer}");
        }
        assert_eq!(waiting(&bytes[..71]), None);
    }

    #[test]
    fn timers_have_their_kind_time_and_retries() {
        for (state, inode, number, kind) in [
            (1, 5, 1, TimerKind::Retransmit),
            (1, 5, 2, TimerKind::Keepalive),
            (5, 5, 2, TimerKind::Keepalive),
            (5, 0, 2, TimerKind::TimeWait),
            (5, 0, 3, TimerKind::TimeWait),
            (6, 0, 3, TimerKind::TimeWait),
            (1, 5, 4, TimerKind::Probe),
        ] {
            let mut answer = Answer::new(state);
            answer.inode = inode;
            answer.timer = (number, 3, 59_999);
            assert_eq!(
                answer.read().timer,
                Some(Timer {
                    kind,
                    remaining: Duration::from_millis(59_999),
                    retries: 3
                })
            );
        }
        let mut late = Answer::new(6);
        late.timer = (3, 0, (-4_i32).cast_unsigned());
        assert_eq!(
            late.read().timer.map(|timer| timer.remaining),
            Some(Duration::ZERO)
        );
    }

    #[test]
    fn minisocks_and_requests_are_told_from_sockets() {
        let kind = |state, timer, inode| {
            let mut answer = Answer::new(state);
            answer.timer.0 = timer;
            answer.inode = inode;
            answer.read().kind
        };
        assert_eq!(kind(5, 3, 0), SocketKind::Minisock);
        assert_eq!(kind(6, 3, 0), SocketKind::Minisock);
        assert_eq!(kind(5, 2, 0), SocketKind::Full);
        assert_eq!(kind(3, 1, 0), SocketKind::Request);
        assert_eq!(kind(12, 1, 0), SocketKind::Request);
        assert_eq!(kind(3, 1, 8), SocketKind::Full);
        let mut fast_open = Answer::new(3);
        fast_open.attributes = vec![5, 0, 8, 0, 0, 0, 0, 0];
        assert_eq!(fast_open.read().kind, SocketKind::Full);
    }

    #[test]
    fn mapped_addresses_are_ipv4() {
        let mapped = |host| Ipv4Addr::new(10, 0, 0, host).to_ipv6_mapped().octets();
        let mut answer = Answer::new(1);
        answer.family = AF_INET6;
        answer.addrs = [mapped(1), mapped(2)];
        let tuple = answer.read().tuple;
        assert_eq!(format!("{:?}", tuple.local), "10.0.0.1:80");
        assert_eq!(format!("{:?}", tuple.remote), "10.0.0.2:4000");
        answer.addrs[1] = [0; 16];
        let tuple = answer.read().tuple;
        assert_eq!(format!("{:?}", tuple.local), "10.0.0.1:80");
        assert_eq!(tuple.remote.addr, Ipv4Addr::UNSPECIFIED);
        answer.addrs = [[0; 16], mapped(2)];
        assert_eq!(format!("{:?}", answer.read().tuple.local), "0.0.0.0:80");
        // No connection has one address of each family, whatever is answered.
        answer.addrs[0] = Ipv6Addr::LOCALHOST.octets();
        assert!(answer.read().tuple.remote.addr.is_ipv6());
    }

    #[test]
    fn what_is_cut_short_or_of_another_family_is_refused() {
        let bytes = Answer::new(1).bytes();
        for length in 0..bytes.len() {
            assert!(read(9, &bytes[..length]).is_none(), "{length}");
        }
        let mut unix = Answer::new(1);
        unix.family = 1;
        assert!(read(9, &unix.bytes()).is_none());
        assert!(read(9, &Answer::new(99).bytes()).is_none());
    }

    proptest! {
        #[test]
        fn any_bytes_are_read_or_refused(bytes in prop::collection::vec(any::<u8>(), 0..200)) {
            let _ = read(9, &bytes);
        }

        #[test]
        fn any_attributes_are_read_or_passed_over(
            state in 0_u8..15,
            timer in any::<(u8, u8, u32)>(),
            attributes in prop::collection::vec(any::<u8>(), 0..100),
        ) {
            let mut answer = Answer::new(state);
            answer.timer = timer;
            answer.attributes = attributes;
            let _ = read(9, &answer.bytes());
        }
    }
}
