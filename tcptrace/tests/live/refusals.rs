//! Connections that never come to be.

use std::{
    io::{self, Write as _},
    net::TcpStream,
    thread::sleep,
    time::{Duration, Instant},
};

use nix::sys::signal::Signal;

use crate::{
    Family, in_both_families,
    namespace::Namespace,
    paths::{ACCEPTED, OPENED},
    patience::patient,
    sockets::{begin_connect, disconnect, set_tcp},
    trace::{End, Trace},
    wire::{ACK, RST, Wire},
};

in_both_families!(
    a_refused_connection_is_seen_with_its_port,
    a_refused_connection_from_a_port_that_the_kernel_chose_has_a_port,
    an_rst_for_the_syn_is_a_refusal,
    an_unanswered_syn_is_shown_with_its_port_while_it_hangs,
    a_syn_to_a_full_listener_is_shown_with_its_port_while_it_hangs,
    an_unanswered_syn_has_its_port_even_if_tcptrace_had_no_time,
    an_unanswered_syn_times_out,
    a_connect_that_is_disconnected_is_given_up,
    a_connect_without_a_free_port_says_so,
    a_host_that_is_unreachable_by_icmp_is_told,
    a_filter_of_administrators_is_told_as_unreachable,
    a_port_that_is_rejected_by_icmp_is_no_refusal_of_the_peer,
    data_that_is_rejected_times_out,
);

fn a_refused_connection_is_seen_with_its_port(family: Family) {
    let net = Namespace::new();
    let mut trace = Trace::of(&net).start();
    let socket = net.bound((family.loopback(), 4000).into());
    let error = socket.connect(&std::net::SocketAddr::from((family.loopback(), 81)).into());
    assert_eq!(error.unwrap_err().kind(), io::ErrorKind::ConnectionRefused);
    let path = trace.expect(
        End {
            local: 4000,
            remote: 81,
        },
        "CLOSED -connect-> SYN_SENT -refused-> CLOSED",
    );
    trace.stop();
    assert_eq!(path[0].closer, None);
    assert_eq!(path[1].closer.as_deref(), Some("remote"));
    assert!(path[1].held_ns.is_some());
    assert!(
        path.iter().all(|it| it.pid == Some(std::process::id())),
        "{path:?}"
    );
}

fn a_refused_connection_from_a_port_that_the_kernel_chose_has_a_port(family: Family) {
    let net = Namespace::new();
    net.set("ip_local_port_range", "45000 45001");
    let mut trace = Trace::of(&net).start();
    TcpStream::connect((family.loopback(), 81)).unwrap_err();
    let port = trace
        .until(|it| it.to == "CLOSED")
        .local_port
        .expect("a local port");
    assert!((45_000..=45_001).contains(&port), "{port}");
    trace.expect(
        End {
            local: port,
            remote: 81,
        },
        "CLOSED -connect-> SYN_SENT -refused-> CLOSED",
    );
    trace.stop();
}

fn an_rst_for_the_syn_is_a_refusal(family: Family) {
    let net = Namespace::new();
    let wire = Wire::new(&net, family);
    let mut trace = Trace::of(&net).start();
    let (_socket, mut peer) = wire.connect(&net);
    peer.send(RST | ACK);
    trace.expect(peer.end(), "CLOSED -connect-> SYN_SENT -refused-> CLOSED");
    trace.stop();
}

fn an_unanswered_syn_is_shown_with_its_port_while_it_hangs(family: Family) {
    let net = Namespace::new();
    let wire = Wire::new(&net, family);
    let mut trace = Trace::of(&net).start();
    let began = Instant::now();
    let (socket, peer) = wire.connect(&net);
    let path = trace.expect(peer.end(), "CLOSED -connect-> SYN_SENT");
    let took = began.elapsed();
    assert!(
        took < patient(Duration::from_millis(150)),
        "it took {took:?}"
    );
    assert_eq!(path[0].pid, Some(std::process::id()));
    drop(socket);
    let path = trace.expect(
        peer.end(),
        "CLOSED -connect-> SYN_SENT -unknown:given_up-> CLOSED",
    );
    assert_eq!(path[1].opener.as_deref(), Some("local"));
    trace.stop();
}

fn a_syn_to_a_full_listener_is_shown_with_its_port_while_it_hangs(family: Family) {
    let net = Namespace::new();
    // From outside, a process must lead the way into the namespace.
    let _inhabitant = net.inhabitant();
    let listener = net.socket(family);
    listener
        .bind(&std::net::SocketAddr::from((family.loopback(), 0)).into())
        .unwrap();
    listener.listen(0).unwrap();
    let to = listener.local_addr().unwrap().as_socket().unwrap();
    let _first = TcpStream::connect(to).unwrap();
    let mut trace = Trace::of(&net).outside_of_it().start();
    let second = net.socket(family);
    let began = Instant::now();
    begin_connect(&second, to);
    let port = second.local_addr().unwrap().as_socket().unwrap().port();
    let end = End {
        local: port,
        remote: to.port(),
    };
    trace.expect(end, "CLOSED -connect-> SYN_SENT");
    let took = began.elapsed();
    assert!(
        took < patient(Duration::from_millis(150)),
        "it took {took:?}"
    );
    drop(second);
    trace.expect(end, "CLOSED -connect-> SYN_SENT -unknown:given_up-> CLOSED");
    trace.stop();
}

/// On a busy machine tcptrace comes to read an event long after it happened.
fn an_unanswered_syn_has_its_port_even_if_tcptrace_had_no_time(family: Family) {
    let net = Namespace::new();
    let wire = Wire::new(&net, family);
    let mut trace = Trace::of(&net).start();
    trace.signal(Signal::SIGSTOP);
    let (_socket, peer) = wire.connect(&net);
    sleep(Duration::from_millis(300));
    trace.signal(Signal::SIGCONT);
    trace.expect(peer.end(), "CLOSED -connect-> SYN_SENT");
    trace.stop();
}

fn an_unanswered_syn_times_out(family: Family) {
    let net = Namespace::new();
    let wire = Wire::new(&net, family);
    let mut trace = Trace::of(&net).start();
    let socket = net.socket(family);
    set_tcp(&socket, libc::TCP_SYNCNT, 1);
    let peer = wire.connect_with(&socket);
    let path = trace.expect_within(
        // Three seconds, unless a retransmission finds no way out of a busy machine: it is not
        // counted then, and tried again.
        Duration::from_secs(30),
        peer.end(),
        "CLOSED -connect-> SYN_SENT -timed_out-> CLOSED",
    );
    let held = path[1].held().unwrap();
    assert!(
        held > Duration::from_millis(2500) && held < Duration::from_secs(25),
        "{held:?}"
    );
    assert_eq!(path[1].closer, None);
    assert_eq!(
        path[1].pid,
        Some(std::process::id()),
        "timers have no process"
    );
    trace.stop();
}

fn a_connect_that_is_disconnected_is_given_up(family: Family) {
    let net = Namespace::new();
    let wire = Wire::new(&net, family);
    let mut trace = Trace::of(&net).start();
    let (socket, peer) = wire.connect(&net);
    disconnect(&socket);
    trace.expect(
        peer.end(),
        "CLOSED -connect-> SYN_SENT -unknown:given_up-> CLOSED",
    );
    trace.stop();
}

fn a_connect_without_a_free_port_says_so(family: Family) {
    let net = Namespace::new();
    net.set("ip_local_port_range", "45000 45000");
    let listener = net.socket(family);
    listener
        .bind(&std::net::SocketAddr::from((family.loopback(), 81)).into())
        .unwrap();
    listener.listen(8).unwrap();
    let to = listener.local_addr().unwrap().as_socket().unwrap();
    let mut trace = Trace::of(&net).start();
    let _first = TcpStream::connect(to).unwrap();
    let error = TcpStream::connect(to).unwrap_err();
    assert_eq!(error.kind(), io::ErrorKind::AddrNotAvailable);
    let path = trace.expect(
        End {
            local: 0,
            remote: to.port(),
        },
        "CLOSED -connect-> SYN_SENT -unknown:no_free_port-> CLOSED",
    );
    assert!(path.iter().all(|it| it.local_port.is_none()), "{path:?}");
    let first = End {
        local: 45_000,
        remote: to.port(),
    };
    trace.expect(first, OPENED);
    trace.expect(first.peer(), ACCEPTED);
    trace.stop();
}

fn a_host_that_is_unreachable_by_icmp_is_told(family: Family) {
    // Network and host unreachable, and the time to live exceeded; in IPv6, no route and address
    // unreachable.
    let kinds: &[(u8, u8)] = match family {
        Family::V4 => &[(3, 0), (3, 1), (11, 0)],
        Family::V6 => &[(1, 0), (1, 3)],
    };
    unreachable_by(family, kinds);
}

fn a_filter_of_administrators_is_told_as_unreachable(family: Family) {
    let kinds: &[(u8, u8)] = match family {
        Family::V4 => &[(3, 9), (3, 10), (3, 13)],
        Family::V6 => &[(1, 1), (1, 5), (1, 6)],
    };
    unreachable_by(family, kinds);
}

/// iptables' REJECT: the program sees ECONNREFUSED, and no RST was sent.
fn a_port_that_is_rejected_by_icmp_is_no_refusal_of_the_peer(family: Family) {
    let kinds: &[(u8, u8)] = match family {
        Family::V4 => &[(3, 3), (3, 2), (3, 7), (3, 8)],
        Family::V6 => &[(1, 4)],
    };
    unreachable_by(family, kinds);
}

/// All that ICMP can say of a packet that did not arrive leaves a connection that is open alone; it
/// is left as the error of the time-out.
fn data_that_is_rejected_times_out(family: Family) {
    let net = Namespace::new();
    let wire = Wire::new(&net, family);
    let mut trace = Trace::of(&net).start();
    let kinds: &[(u8, u8)] = match family {
        Family::V4 => &[(3, 0), (3, 1), (3, 2), (3, 3), (3, 13)],
        Family::V6 => &[(1, 0), (1, 1), (1, 3), (1, 4), (1, 5)],
    };
    for &(kind, code) in kinds {
        let (socket, peer) = wire.connected(&net);
        set_tcp(&socket, libc::TCP_USER_TIMEOUT, 1500);
        let mut stream = TcpStream::from(socket);
        stream.write_all(b"anybody there?").unwrap();
        let data = peer.overhear(ACK);
        peer.unreachable(kind, code, &data);
        let path = trace.expect_within(
            Duration::from_secs(30),
            peer.end(),
            "CLOSED -connect-> SYN_SENT -handshake_complete-> ESTABLISHED -timed_out-> CLOSED",
        );
        assert_eq!(path[2].closer, None, "ICMP {kind} {code}");
    }
    trace.stop();
}

fn unreachable_by(family: Family, kinds: &[(u8, u8)]) {
    let net = Namespace::new();
    let wire = Wire::new(&net, family);
    let mut trace = Trace::of(&net).start();
    for &(kind, code) in kinds {
        let socket = net.socket(family);
        let (peer, syn) = wire.connect_showing_syn(&socket);
        peer.unreachable(kind, code, &syn);
        let path = trace.expect(
            peer.end(),
            "CLOSED -connect-> SYN_SENT -unreachable:icmp-> CLOSED",
        );
        assert_eq!(path[1].closer, None, "ICMP {kind} {code}");
    }
    trace.stop();
}
