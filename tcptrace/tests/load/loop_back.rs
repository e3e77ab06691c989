//! Connections over loopback, as fast as one thread makes them: both ends are its own, so nothing
//! ever waits.

use std::{
    io,
    net::{Ipv4Addr, SocketAddr},
    time::Duration,
};

use socket2::{Domain, Socket, Type};

/// Addresses that a listener is reached by; each has 28,232 local ports for itself.
const ADDRESSES: u64 = 16;

/// A listener at all addresses of 127.0.0.0/8.
pub struct Loopback {
    listener: Socket,
    port: u16,
}

impl Loopback {
    /// At a port that the kernel chooses.
    pub fn new() -> Self {
        let listener = Socket::new(Domain::IPV4, Type::STREAM, None).expect("a socket");
        let any = SocketAddr::from((Ipv4Addr::UNSPECIFIED, 0));
        listener.bind(&any.into()).expect("a port");
        listener.listen(64).expect("a listener");
        let addr = listener.local_addr().expect("an address");
        let port = addr.as_socket().expect("of IPv4").port();
        Self { listener, port }
    }

    /// A connection, to each address in turn; both ends.
    pub fn connect(&self, number: u64) -> (Socket, Socket) {
        let last = 1 + (number % ADDRESSES) as u8;
        let to = SocketAddr::from((Ipv4Addr::new(127, 71, 0, last), self.port));
        let client = Socket::new(Domain::IPV4, Type::STREAM, None).expect("a socket");
        client
            .connect(&to.into())
            .unwrap_or_else(|error: io::Error| panic!("connection {number}: {error}"));
        let (server, _) = self.listener.accept().expect("a connection came");
        (client, server)
    }

    /// A connection that its client resets at once: six transitions, and nothing stays.
    pub fn reset(&self, number: u64) {
        let (client, server) = self.connect(number);
        client.set_linger(Some(Duration::ZERO)).expect("SO_LINGER");
        drop(client);
        drop(server);
    }

    /// A connection that its client closes, and then its server: ten transitions, and a
    /// TIME_WAIT stays.
    pub fn finish(&self, number: u64) {
        let (client, server) = self.connect(number);
        drop(client);
        drop(server);
    }
}
