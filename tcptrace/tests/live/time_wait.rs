//! TIME_WAIT, and the FIN_WAIT2 of sockets that nobody has any more: how they end.

use std::{
    io::Write as _,
    net::{Shutdown, SocketAddr, TcpListener, TcpStream},
    os::fd::AsRawFd as _,
    process::Command,
    thread::sleep,
    time::{Duration, Instant},
};

use socket2::Socket;

use crate::{
    Family, in_both_families,
    namespace::Namespace,
    paths::{ACCEPTED, LISTENS, OPENED, SERVER_SECOND, SERVER_WAITS},
    patience::patient,
    sockets::{await_fin, close_in_turn, connect_again, cookie, end, listening, set_tcp},
    trace::Trace,
    wire::{ACK, FIN, PSH, Peer, RST, SYN, Wire},
};

in_both_families!(
    a_syn_to_a_transparent_proxy_takes_the_place_of_a_time_wait,
    an_orphan_whose_peer_never_closes_leaves_fin_wait2_after_its_time,
    a_negative_linger2_resets_instead_of_waiting_for_the_fin,
    a_negative_linger2_resets_a_socket_that_waits_already,
    a_syn_takes_the_place_of_a_time_wait,
    a_connect_takes_the_place_of_a_time_wait,
    a_connect_from_a_bound_port_takes_the_place_of_a_time_wait,
    an_rst_ends_a_time_wait,
    a_time_wait_is_told_apart_from_what_its_socket_carries_next,
    an_rst_ends_the_fin_wait2_of_an_orphan,
    data_for_an_orphan_in_fin_wait2_is_answered_by_rst,
    a_syn_for_an_orphan_in_fin_wait2_is_answered_by_rst,
    a_fin_with_data_for_an_orphan_in_fin_wait2_is_answered_by_rst,
    a_late_fin_takes_an_orphan_from_fin_wait2_to_time_wait,
    an_old_segment_does_not_end_a_time_wait,
    without_room_fin_wait2_skips_time_wait,
    without_room_a_half_closed_socket_skips_time_wait,
    without_room_closing_skips_time_wait,
    a_time_wait_goes_with_its_namespace,
);

/// What the side that closes first goes through.
const CLOSED_FIRST: &str = "CLOSED -connect-> SYN_SENT -handshake_complete-> ESTABLISHED
    -fin_sent-> FIN_WAIT1 -fin_acked-> FIN_WAIT2 -fin_received-> TIME_WAIT";
/// The same up to the FIN that does not come.
const FIRST_HALF: &str = "CLOSED -connect-> SYN_SENT -handshake_complete-> ESTABLISHED
    -fin_sent-> FIN_WAIT1 -fin_acked-> FIN_WAIT2";

/// A connection over the wire in TIME_WAIT.
fn time_wait<'w>(net: &Namespace, wire: &'w Wire) -> Peer<'w> {
    let (socket, mut peer) = wire.connected(net);
    drop(socket);
    peer.receive(FIN | ACK);
    peer.send(FIN | ACK);
    peer.receive(ACK);
    peer
}

/// A connection over the wire in TIME_WAIT whose socket is open.
fn shut_down<'w>(net: &Namespace, wire: &'w Wire) -> (Socket, Peer<'w>) {
    let (socket, mut peer) = wire.connected(net);
    socket.shutdown(Shutdown::Write).unwrap();
    peer.receive(FIN | ACK);
    peer.send(FIN | ACK);
    peer.receive(ACK);
    (socket, peer)
}

/// A connection over the wire that is closed here and was not closed by the peer.
fn orphan<'w>(net: &Namespace, wire: &'w Wire) -> Peer<'w> {
    let (socket, mut peer) = wire.connected(net);
    drop(socket);
    peer.receive(FIN | ACK);
    peer.send(ACK);
    peer
}

#[test]
fn a_time_wait_lasts_its_minute_and_expires() {
    let net = Namespace::new();
    let mut trace = Trace::of(&net).start();
    let mut ends = Vec::new();
    for family in [Family::V4, Family::V6] {
        let (client, server) = net.connect(family);
        ends.push(end(&client));
        close_in_turn(client, server);
    }
    for end in ends {
        let path = trace.expect_within(
            Duration::from_secs(75),
            end,
            &format!("{CLOSED_FIRST} -expired-> CLOSED"),
        );
        let held = path[5].held().unwrap();
        assert!((60_000..66_000).contains(&held.as_millis()), "{held:?}");
        assert_eq!(
            path[5].pid,
            Some(std::process::id()),
            "timers have no process"
        );
        assert_eq!(path[5].cookie, path[0].cookie);
        assert_eq!(path[5].closer.as_deref(), Some("local"));
        trace.expect(end.peer(), SERVER_SECOND);
    }
    trace.stop();
}

fn an_orphan_whose_peer_never_closes_leaves_fin_wait2_after_its_time(family: Family) {
    let net = Namespace::new();
    net.set("tcp_fin_timeout", 2);
    let mut trace = Trace::of(&net).start();
    let (client, _server) = net.connect(family);
    let end = end(&client);
    drop(client);
    let path = trace.expect_within(
        Duration::from_secs(15),
        end,
        &format!("{FIRST_HALF} -fin_timeout-> CLOSED"),
    );
    let held = path[4].held().unwrap();
    assert!((1_900..8_000).contains(&held.as_millis()), "{held:?}");
    assert_eq!(path[4].pid, Some(std::process::id()));
    trace.expect(end.peer(), SERVER_WAITS);
    trace.stop();
}

fn a_negative_linger2_resets_instead_of_waiting_for_the_fin(family: Family) {
    let net = Namespace::new();
    let wire = Wire::new(&net, family);
    let mut trace = Trace::of(&net).start();
    let (socket, mut peer) = wire.connected(&net);
    set_tcp(&socket, libc::TCP_LINGER2, -1);
    drop(socket);
    peer.receive(FIN | ACK);
    peer.send(ACK);
    peer.overhear(RST);
    trace.expect(peer.end(), &format!("{FIRST_HALF} -reset_by_us-> CLOSED"));
    trace.stop();
}

fn a_negative_linger2_resets_a_socket_that_waits_already(family: Family) {
    let net = Namespace::new();
    let mut trace = Trace::of(&net).start();
    let (client, _server) = net.connect(family);
    let end = end(&client);
    set_tcp(&client, libc::TCP_LINGER2, -1);
    client.shutdown(Shutdown::Write).unwrap();
    trace.expect(end, FIRST_HALF);
    drop(client);
    trace.expect(end, &format!("{FIRST_HALF} -reset_by_us-> CLOSED"));
    trace.expect(
        end.peer(),
        "LISTEN -syn_received-> SYN_RECV -handshake_complete-> ESTABLISHED
         -fin_received-> CLOSE_WAIT -reset_by_peer-> CLOSED",
    );
    trace.stop();
}

fn a_syn_takes_the_place_of_a_time_wait(family: Family) {
    let net = Namespace::new();
    let mut trace = Trace::of(&net).start();
    let listener = net.listen(family);
    let from: SocketAddr = (family.loopback(), 4000).into();
    let (client, server) = net.connect_from(from, &listener);
    let end = end(&server);
    close_in_turn(server, client);
    let first = "LISTEN -syn_received-> SYN_RECV -handshake_complete-> ESTABLISHED
        -fin_sent-> FIN_WAIT1 -fin_acked-> FIN_WAIT2 -fin_received-> TIME_WAIT";
    trace.expect(end, first);
    // The clock of TCP's timestamps must have gone on.
    sleep(Duration::from_millis(50));
    let (_client, _server) = net.connect_from(from, &listener);
    let path = trace.expect(
        end,
        &format!(
            "{first} -reused_by_syn-> CLOSED
             | LISTEN -syn_received-> SYN_RECV -handshake_complete-> ESTABLISHED"
        ),
    );
    assert_eq!(path[5].cookie, path[1].cookie);
    assert_ne!(path[7].cookie, path[5].cookie);
    assert!(
        path[5].held() >= Some(Duration::from_millis(50)),
        "{path:?}"
    );
    trace.expect(
        end.peer(),
        "CLOSED -connect-> SYN_SENT -handshake_complete-> ESTABLISHED
         -fin_received-> CLOSE_WAIT -fin_sent-> LAST_ACK -fin_acked-> CLOSED
         -connect-> SYN_SENT -handshake_complete-> ESTABLISHED",
    );
    trace.stop();
}

fn a_connect_takes_the_place_of_a_time_wait(family: Family) {
    let net = Namespace::new();
    net.set("tcp_tw_reuse", 1);
    net.set("ip_local_port_range", "45000 45000");
    let mut trace = Trace::of(&net).start();
    let listener = TcpListener::bind((family.loopback(), 81)).unwrap();
    let (client, server) = net.connect_to(&listener);
    let end = end(&client);
    close_in_turn(client, server);
    trace.expect(end, CLOSED_FIRST);
    // Not before a second is over: tcp_tw_reuse_delay.
    sleep(Duration::from_millis(1200));
    let (_client, _server) = net.connect_to(&listener);
    let path = trace.expect(
        end,
        &format!(
            "{CLOSED_FIRST} | CLOSED -connect-> SYN_SENT | TIME_WAIT -reused_by_connect-> CLOSED
             | SYN_SENT -handshake_complete-> ESTABLISHED"
        ),
    );
    // connect() goes to SYN_SENT before it looks for a port.
    assert!(
        path[6].held() >= Some(Duration::from_millis(1200)),
        "{path:?}"
    );
    assert_eq!(path[6].cookie, path[0].cookie);
    assert_ne!(path[5].cookie, path[0].cookie);
    assert_eq!(path[7].cookie, path[5].cookie);
    trace.expect(listening(&listener), LISTENS);
    trace.expect(end.peer(), &format!("{SERVER_SECOND} | {ACCEPTED}"));
    trace.stop();
}

fn a_connect_from_a_bound_port_takes_the_place_of_a_time_wait(family: Family) {
    let net = Namespace::new();
    net.set("tcp_tw_reuse", 1);
    let mut trace = Trace::of(&net).start();
    let listener = net.listen(family);
    let from: SocketAddr = (family.loopback(), 4000).into();
    let (client, server) = net.connect_from(from, &listener);
    let end = end(&client);
    close_in_turn(client, server);
    trace.expect(end, CLOSED_FIRST);
    sleep(Duration::from_millis(1200));
    let (_client, _server) = net.connect_from(from, &listener);
    trace.expect(
        end,
        &format!(
            "{CLOSED_FIRST} | CLOSED -connect-> SYN_SENT | TIME_WAIT -reused_by_connect-> CLOSED
             | SYN_SENT -handshake_complete-> ESTABLISHED"
        ),
    );
    trace.expect(end.peer(), &format!("{SERVER_SECOND} | {ACCEPTED}"));
    trace.stop();
}

/// Both have the cookie of the socket.
fn a_time_wait_is_told_apart_from_what_its_socket_carries_next(family: Family) {
    let net = Namespace::new();
    net.set("tcp_rfc1337", 0);
    let wire = Wire::new(&net, family);
    let listener = net.listen(family);
    let mut trace = Trace::of(&net).start();
    let (socket, mut first) = shut_down(&net, &wire);
    let known = cookie(&socket);
    trace.expect(first.end(), CLOSED_FIRST);
    let server = connect_again(&socket, &listener);
    let second = end(&server).peer();
    trace.expect(second, OPENED);
    first.send(RST);
    let path = trace.expect(
        first.end(),
        &format!("{CLOSED_FIRST} -reset_by_peer-> CLOSED"),
    );
    assert!(path[5].held().is_some());
    drop(socket);
    await_fin(&server);
    drop(server);
    let again = trace.expect(second, CLOSED_FIRST);
    trace.expect(second.peer(), SERVER_SECOND);
    trace.stop();
    for it in path.iter().chain(&again) {
        assert_eq!(it.cookie.as_ref(), Some(&known), "{it:?}");
        assert_eq!(it.closer.is_some(), it.closer.as_deref() == Some("local"));
    }
}

fn an_rst_ends_a_time_wait(family: Family) {
    let net = Namespace::new();
    net.set("tcp_rfc1337", 0);
    let wire = Wire::new(&net, family);
    let mut trace = Trace::of(&net).start();
    let mut peer = time_wait(&net, &wire);
    trace.expect(peer.end(), CLOSED_FIRST);
    peer.send(RST);
    let path = trace.expect(
        peer.end(),
        &format!("{CLOSED_FIRST} -reset_by_peer-> CLOSED"),
    );
    assert_eq!(
        path[5].closer.as_deref(),
        Some("local"),
        "the FIN came first"
    );
    trace.stop();
}

fn an_rst_ends_the_fin_wait2_of_an_orphan(family: Family) {
    let net = Namespace::new();
    let wire = Wire::new(&net, family);
    let mut trace = Trace::of(&net).start();
    let mut peer = orphan(&net, &wire);
    trace.expect(peer.end(), FIRST_HALF);
    peer.send(RST | ACK);
    trace.expect(peer.end(), &format!("{FIRST_HALF} -reset_by_peer-> CLOSED"));
    trace.stop();
}

fn data_for_an_orphan_in_fin_wait2_is_answered_by_rst(family: Family) {
    let net = Namespace::new();
    let mut trace = Trace::of(&net).start();
    let (client, mut server) = net.connect(family);
    let end = end(&client);
    drop(client);
    trace.expect(end, FIRST_HALF);
    server.write_all(b"too late").unwrap();
    trace.expect(end, &format!("{FIRST_HALF} -reset_by_us-> CLOSED"));
    trace.expect(
        end.peer(),
        "LISTEN -syn_received-> SYN_RECV -handshake_complete-> ESTABLISHED
         -fin_received-> CLOSE_WAIT -reset_by_peer-> CLOSED",
    );
    trace.stop();
}

fn a_syn_for_an_orphan_in_fin_wait2_is_answered_by_rst(family: Family) {
    let net = Namespace::new();
    let wire = Wire::new(&net, family);
    let mut trace = Trace::of(&net).start();
    let mut peer = orphan(&net, &wire);
    trace.expect(peer.end(), FIRST_HALF);
    peer.seq = peer.seq.wrapping_add(1000);
    peer.send(SYN);
    peer.overhear(RST | ACK);
    trace.expect(peer.end(), &format!("{FIRST_HALF} -reset_by_us-> CLOSED"));
    trace.stop();
}

fn a_fin_with_data_for_an_orphan_in_fin_wait2_is_answered_by_rst(family: Family) {
    let net = Namespace::new();
    let wire = Wire::new(&net, family);
    let mut trace = Trace::of(&net).start();
    let mut peer = orphan(&net, &wire);
    trace.expect(peer.end(), FIRST_HALF);
    peer.send_data(FIN | PSH | ACK, b"too late");
    peer.overhear(RST);
    trace.expect(peer.end(), &format!("{FIRST_HALF} -reset_by_us-> CLOSED"));
    trace.stop();
}

fn a_late_fin_takes_an_orphan_from_fin_wait2_to_time_wait(family: Family) {
    let net = Namespace::new();
    let wire = Wire::new(&net, family);
    let mut trace = Trace::of(&net).start();
    let mut peer = orphan(&net, &wire);
    trace.expect(peer.end(), FIRST_HALF);
    // In the same bucket of the timer wheel and in a later one.
    sleep(Duration::from_millis(if family == Family::V4 {
        20
    } else {
        3_000
    }));
    peer.send(FIN | ACK);
    peer.receive(ACK);
    let path = trace.expect(peer.end(), CLOSED_FIRST);
    assert!(
        path[4].held() >= Some(Duration::from_millis(20)),
        "{path:?}"
    );
    assert_eq!(path[4].pid, Some(std::process::id()));
    trace.stop();
}

fn an_old_segment_does_not_end_a_time_wait(family: Family) {
    let net = Namespace::new();
    let wire = Wire::new(&net, family);
    let mut trace = Trace::of(&net).start();
    let mut peer = time_wait(&net, &wire);
    trace.expect(peer.end(), CLOSED_FIRST);
    // An old SYN, data that was acknowledged long ago, and an RST that is out of the window.
    let now = peer.seq;
    peer.seq = now.wrapping_sub(1000);
    peer.send(SYN);
    peer.send_data(PSH | ACK, b"old");
    peer.seq = now.wrapping_add(1_000_000);
    peer.send(RST);
    trace.wait(Duration::from_millis(300));
    trace.stop();
}

fn without_room_fin_wait2_skips_time_wait(family: Family) {
    let net = Namespace::new();
    net.set("tcp_max_tw_buckets", 0);
    let mut trace = Trace::of(&net).start();
    let (client, server) = net.connect(family);
    let end = end(&client);
    drop(client);
    trace.expect(end, &format!("{FIRST_HALF} -overflow-> CLOSED"));
    drop(server);
    // Nobody is there any more who would acknowledge its FIN.
    trace.expect(
        end.peer(),
        &format!("{SERVER_WAITS} -fin_sent-> LAST_ACK -reset_by_peer-> CLOSED"),
    );
    trace.stop();
}

fn without_room_a_half_closed_socket_skips_time_wait(family: Family) {
    let net = Namespace::new();
    net.set("tcp_max_tw_buckets", 1);
    let mut trace = Trace::of(&net).start();
    // One has room, the next has not.
    let (first, first_server) = net.connect(family);
    let (second, second_server) = net.connect(family);
    let (first_end, second_end) = (end(&first), end(&second));
    close_in_turn(first, first_server);
    trace.expect(first_end, CLOSED_FIRST);
    trace.expect(first_end.peer(), SERVER_SECOND);
    second.shutdown(Shutdown::Write).unwrap();
    trace.expect(second_end, FIRST_HALF);
    drop(second_server);
    trace.expect(second_end, &format!("{FIRST_HALF} -overflow-> CLOSED"));
    trace.expect(
        second_end.peer(),
        "LISTEN -syn_received-> SYN_RECV -handshake_complete-> ESTABLISHED
         -fin_received-> CLOSE_WAIT -fin_sent-> LAST_ACK -fin_acked-> CLOSED",
    );
    trace.stop();
}

fn without_room_closing_skips_time_wait(family: Family) {
    let net = Namespace::new();
    net.set("tcp_max_tw_buckets", 0);
    let wire = Wire::new(&net, family);
    let mut trace = Trace::of(&net).start();
    let (socket, mut peer) = wire.connected(&net);
    drop(socket);
    let before = peer.ack;
    peer.receive(FIN | ACK);
    let after = std::mem::replace(&mut peer.ack, before);
    peer.send(FIN | ACK);
    peer.overhear(ACK);
    peer.ack = after;
    peer.send(ACK);
    trace.expect(
        peer.end(),
        "CLOSED -connect-> SYN_SENT -handshake_complete-> ESTABLISHED -fin_sent-> FIN_WAIT1
         -simultaneous_close-> CLOSING -overflow-> CLOSED",
    );
    trace.stop();
}

fn a_time_wait_goes_with_its_namespace(family: Family) {
    let net = Namespace::new();
    let mut trace = Trace::of(&net).outside_of_it().start();
    let (client, server): (TcpStream, TcpStream) = net.connect(family);
    let end = end(&client);
    close_in_turn(client, server);
    trace.expect(end, CLOSED_FIRST);
    let began = Instant::now();
    drop(net);
    trace.expect_within(
        Duration::from_secs(20),
        end,
        &format!("{CLOSED_FIRST} -killed:netns_gone-> CLOSED"),
    );
    assert!(began.elapsed() < patient(Duration::from_secs(20)));
    trace.expect(end.peer(), SERVER_SECOND);
    trace.stop();
}

/// nft's tproxy finds the listener by itself, and makes room for a SYN in prerouting.
fn a_syn_to_a_transparent_proxy_takes_the_place_of_a_time_wait(family: Family) {
    let net = Namespace::new();
    let (table, address, level, transparent) = match family {
        Family::V4 => ("ip", "127.0.0.1", libc::SOL_IP, libc::IP_TRANSPARENT),
        Family::V6 => ("ip6", "[::1]", libc::SOL_IPV6, libc::IPV6_TRANSPARENT),
    };
    let rules = format!(
        "table {table} proxy {{ chain intercept {{
           type filter hook prerouting priority mangle; policy accept;
           tcp dport 80 tproxy to {address}:50080 accept
         }}
         }}"
    );
    let made = Command::new("nft").arg(rules).status().expect("nft");
    assert!(made.success(), "rules for a transparent proxy");
    let mut trace = Trace::of(&net).start();
    let proxy = net.socket(family);
    let on: i32 = 1;
    // SAFETY: the kernel reads the option, of the size that it is told.
    let set = unsafe {
        libc::setsockopt(
            proxy.as_raw_fd(),
            level,
            transparent,
            (&raw const on).cast(),
            size_of::<i32>() as libc::socklen_t,
        )
    };
    assert_eq!(set, 0, "{}", std::io::Error::last_os_error());
    proxy.set_nonblocking(false).unwrap();
    let here: SocketAddr = (family.loopback(), 50080).into();
    proxy.bind(&here.into()).unwrap();
    proxy.listen(8).unwrap();
    let proxy = TcpListener::from(proxy);
    let open = || {
        let client = net.bound((family.loopback(), 4000).into());
        let to: SocketAddr = (family.loopback(), 80).into();
        client.connect(&to.into()).unwrap();
        (TcpStream::from(client), proxy.accept().unwrap().0)
    };
    let (client, server) = open();
    let end = end(&server);
    close_in_turn(server, client);
    let first = "LISTEN -syn_received-> SYN_RECV -handshake_complete-> ESTABLISHED
        -fin_sent-> FIN_WAIT1 -fin_acked-> FIN_WAIT2 -fin_received-> TIME_WAIT";
    trace.expect(end, first);
    // The clock of TCP's timestamps must have gone on.
    sleep(Duration::from_millis(50));
    let _kept = open();
    trace.expect(
        end,
        &format!(
            "{first} -reused_by_syn-> CLOSED
             | LISTEN -syn_received-> SYN_RECV -handshake_complete-> ESTABLISHED"
        ),
    );
    trace.expect(
        end.peer(),
        "CLOSED -connect-> SYN_SENT -handshake_complete-> ESTABLISHED
         -fin_received-> CLOSE_WAIT -fin_sent-> LAST_ACK -fin_acked-> CLOSED
         -connect-> SYN_SENT -handshake_complete-> ESTABLISHED",
    );
    trace.expect(listening(&proxy), "CLOSED -listen-> LISTEN");
    trace.stop();
}
