//! How connections begin.

use std::{
    io::Read as _,
    net::{Ipv4Addr, Ipv6Addr, SocketAddr, TcpListener, TcpStream},
    thread::sleep,
    time::Duration,
};

use crate::{
    Family, in_both_families,
    namespace::Namespace,
    paths::{CLIENT_FIRST, CLIENT_SECOND, LISTENS, SERVER_FIRST, SERVER_SECOND},
    sockets::{close_in_turn, connect_fast, end, listening, set_tcp},
    trace::{End, Trace},
    wire::{ACK, FIN, Peer, RST, SYN, Wire},
};

in_both_families!(
    a_listener_is_seen_to_begin_and_to_end,
    a_connection_to_a_listener_on_all_addresses_is_told_once,
    a_syn_cookie_makes_no_second_syn_recv,
    a_fast_open_makes_no_second_syn_recv,
    a_fast_open_that_the_peer_resets_ends,
    a_fast_open_that_is_closed_at_once_skips_established,
    a_fast_open_that_nobody_completes_times_out,
    a_listener_without_room_that_aborts_resets_by_itself,
    a_syn_that_can_not_be_is_answered_by_rst,
    syns_that_cross_make_a_simultaneous_open,
    a_socket_can_connect_to_itself,
    an_ipv4_client_of_an_ipv6_listener_is_shown_as_ipv4,
);

fn a_listener_is_seen_to_begin_and_to_end(family: Family) {
    let net = Namespace::new();
    let mut trace = Trace::of(&net).start();
    let listener = net.listen(family);
    let end = listening(&listener);
    trace.expect(end, "CLOSED -listen-> LISTEN");
    sleep(Duration::from_millis(100));
    drop(listener);
    let path = trace.expect(end, "CLOSED -listen-> LISTEN -listener_closed-> CLOSED");
    trace.stop();
    assert_eq!(path[0].held_ns, None);
    assert!(
        path[1].held() >= Some(Duration::from_millis(100)),
        "{path:?}"
    );
    for it in &path {
        assert_eq!((it.remote_addr.as_ref(), it.remote_port), (None, None));
        assert_eq!((it.opener.as_ref(), it.closer.as_ref()), (None, None));
        assert_eq!(it.pid, Some(std::process::id()));
    }
}

fn a_syn_cookie_makes_no_second_syn_recv(family: Family) {
    let net = Namespace::new();
    net.set("tcp_syncookies", 2);
    let mut trace = Trace::of(&net).start();
    let (client, server) = net.connect(family);
    let end = end(&server);
    let path = trace.expect(
        end,
        "LISTEN -syn_received-> SYN_RECV -handshake_complete-> ESTABLISHED",
    );
    for it in &path {
        assert_eq!(it.opener.as_deref(), Some("remote"), "{it:?}");
        assert_eq!(it.pid, Some(std::process::id()), "{it:?}");
        assert_eq!(
            it.remote_addr,
            Some(family.loopback().to_string()),
            "{it:?}"
        );
    }
    assert!(
        path[1].held() < Some(Duration::from_millis(100)),
        "{path:?}"
    );
    close_in_turn(server, client);
    trace.expect(end, SERVER_FIRST);
    trace.expect(end.peer(), CLIENT_SECOND);
    trace.stop();
}

fn a_fast_open_makes_no_second_syn_recv(family: Family) {
    let net = Namespace::new();
    // Client and server, without a cookie on either side.
    net.set("tcp_fastopen", 0x607);
    let mut trace = Trace::of(&net).start();
    let listener = net.listen(family);
    set_tcp(&listener, libc::TCP_FASTOPEN, 16);
    let client = connect_fast(family, listener.local_addr().unwrap(), b"early");
    let (mut server, _) = listener.accept().unwrap();
    let mut told = [0; 5];
    server.read_exact(&mut told).unwrap();
    let end = end(&client);
    close_in_turn(client, server);
    trace.expect(
        end,
        "CLOSED -connect-> SYN_SENT -handshake_complete-> ESTABLISHED -fin_sent-> FIN_WAIT1
         -fin_acked-> FIN_WAIT2 -fin_received-> TIME_WAIT",
    );
    let path = trace.expect(
        end.peer(),
        "LISTEN -syn_received-> SYN_RECV -handshake_complete-> ESTABLISHED
         -fin_received-> CLOSE_WAIT -fin_sent-> LAST_ACK -fin_acked-> CLOSED",
    );
    assert!(
        path.iter().all(|it| it.opener.as_deref() == Some("remote")),
        "{path:?}"
    );
    assert!(
        path.iter().all(|it| it.pid == Some(std::process::id())),
        "{path:?}"
    );
    trace.stop();
}

/// A peer whose SYN has data, and the socket that the data can be read from already.
fn fast_open<'w>(net: &Namespace, wire: &'w Wire, listener: &TcpListener) -> (TcpStream, Peer<'w>) {
    net.set("tcp_fastopen", 0x607);
    set_tcp(listener, libc::TCP_FASTOPEN, 16);
    let peer = wire.syn_with(listener.local_addr().unwrap().port(), b"early");
    let (mut server, _) = listener.accept().unwrap();
    let mut told = [0; 5];
    server.read_exact(&mut told).unwrap();
    (server, peer)
}

fn a_fast_open_that_the_peer_resets_ends(family: Family) {
    let net = Namespace::new();
    let wire = Wire::new(&net, family);
    let mut trace = Trace::of(&net).start();
    let (listener, _) = wire.listen();
    let (_server, mut peer) = fast_open(&net, &wire, &listener);
    trace.expect(peer.end(), "LISTEN -syn_received-> SYN_RECV");
    peer.send(RST | ACK);
    trace.expect(
        peer.end(),
        "LISTEN -syn_received-> SYN_RECV -reset_by_peer-> CLOSED",
    );
    trace.stop();
}

fn a_fast_open_that_is_closed_at_once_skips_established(family: Family) {
    let net = Namespace::new();
    let wire = Wire::new(&net, family);
    let mut trace = Trace::of(&net).start();
    let (listener, _) = wire.listen();
    let (server, mut peer) = fast_open(&net, &wire, &listener);
    drop(server);
    let path = trace.expect(
        peer.end(),
        "LISTEN -syn_received-> SYN_RECV -fin_sent-> FIN_WAIT1",
    );
    assert_eq!(path[1].closer.as_deref(), Some("local"));
    assert_eq!(path[1].opener.as_deref(), Some("remote"));
    peer.receive(FIN | ACK);
    peer.send(ACK);
    peer.send(FIN | ACK);
    trace.expect(
        peer.end(),
        "LISTEN -syn_received-> SYN_RECV -fin_sent-> FIN_WAIT1 -fin_acked-> FIN_WAIT2
         -fin_received-> TIME_WAIT",
    );
    trace.stop();
}

fn a_fast_open_that_nobody_completes_times_out(family: Family) {
    let net = Namespace::new();
    net.set("tcp_synack_retries", 0);
    let wire = Wire::new(&net, family);
    let mut trace = Trace::of(&net).start();
    let (listener, _) = wire.listen();
    let (_server, peer) = fast_open(&net, &wire, &listener);
    trace.expect_within(
        Duration::from_secs(15),
        peer.end(),
        "LISTEN -syn_received-> SYN_RECV -timed_out-> CLOSED",
    );
    trace.stop();
}

fn a_listener_without_room_that_aborts_resets_by_itself(family: Family) {
    let net = Namespace::new();
    net.set("tcp_abort_on_overflow", 1);
    let wire = Wire::new(&net, family);
    let mut trace = Trace::of(&net).start();
    let listener = net.socket(family);
    listener
        .bind(&SocketAddr::from((wire.host(), 80)).into())
        .unwrap();
    // Two may be half-open, and three wait for accept(): the fourth finds no room.
    listener.listen(2).unwrap();
    let mut first = wire.syn(80);
    first.send(ACK);
    let (mut second, mut third) = (wire.syn(80), wire.syn(80));
    second.send(ACK);
    let mut fourth = wire.syn(80);
    third.send(ACK);
    fourth.send(ACK);
    fourth.overhear(RST);
    for peer in [&first, &second, &third] {
        trace.expect(
            peer.end(),
            "LISTEN -syn_received-> SYN_RECV -handshake_complete-> ESTABLISHED",
        );
    }
    trace.expect(
        End {
            local: 80,
            remote: 0,
        },
        LISTENS,
    );
    let path = trace.expect(
        fourth.end(),
        "LISTEN -syn_received-> SYN_RECV -reset_by_us-> CLOSED",
    );
    assert_eq!(path[1].closer.as_deref(), Some("local"));
    trace.stop();
}

fn a_syn_that_can_not_be_is_answered_by_rst(family: Family) {
    let net = Namespace::new();
    let wire = Wire::new(&net, family);
    let mut trace = Trace::of(&net).start();
    let (_listener, port) = wire.listen();
    let mut peer = wire.syn(port);
    // Another one, in the window of the first.
    peer.seq = peer.seq.wrapping_add(10);
    peer.send(SYN | ACK);
    peer.overhear(RST);
    trace.expect(
        peer.end(),
        "LISTEN -syn_received-> SYN_RECV -reset_by_us-> CLOSED",
    );
    trace.stop();
}

fn syns_that_cross_make_a_simultaneous_open(family: Family) {
    let net = Namespace::new();
    let wire = Wire::new(&net, family);
    let mut trace = Trace::of(&net).start();
    let (_socket, mut peer) = wire.connect(&net);
    peer.send(SYN);
    peer.overhear(SYN | ACK);
    trace.expect(
        peer.end(),
        "CLOSED -connect-> SYN_SENT -simultaneous_open-> SYN_RECV",
    );
    peer.send(ACK);
    let path = trace.expect(
        peer.end(),
        "CLOSED -connect-> SYN_SENT -simultaneous_open-> SYN_RECV
         -handshake_complete-> ESTABLISHED",
    );
    assert!(
        path.iter().all(|it| it.opener.as_deref() == Some("local")),
        "{path:?}"
    );
    trace.stop();
}

fn a_socket_can_connect_to_itself(family: Family) {
    let net = Namespace::new();
    let mut trace = Trace::of(&net).start();
    let addr = (family.loopback(), 5000).into();
    let socket = net.bound(addr);
    socket.connect(&addr.into()).unwrap();
    let end = End {
        local: 5000,
        remote: 5000,
    };
    trace.expect(
        end,
        "CLOSED -connect-> SYN_SENT -simultaneous_open-> SYN_RECV
         -handshake_complete-> ESTABLISHED",
    );
    drop(socket);
    trace.expect(
        end,
        "CLOSED -connect-> SYN_SENT -simultaneous_open-> SYN_RECV
         -handshake_complete-> ESTABLISHED -fin_sent-> FIN_WAIT1
         -simultaneous_close-> CLOSING -fin_acked-> TIME_WAIT",
    );
    trace.stop();
}

/// The listener is IPv6 for the test of that name, and IPv4 for comparison.
fn an_ipv4_client_of_an_ipv6_listener_is_shown_as_ipv4(family: Family) {
    let net = Namespace::new();
    let mut trace = Trace::of(&net).with(["-4"]).start();
    let listener = match family {
        Family::V4 => TcpListener::bind("0.0.0.0:0"),
        Family::V6 => TcpListener::bind("[::]:0"),
    }
    .unwrap();
    let port = listener.local_addr().unwrap().port();
    let client = TcpStream::connect(("127.0.0.1", port)).unwrap();
    let (server, _) = listener.accept().unwrap();
    let end = end(&client);
    close_in_turn(client, server);
    trace.expect(end, CLIENT_FIRST);
    // `-4` hides a listener of IPv6.
    let its_own = if family == Family::V4 { LISTENS } else { "" };
    trace.expect(listening(&listener), its_own);
    let path = trace.expect(end.peer(), SERVER_SECOND);
    for it in &path {
        assert_eq!(it.family, "ipv4", "{it:?}");
        assert_eq!(it.local_addr, "127.0.0.1", "{it:?}");
        assert_eq!(it.remote_addr.as_deref(), Some("127.0.0.1"), "{it:?}");
        assert_eq!(it.pid, Some(std::process::id()), "{it:?}");
    }
    trace.stop();
}

/// Servers that listen on all addresses, as nearly all do: before Linux 6.15 the child of such a
/// listener is told as a copy of it.
fn a_connection_to_a_listener_on_all_addresses_is_told_once(family: Family) {
    for (cookies, fast) in [(1, false), (2, false), (1, true)] {
        let net = Namespace::new();
        net.set("tcp_syncookies", cookies);
        net.set("tcp_fastopen", 0x607);
        let mut trace = Trace::of(&net).start();
        let all: SocketAddr = match family {
            Family::V4 => (Ipv4Addr::UNSPECIFIED, 0).into(),
            Family::V6 => (Ipv6Addr::UNSPECIFIED, 0).into(),
        };
        let listener = TcpListener::bind(all).unwrap();
        let to = (family.loopback(), listener.local_addr().unwrap().port()).into();
        let client = if fast {
            set_tcp(&listener, libc::TCP_FASTOPEN, 16);
            connect_fast(family, to, b"early")
        } else {
            TcpStream::connect(to).unwrap()
        };
        let (mut server, _) = listener.accept().unwrap();
        if fast {
            server.read_exact(&mut [0; 5]).unwrap();
        }
        let end = end(&client);
        close_in_turn(client, server);
        trace.expect(
            end,
            "CLOSED -connect-> SYN_SENT -handshake_complete-> ESTABLISHED -fin_sent-> FIN_WAIT1
             -fin_acked-> FIN_WAIT2 -fin_received-> TIME_WAIT",
        );
        let path = trace.expect(
            end.peer(),
            "LISTEN -syn_received-> SYN_RECV -handshake_complete-> ESTABLISHED
             -fin_received-> CLOSE_WAIT -fin_sent-> LAST_ACK -fin_acked-> CLOSED",
        );
        assert!(
            path.iter().all(|it| it.opener.as_deref() == Some("remote")),
            "{path:?}"
        );
        trace.expect(listening(&listener), "CLOSED -listen-> LISTEN");
        let seen = trace.stop();
        let ours = [end, end.peer(), listening(&listener)];
        let surplus = seen.transitions.iter().find(|it| !ours.contains(&it.end()));
        assert!(surplus.is_none(), "nobody asked for {surplus:?}");
    }
}
