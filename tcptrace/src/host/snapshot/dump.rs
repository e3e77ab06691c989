//! The TCP sockets of one network namespace, by sock_diag.

use std::{io, net::IpAddr};

use netlink_packet_core::{NLM_F_DUMP, NLM_F_REQUEST, NetlinkHeader, NetlinkMessage};
use netlink_packet_sock_diag::{
    SockDiagMessage,
    constants::{AF_INET, AF_INET6, IPPROTO_TCP},
    inet::{ExtensionFlags, InetRequest, SocketId, StateFlags},
};
use netlink_sys::{Socket, SocketAddr, protocols::NETLINK_SOCK_DIAG};

use super::{
    found::Found,
    netlink::{datagram, known},
    reply,
    sockstat::shows_no_tcp,
    tcp_info::TcpInfo,
};
use crate::model::{Cookie, Link, State, Tuple};

/// All states; the kernel takes SYN_RECV for requests, too (`inet_diag_dump_icsk()`).
pub const ALL_STATES: StateFlags = StateFlags::all();
/// Sockets that are bound and do nothing: TCP_BOUND_INACTIVE, since Linux 6.8.
const BOUND: StateFlags = StateFlags::from_bits_retain(1 << 13);
/// Those whose addresses an event may not have told.
pub const OPENING: StateFlags = StateFlags::SYN_SENT.union(StateFlags::SYN_RECV);

/// The kernel's flags for these states, or for all if there are none; what is bound and does nothing
/// is closed.
pub fn asked_for(states: &[State]) -> StateFlags {
    match states {
        [] => ALL_STATES.union(BOUND),
        _ if states.contains(&State::Closed) => flags(states).union(BOUND),
        _ => flags(states),
    }
}

/// The kernel's flags for these states.
pub fn flags(of: &[State]) -> StateFlags {
    of.iter()
        .map(|state| match state {
            State::Closed => StateFlags::CLOSE,
            State::Listen => StateFlags::LISTEN,
            State::SynSent => StateFlags::SYN_SENT,
            State::SynRecv => StateFlags::SYN_RECV,
            State::Established => StateFlags::ESTABLISHED,
            State::FinWait1 => StateFlags::FIN_WAIT1,
            State::FinWait2 => StateFlags::FIN_WAIT2,
            State::TimeWait => StateFlags::TIME_WAIT,
            State::CloseWait => StateFlags::CLOSE_WAIT,
            State::LastAck => StateFlags::LAST_ACK,
            State::Closing => StateFlags::CLOSING,
        })
        .fold(StateFlags::empty(), StateFlags::union)
}

/// Big enough for what the kernel sends at once (`netlink_dump()`: 32 KiB at the most).
const BUFFER: usize = 1 << 15;

/// So many sockets make a piece of a dump: see [`in_pieces`].
pub const PIECE: usize = 4096;

/// Looks at the sockets of the network namespace that this thread is in.
///
/// # Errors
/// [`io::ErrorKind::Unsupported`] when the kernel has no sock_diag for TCP; or netlink fails.
pub fn dump(netns: u32, states: &StateFlags) -> io::Result<Vec<Found>> {
    let mut all = Vec::new();
    in_pieces(netns, states, usize::MAX, &mut |found| {
        all.append(found);
    })?;
    Ok(all)
}

/// The same, and hands them over whenever there are `piece` of them, or some more, and in the end.
/// What is not taken is handed over again.
///
/// # Errors
/// As [`dump`].
pub fn in_pieces(
    netns: u32,
    states: &StateFlags,
    piece: usize,
    take: &mut impl FnMut(&mut Vec<Found>),
) -> io::Result<()> {
    let mut found = Vec::new();
    if !states.intersects(BOUND) && shows_no_tcp() {
        take(&mut found);
        return Ok(());
    }
    let plain = ExtensionFlags::empty();
    let others = states.clone().difference(StateFlags::LISTEN);
    if !others.is_empty() {
        both_families(&others, plain, &mut |bytes| {
            found.extend(reply::read(netns, bytes));
            if found.len() >= piece {
                take(&mut found);
            }
        })?;
    }
    if states.contains(StateFlags::LISTEN) {
        found.extend(listeners(netns)?);
    }
    take(&mut found);
    Ok(())
}

/// Looks at the listeners, with what they have dropped.
fn listeners(netns: u32) -> io::Result<Vec<Found>> {
    let mut found = Vec::new();
    let memory = ExtensionFlags::SKMEMINFO;
    both_families(&StateFlags::LISTEN, memory, &mut |bytes| {
        found.extend(reply::read(netns, bytes));
    })?;
    Ok(found)
}

/// The same with what the kernel tells of the progress of full sockets, and all listeners.
///
/// # Errors
/// As [`dump`].
pub fn inspect(netns: u32, states: &StateFlags) -> io::Result<Vec<(Found, Option<TcpInfo>)>> {
    let mut found = Vec::new();
    both_families(states, ExtensionFlags::INFO, &mut |bytes| {
        found.extend(reply::read(netns, bytes).map(|it| (it, reply::tcp_info(bytes))));
    })?;
    found.extend(listeners(netns)?.into_iter().map(|it| (it, None)));
    Ok(found)
}

/// Established sockets that wait for their peer: data of theirs is unacknowledged, or can't be sent
/// as its window is closed. All established ones are gone through in the kernel, without their
/// progress, which would cost more than the rest; those that wait are then asked one by one.
///
/// # Errors
/// As [`dump`].
pub fn waiting(netns: u32) -> io::Result<Vec<(Found, Option<TcpInfo>)>> {
    let mut ids = Vec::new();
    let plain = ExtensionFlags::empty();
    both_families(&StateFlags::ESTABLISHED, plain, &mut |bytes| {
        ids.extend(reply::waiting(bytes));
    })?;
    let mut found = Vec::new();
    if ids.is_empty() {
        return Ok(found);
    }
    let socket = connected()?;
    let mut buffer = vec![0; BUFFER];
    for id in ids {
        socket.send(&id.request(), 0)?;
        let size = socket.recv(&mut &mut buffer[..], 0)?;
        // One that is gone by now is no failure.
        let _ = datagram(&buffer[..size], |bytes| {
            found.extend(reply::read(netns, bytes).map(|it| (it, reply::tcp_info(bytes))));
        });
    }
    Ok(found)
}

/// Looks at one socket: the inode of it that processes have it by, or 0. The kernel finds it by
/// its addresses, without a walk (`inet_diag_find_one_icsk()`, net/ipv4/inet_diag.c).
///
/// # Errors
/// When it is not there (any more), or netlink fails.
pub fn one(tuple: Tuple, cookie: Cookie) -> io::Result<u32> {
    let (family, mut socket_id) = match tuple.local.addr {
        IpAddr::V4(_) => (AF_INET, SocketId::new_v4()),
        IpAddr::V6(_) => (AF_INET6, SocketId::new_v6()),
    };
    socket_id.source_address = tuple.local.addr;
    socket_id.source_port = tuple.local.port_or_zero();
    socket_id.destination_address = tuple.remote.addr;
    socket_id.destination_port = tuple.remote.port_or_zero();
    socket_id.interface_id = tuple.link.map_or(0, Link::get);
    socket_id.cookie = cookie.0.get().to_ne_bytes();
    let mut found = None;
    ask(
        NLM_F_REQUEST,
        InetRequest {
            family,
            protocol: IPPROTO_TCP,
            extensions: ExtensionFlags::empty(),
            states: ALL_STATES,
            socket_id,
        },
        &mut |bytes| found = reply::read(tuple.netns, bytes).or(found),
    )?;
    found
        .map(|it| it.inode)
        .ok_or_else(|| io::ErrorKind::NotFound.into())
}

/// Hands each answer to `take`.
fn both_families(
    states: &StateFlags,
    extensions: ExtensionFlags,
    take: &mut impl FnMut(&[u8]),
) -> io::Result<()> {
    for (family, id) in [
        (AF_INET, SocketId::new_v4()),
        (AF_INET6, SocketId::new_v6()),
    ] {
        one_family(states, extensions.clone(), family, id, take)?;
    }
    Ok(())
}

/// A socket that speaks to sock_diag.
fn connected() -> io::Result<Socket> {
    let mut socket = Socket::new(NETLINK_SOCK_DIAG).map_err(known)?;
    socket.bind_auto()?;
    socket.connect(&SocketAddr::new(0, 0))?;
    Ok(socket)
}

fn one_family(
    states: &StateFlags,
    extensions: ExtensionFlags,
    family: u8,
    socket_id: SocketId,
    take: &mut impl FnMut(&[u8]),
) -> io::Result<()> {
    let request = InetRequest {
        family,
        protocol: IPPROTO_TCP,
        extensions,
        states: states.clone(),
        socket_id,
    };
    ask(NLM_F_REQUEST | NLM_F_DUMP, request, take)
}

fn ask(flags: u16, request: InetRequest, take: &mut impl FnMut(&[u8])) -> io::Result<()> {
    let socket = connected()?;
    let mut header = NetlinkHeader::default();
    header.flags = flags;
    let mut request = NetlinkMessage::new(header, SockDiagMessage::InetRequest(request).into());
    request.finalize();
    let mut bytes = vec![0; request.buffer_len()];
    request.serialize(&mut bytes);
    socket.send(&bytes, 0)?;

    let mut buffer = vec![0; BUFFER];
    loop {
        let size = socket.recv(&mut &mut buffer[..], 0)?;
        let over = datagram(&buffer[..size], &mut *take)?.is_break();
        // A single answer has no end behind it.
        if over || flags & NLM_F_DUMP != NLM_F_DUMP {
            return Ok(());
        }
    }
}
