//! Sockets, and what is asked and told of them.

use std::{
    io::{self, ErrorKind, Read as _},
    net::{SocketAddr, TcpListener, TcpStream},
    os::fd::{AsRawFd, FromRawFd as _, OwnedFd},
    time::Duration,
};

use socket2::{Domain, SockAddr, Socket, Type};

use crate::{Family, namespace::Namespace, patience::patient, trace::End};

impl Namespace {
    /// A listener on loopback, at a port that the kernel chooses.
    pub fn listen(&self, family: Family) -> TcpListener {
        let listener = TcpListener::bind((family.loopback(), 0)).expect("a listener");
        self.listeners().add(listening(&listener).local);
        listener
    }

    /// A connection over loopback: the client's socket, and the server's. The listener is closed.
    pub fn connect(&self, family: Family) -> (TcpStream, TcpStream) {
        self.connect_to(&self.listen(family))
    }

    /// A connection to a listener: the client's socket, and the server's.
    pub fn connect_to(&self, listener: &TcpListener) -> (TcpStream, TcpStream) {
        let client = TcpStream::connect(listener.local_addr().unwrap()).expect("connect");
        let (server, _) = listener.accept().expect("accept");
        (client, server)
    }

    /// A socket that is not connected yet.
    pub fn socket(&self, family: Family) -> Socket {
        let domain = match family {
            Family::V4 => Domain::IPV4,
            Family::V6 => Domain::IPV6,
        };
        Socket::new(domain, Type::STREAM, None).expect("a socket")
    }

    /// A socket that is bound to a port, even if that port is in TIME_WAIT.
    pub fn bound(&self, addr: SocketAddr) -> Socket {
        let socket = self.socket(if addr.is_ipv4() {
            Family::V4
        } else {
            Family::V6
        });
        socket.set_reuse_address(true).unwrap();
        socket.bind(&addr.into()).expect("bind");
        socket
    }

    /// A connection from a given address and port.
    pub fn connect_from(&self, from: SocketAddr, listener: &TcpListener) -> (TcpStream, TcpStream) {
        let client = self.bound(from);
        client
            .connect(&listener.local_addr().unwrap().into())
            .expect("connect");
        let (server, _) = listener.accept().expect("accept");
        (client.into(), server)
    }
}

/// Begins to connect; the answer is not waited for.
pub fn begin_connect(socket: &Socket, to: SocketAddr) {
    socket.set_nonblocking(true).unwrap();
    match socket.connect(&to.into()) {
        Err(error) if error.raw_os_error() == Some(libc::EINPROGRESS) => {}
        other => panic!("connect was to wait for an answer: {other:?}"),
    }
}

/// Ends the connection of a socket that stays open: connect() to no family.
pub fn disconnect(socket: &impl AsRawFd) {
    // SAFETY: all zero is an address of AF_UNSPEC, and as long as is told.
    let told = unsafe {
        let nobody: libc::sockaddr = std::mem::zeroed();
        libc::connect(
            socket.as_raw_fd(),
            &raw const nobody,
            size_of_val(&nobody) as u32,
        )
    };
    assert_eq!(told, 0, "disconnect: {}", io::Error::last_os_error());
}

/// Ends the connection of a socket, and has it carry another one. Returns the other end.
pub fn connect_again(socket: &Socket, listener: &TcpListener) -> TcpStream {
    disconnect(socket);
    socket.set_nonblocking(false).expect("fcntl");
    let to = listener.local_addr().expect("an address");
    socket.connect(&to.into()).expect("connect");
    let (server, _) = listener.accept().expect("accept");
    server
}

/// Closes one end, and the other once it has the FIN: where the kernel is slow to deliver it, both
/// would close first.
pub fn close_in_turn(first: TcpStream, second: TcpStream) {
    drop(first);
    await_fin(&second);
}

/// Closes by RST.
pub fn reset(stream: TcpStream) {
    Socket::from(stream)
        .set_linger(Some(Duration::ZERO))
        .unwrap();
}

/// Waits until the peer's FIN has arrived, and reads what came before it.
pub fn await_fin(mut stream: &TcpStream) {
    limit_reading(stream);
    while stream.read(&mut [0; 64]).expect("the peer's FIN") > 0 {}
}

/// Waits until the peer's RST has arrived.
pub fn await_reset(mut stream: &TcpStream) {
    limit_reading(stream);
    let error = stream.read(&mut [0]).expect_err("an RST");
    assert_eq!(error.kind(), ErrorKind::ConnectionReset);
}

fn limit_reading(stream: &TcpStream) {
    let limit = patient(Duration::from_secs(5));
    stream.set_read_timeout(Some(limit)).expect("a time limit");
}

/// Sets an option of TCP.
pub fn set_tcp(socket: &impl AsRawFd, option: i32, value: i32) {
    let size = size_of_val(&value) as u32;
    // SAFETY: the value is as long as is told.
    let told = unsafe {
        let value = (&raw const value).cast();
        libc::setsockopt(socket.as_raw_fd(), libc::IPPROTO_TCP, option, value, size)
    };
    assert_eq!(told, 0, "option {option}: {}", io::Error::last_os_error());
}

/// The cookie of a socket, as tcptrace writes it.
pub fn cookie(socket: &impl AsRawFd) -> String {
    let mut cookie = 0_u64;
    let mut size = size_of_val(&cookie) as u32;
    // SAFETY: the value is as long as is told.
    let told = unsafe {
        let to = (&raw mut cookie).cast();
        libc::getsockopt(
            socket.as_raw_fd(),
            libc::SOL_SOCKET,
            libc::SO_COOKIE,
            to,
            &raw mut size,
        )
    };
    assert_eq!(told, 0, "cookie: {}", io::Error::last_os_error());
    format!("{cookie:x}")
}

/// A client that sends data with its SYN: TCP Fast Open.
pub fn connect_fast(family: Family, to: SocketAddr, data: &[u8]) -> TcpStream {
    let domain = if family == Family::V4 {
        libc::AF_INET
    } else {
        libc::AF_INET6
    };
    let to = SockAddr::from(to);
    // SAFETY: data and address are as long as is told, and the descriptor is nobody else's.
    unsafe {
        let socket = libc::socket(domain, libc::SOCK_STREAM | libc::SOCK_CLOEXEC, 0);
        assert!(socket >= 0, "a socket: {}", io::Error::last_os_error());
        let socket = OwnedFd::from_raw_fd(socket);
        let sent = libc::sendto(
            socket.as_raw_fd(),
            data.as_ptr().cast(),
            data.len(),
            libc::MSG_FASTOPEN | libc::MSG_DONTWAIT,
            to.as_ptr().cast(),
            to.len(),
        );
        assert_eq!(sent, data.len() as isize, "{}", io::Error::last_os_error());
        socket.into()
    }
}

/// The end of a connection that a socket is.
pub fn end(stream: &TcpStream) -> End {
    End {
        local: stream.local_addr().expect("a local address").port(),
        remote: stream.peer_addr().expect("a peer").port(),
    }
}

/// A listener, as an end.
pub fn listening(listener: &TcpListener) -> End {
    End {
        local: listener.local_addr().unwrap().port(),
        remote: 0,
    }
}
