//! The TCP sockets of one network namespace, by sock_diag.

use std::{
    io,
    net::{IpAddr, Ipv6Addr},
};

use netlink_packet_core::{
    NLM_F_DUMP, NLM_F_REQUEST, NetlinkHeader, NetlinkMessage, NetlinkPayload,
};
use netlink_packet_sock_diag::{
    SockDiagMessage,
    constants::{AF_INET, AF_INET6, IPPROTO_TCP},
    inet::{ExtensionFlags, InetRequest, InetResponse, SocketId, StateFlags, Timer},
};
use netlink_sys::{Socket, SocketAddr, protocols::NETLINK_SOCK_DIAG};

use crate::{
    decode::{Cookie, Endpoint, Tuple},
    track::{ExistingKind, State},
};

/// All states; the kernel takes SYN_RECV for requests, too (`inet_diag_dump_icsk()`).
pub const ALL_STATES: StateFlags = StateFlags::all();
/// Only SYN_SENT.
pub const SYN_SENT: StateFlags = StateFlags::SYN_SENT;

/// Big enough for what the kernel sends at once (`netlink_dump()`: 32 KiB at the most).
const BUFFER: usize = 1 << 15;

/// A socket that sock_diag told of.
#[derive(Clone, Copy, Debug)]
pub struct Found {
    /// Its cookie, which it has from now on.
    pub cookie: Option<Cookie>,
    /// Its addresses and ports.
    pub tuple: Tuple,
    /// Its state.
    pub state: State,
    /// Which kind it is.
    pub kind: ExistingKind,
    /// The user of a full socket.
    pub uid: u32,
    /// The inode of a full socket that a process has; 0 otherwise.
    pub inode: u32,
}

/// Looks at the sockets of the network namespace that this thread is in.
///
/// # Errors
/// When the kernel has no sock_diag for TCP (`modprobe tcp_diag`), or netlink fails.
pub fn dump(netns: u32, states: &StateFlags) -> io::Result<Vec<Found>> {
    let mut found = Vec::new();
    for (family, id) in [
        (AF_INET, SocketId::new_v4()),
        (AF_INET6, SocketId::new_v6()),
    ] {
        dump_family(netns, states, family, id, &mut found)?;
    }
    Ok(found)
}

fn dump_family(
    netns: u32,
    states: &StateFlags,
    family: u8,
    socket_id: SocketId,
    found: &mut Vec<Found>,
) -> io::Result<()> {
    let mut socket = Socket::new(NETLINK_SOCK_DIAG)?;
    socket.bind_auto()?;
    socket.connect(&SocketAddr::new(0, 0))?;

    let mut header = NetlinkHeader::default();
    header.flags = NLM_F_REQUEST | NLM_F_DUMP;
    let mut request = NetlinkMessage::new(
        header,
        SockDiagMessage::InetRequest(InetRequest {
            family,
            protocol: IPPROTO_TCP,
            extensions: ExtensionFlags::empty(),
            states: states.clone(),
            socket_id,
        })
        .into(),
    );
    request.finalize();
    let mut bytes = vec![0; request.buffer_len()];
    request.serialize(&mut bytes);
    socket.send(&bytes, 0)?;

    let mut buffer = vec![0; BUFFER];
    loop {
        let size = socket.recv(&mut &mut buffer[..], 0)?;
        let mut rest = &buffer[..size];
        while !rest.is_empty() {
            let message = NetlinkMessage::<SockDiagMessage>::deserialize(rest)
                .map_err(|error| io::Error::new(io::ErrorKind::InvalidData, error.to_string()))?;
            match message.payload {
                NetlinkPayload::Done(_) => return Ok(()),
                NetlinkPayload::Error(error) => return Err(error.to_io()),
                NetlinkPayload::InnerMessage(SockDiagMessage::InetResponse(response)) => {
                    found.extend(read(netns, &response));
                }
                _ => {}
            }
            // Messages are aligned to four bytes.
            let length = (message.header.length as usize).next_multiple_of(4).max(4);
            rest = rest.get(length..).unwrap_or_default();
        }
    }
}

fn read(netns: u32, response: &InetResponse) -> Option<Found> {
    let header = &response.header;
    let state = State::from_kernel(header.state)?;
    let id = &header.socket_id;
    let kind = match (&header.timer, state) {
        (Some(Timer::TimeWait), _) | (_, State::TimeWait) => ExistingKind::Minisock,
        (_, State::SynRecv) if header.inode == 0 => ExistingKind::Request,
        _ => ExistingKind::Socket,
    };
    let local = canonical(id.source_address, id.destination_address);
    let remote = canonical(id.destination_address, id.destination_address);
    Some(Found {
        cookie: Cookie::new(u64::from_ne_bytes(id.cookie)),
        tuple: Tuple {
            netns,
            local: Endpoint::new(local, id.source_port),
            remote: Endpoint::new(remote, id.destination_port),
        },
        state,
        kind,
        uid: header.uid,
        inode: header.inode,
    })
}

/// An address as the kernel half tells it: IPv4 where the peer's is IPv4-mapped.
fn canonical(addr: IpAddr, peer: IpAddr) -> IpAddr {
    let mapped = |addr: IpAddr| match addr {
        IpAddr::V6(addr) => addr.to_ipv4_mapped(),
        IpAddr::V4(_) => None,
    };
    match (mapped(addr), mapped(peer), addr) {
        (Some(addr), Some(_), _) => IpAddr::V4(addr),
        (None, Some(_), IpAddr::V6(Ipv6Addr::UNSPECIFIED)) => IpAddr::V4([0, 0, 0, 0].into()),
        (_, _, addr) => addr,
    }
}
