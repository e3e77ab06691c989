//! Connections of many kinds, so that every figure has something to tell.

use std::{
    net::{Ipv4Addr, SocketAddr, TcpListener, TcpStream},
    thread::sleep,
    time::Duration,
};

use socket2::{Domain, Socket, Type};

use crate::{
    Family,
    namespace::Namespace,
    sockets::{await_fin, await_reset, begin_connect, close_in_turn, reset},
    wire::{Peer, Wire},
};

/// Local ports that there are: so few that they are seen to run out.
const PORTS: (u16, u16) = (40_000, 40_499);
/// Where nobody listens.
const NOBODY: u16 = 9;
/// The address of a client that comes back while the server's end is in TIME_WAIT. No local port of
/// others is taken by it.
const RETURNS: (Ipv4Addr, u16) = (Ipv4Addr::new(127, 0, 0, 2), 4000);

/// From now on there are few local ports, and no TIME_WAIT lends its own.
pub fn few_local_ports(net: &Namespace) {
    net.set(
        "ip_local_port_range",
        format_args!("{} {}", PORTS.0, PORTS.1),
    );
    net.set("tcp_tw_reuse", 0);
}

/// What makes them, and those that are held.
pub struct Traffic<'t> {
    net: &'t Namespace,
    /// Its clients close first, and have the TIME_WAITs.
    crowded: TcpListener,
    other: TcpListener,
    /// Its queue is full now and then.
    full: Socket,
    /// Nobody answers there.
    nowhere: SocketAddr,
    /// A SYN to there was sent again.
    unanswered: Option<Socket>,
    _held: Vec<TcpStream>,
    _half_open: Vec<Peer<'t>>,
    _listener: TcpListener,
}

impl<'t> Traffic<'t> {
    /// Opens what is held: open, half-open, and closed by the peer alone.
    pub fn begin(net: &'t Namespace, wire: &'t Wire) -> Self {
        let (listener, port) = wire.listen();
        let other = net.listen(Family::V4);
        let (client, server) = net.connect_to(&other);
        let (leaves, left) = net.connect_to(&other);
        drop(leaves);
        await_fin(&left);
        let full = Socket::new(Domain::IPV4, Type::STREAM, None).unwrap();
        full.bind(&SocketAddr::from((Ipv4Addr::LOCALHOST, 0)).into())
            .unwrap();
        full.listen(1).unwrap();
        Self {
            net,
            crowded: net.listen(Family::V4),
            other,
            full,
            nowhere: wire.peer(),
            unanswered: None,
            _held: vec![client, server, left],
            _half_open: vec![wire.syn(port), wire.syn(port)],
            _listener: listener,
        }
    }

    /// All kinds, once and more. Takes a second: a SYN that was dropped is sent again.
    pub fn round(&mut self) {
        let net = self.net;
        let unanswered = net.socket(Family::V4);
        begin_connect(&unanswered, self.nowhere);
        self.unanswered = Some(unanswered);
        let to_full = self.full.local_addr().unwrap().as_socket().unwrap();
        // Two have room.
        let waiting: Vec<Socket> = (0..4)
            .map(|_| {
                let socket = net.socket(Family::V4);
                begin_connect(&socket, to_full);
                socket
            })
            .collect();
        for _ in 0..25 {
            let (client, server) = net.connect_to(&self.crowded);
            close_in_turn(client, server);
        }
        for _ in 0..5 {
            let (client, server) = net.connect_to(&self.other);
            close_in_turn(server, client);
            let (client, server) = net.connect_to(&self.other);
            reset(server);
            await_reset(&client);
            let (client, server) = net.connect_to(&self.other);
            reset(client);
            await_reset(&server);
            let refused = TcpStream::connect((Ipv4Addr::LOCALHOST, NOBODY));
            assert!(refused.is_err(), "nobody listens there");
        }
        for _ in 0..2 {
            let (client, server) = net.connect_from(RETURNS.into(), &self.other);
            close_in_turn(server, client);
            // The clock of TCP's timestamps must have gone on.
            sleep(Duration::from_millis(20));
        }
        net.set("tcp_max_tw_buckets", 0);
        let (client, server) = net.connect_to(&self.other);
        drop((client, server));
        net.set("tcp_max_tw_buckets", 65536);
        // One gives up; the others get in when their SYN comes again.
        let mut waiting = waiting;
        drop(waiting.pop());
        for _ in waiting {
            let (server, _) = self.full.accept().expect("a client");
            drop(server);
        }
    }
}
