//! Which listener a connection without a request (SYN cookies, TCP Fast Open) belongs to.

use std::{
    net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr, TcpListener, TcpStream},
    thread::sleep,
    time::Duration,
};

use nix::{
    sys::{
        signal::{Signal, kill},
        wait::waitpid,
    },
    unistd::{ForkResult, Pid, fork},
};
use socket2::{Domain, Socket, Type};

use crate::{
    Family,
    namespace::Namespace,
    sockets::{connect_fast, end, listening, set_tcp},
    trace::{End, Trace, Transition},
};

const OPENS: &str = "LISTEN -syn_received-> SYN_RECV -handshake_complete-> ESTABLISHED";
const PORT: u16 = 80;

/// A process that listens, and does nothing else.
struct Elsewhere(Pid);

impl Elsewhere {
    /// Another process than this one listens.
    fn listen(socket: Socket) -> Self {
        // SAFETY: the child makes system calls alone.
        match unsafe { fork() }.expect("a process") {
            ForkResult::Parent { child } => Self(child),
            ForkResult::Child => {
                let _ = socket.listen(8);
                loop {
                    nix::unistd::pause();
                }
            }
        }
    }

    fn pid(&self) -> Option<u32> {
        u32::try_from(self.0.as_raw()).ok()
    }
}

impl Drop for Elsewhere {
    fn drop(&mut self) {
        let _ = kill(self.0, Signal::SIGKILL);
        let _ = waitpid(self.0, None);
    }
}

fn bound(addr: IpAddr, with: impl Fn(&Socket)) -> Socket {
    let socket = Socket::new(Domain::for_address((addr, PORT).into()), Type::STREAM, None).unwrap();
    with(&socket);
    socket.set_reuse_address(true).unwrap();
    socket.bind(&SocketAddr::from((addr, PORT)).into()).unwrap();
    socket
}

fn only_ipv6(socket: &Socket) {
    socket.set_only_v6(true).unwrap();
}

fn shared(socket: &Socket) {
    socket.set_reuse_port(true).unwrap();
}

const ANY_V4: IpAddr = IpAddr::V4(Ipv4Addr::UNSPECIFIED);
const ANY_V6: IpAddr = IpAddr::V6(Ipv6Addr::UNSPECIFIED);

/// Who has the other end of a connection, as a trace tells that begins before the listeners or
/// after them.
fn owner_of(net: &Namespace, listen: impl Fn() -> Vec<Elsewhere>, family: Family) -> Vec<Heard> {
    net.set("tcp_syncookies", 2);
    [false, true]
        .map(|older| {
            let early = older.then(&listen);
            if early.is_some() {
                // Until all of them listen.
                sleep(Duration::from_millis(300));
            }
            let mut trace = Trace::of(net).with(["-L", "80"]).start();
            let processes = early.unwrap_or_else(|| {
                let processes = listen();
                for it in &processes {
                    trace.until(|line| line.to == "LISTEN" && line.pid == it.pid());
                }
                processes
            });
            let client = TcpStream::connect((family.loopback(), PORT)).unwrap();
            let path = trace.expect(end(&client).peer(), OPENS);
            trace.stop();
            Heard {
                processes: processes.iter().map(Elsewhere::pid).collect(),
                pid: path[0].pid,
                interface: path[0].interface.clone(),
            }
        })
        .into()
}

struct Heard {
    /// Those that listen.
    processes: Vec<Option<u32>>,
    /// Whose it is said to be.
    pid: Option<u32>,
    /// Its link.
    interface: Option<String>,
}

#[test]
fn the_listener_of_the_own_family_comes_first() {
    let net = Namespace::new();
    let listen = || {
        vec![
            Elsewhere::listen(bound(ANY_V4, |_| {})),
            Elsewhere::listen(bound(ANY_V6, only_ipv6)),
        ]
    };
    for (family, index) in [(Family::V4, 0), (Family::V6, 1)] {
        for heard in owner_of(&net, listen, family) {
            assert_eq!(heard.pid, heard.processes[index]);
        }
    }
}

#[test]
fn a_listener_of_both_families_has_what_no_other_has() {
    let net = Namespace::new();
    let listen = || vec![Elsewhere::listen(bound(ANY_V6, |_| {}))];
    for family in [Family::V4, Family::V6] {
        for heard in owner_of(&net, listen, family) {
            assert_eq!(heard.pid, heard.processes[0]);
        }
    }
}

#[test]
fn of_several_that_share_a_port_none_is_guessed() {
    let net = Namespace::new();
    let listen = || {
        vec![
            Elsewhere::listen(bound(ANY_V4, shared)),
            Elsewhere::listen(bound(ANY_V4, shared)),
        ]
    };
    for heard in owner_of(&net, listen, Family::V4) {
        assert_eq!(heard.pid, None);
    }
}

#[test]
fn of_several_of_one_process_it_is_that_one() {
    let net = Namespace::new();
    net.set("tcp_syncookies", 2);
    let mut trace = Trace::of(&net).with(["-L", "80"]).start();
    trace.only_counted("two listeners at one port");
    let listeners: [TcpListener; 2] = [(); 2].map(|()| {
        let socket = bound(ANY_V4, shared);
        socket.listen(8).unwrap();
        socket.into()
    });
    let client = TcpStream::connect((Ipv4Addr::LOCALHOST, PORT)).unwrap();
    let path = trace.expect(end(&client).peer(), OPENS);
    assert_eq!(path[0].pid, Some(std::process::id()));
    trace.stop();
    drop(listeners);
}

/// Of several that share a port, the kernel takes the first that fits (`inet_lhash2_lookup()`,
/// net/ipv4/inet_hashtables.c), bound to the device or not. The connection then has the device of
/// the one that it took.
#[test]
fn the_link_tells_whether_one_that_is_bound_to_it_has_the_connection() {
    let net = Namespace::new();
    let on_lo = |socket: &Socket| {
        shared(socket);
        socket.bind_device(Some(b"lo")).unwrap();
    };
    let listen = || {
        vec![
            Elsewhere::listen(bound(ANY_V4, on_lo)),
            Elsewhere::listen(bound(ANY_V4, shared)),
        ]
    };
    for heard in owner_of(&net, listen, Family::V4) {
        let index = match heard.interface.as_deref() {
            Some("lo") => 0,
            other => {
                assert_eq!(other, None);
                1
            }
        };
        assert_eq!(heard.pid, heard.processes[index]);
    }
}

/// Shown as IPv4 throughout. Returns whether its process is told: whenever another test starts one,
/// that is to be found out again.
fn is_ipv4(lines: &[Transition]) -> bool {
    let own = Some(std::process::id());
    for it in lines {
        assert_eq!((&it.family[..], &it.local_addr[..]), ("ipv4", "127.0.0.1"));
        assert!(it.pid.is_none() || it.pid == own, "{it:?}");
    }
    lines.iter().all(|it| it.pid == own)
}

#[test]
fn a_listener_at_a_mapped_address_is_of_ipv4_throughout() {
    let net = Namespace::of_process();
    net.set("tcp_fastopen", 0x607);
    let mapped = Ipv4Addr::LOCALHOST.to_ipv6_mapped();
    for (older, arguments) in [
        (false, &["-4", "-L", "80"][..]),
        (true, &["-a", "127.0.0.0/8", "-4", "-L", "80"]),
    ] {
        let begin = || Trace::of(&net).with(arguments).start();
        let early = (!older).then(begin);
        let listener = TcpListener::bind((mapped, PORT)).unwrap();
        set_tcp(&listener, libc::TCP_FASTOPEN, 16);
        let mut trace = early.unwrap_or_else(begin);
        let mut connections = Vec::new();
        let mut known = false;
        for cookies in [1, 2] {
            net.set("tcp_syncookies", cookies);
            let (client, server) = net.connect_to(&listener);
            known |= is_ipv4(&trace.expect(end(&server), OPENS));
            connections.push((client, server));
        }
        let to = (Ipv4Addr::LOCALHOST, PORT).into();
        let client = connect_fast(Family::V4, to, b"early");
        let (server, _) = listener.accept().unwrap();
        known |= is_ipv4(&trace.expect(end(&server), OPENS));
        connections.push((client, server));
        assert!(known, "nobody has what came to {mapped}");
        let listens: End = listening(&listener);
        drop(listener);
        is_ipv4(&trace.expect(
            listens,
            match older {
                true => "LISTEN -listener_closed-> CLOSED",
                false => "CLOSED -listen-> LISTEN -listener_closed-> CLOSED",
            },
        ));
        trace.stop();
        drop(connections);
    }
}
