//! Connections that end by RST.

use std::{
    io::Write as _,
    net::{Shutdown, TcpStream},
    os::fd::AsRawFd,
    time::Duration,
};

use crate::{
    Family, in_both_families,
    namespace::Namespace,
    paths::{ACCEPTED, OPENED, SERVER_FIRST},
    sockets::{cookie, disconnect, end, reset, set_tcp},
    told::{normal, render},
    trace::{Trace, Transition},
    wire::{ACK, FIN, PSH, RST, SYN, Wire},
};

in_both_families!(
    a_close_without_lingering_is_a_reset_at_both_ends,
    unread_data_makes_a_close_a_reset,
    unread_data_makes_the_close_of_a_passive_side_a_reset,
    a_listener_that_goes_resets_connections_that_nobody_accepted,
    a_peer_that_resets_a_socket_shut_down_is_told,
    a_reset_just_before_the_end_keeps_its_reason,
    an_rst_in_last_ack_is_told,
    data_for_a_socket_that_was_closed_is_answered_by_rst,
    a_syn_cookie_that_is_wrong_shows_nothing,
    a_socket_that_is_disconnected_can_carry_another_connection,
    a_disconnect_of_a_socket_shut_down_is_a_reset,
    unread_data_makes_the_close_of_a_half_closed_socket_a_reset,
    a_half_closed_socket_that_does_not_linger_is_reset_by_its_close,
    a_close_before_the_fin_of_last_ack_is_acknowledged_is_no_acknowledgement,
    a_close_without_lingering_in_last_ack_says_nothing_that_nobody_knows,
    an_error_that_icmp_left_does_not_name_who_reset,
    resets_of_half_closed_sockets_are_told_in_order,
    a_socket_in_repair_goes_without_a_word,
);

fn a_close_without_lingering_is_a_reset_at_both_ends(family: Family) {
    let net = Namespace::new();
    let mut trace = Trace::of(&net).start();
    let (client, _server) = net.connect(family);
    let end = end(&client);
    reset(client);
    let ours = trace.expect(end, &format!("{OPENED} -reset_by_us-> CLOSED"));
    let theirs = trace.expect(end.peer(), &format!("{ACCEPTED} -reset_by_peer-> CLOSED"));
    assert_eq!(ours[2].closer.as_deref(), Some("local"));
    assert_eq!(theirs[2].closer.as_deref(), Some("remote"));
    assert_eq!(theirs[2].pid, Some(std::process::id()));
    trace.stop();
}

fn unread_data_makes_a_close_a_reset(family: Family) {
    let net = Namespace::new();
    let mut trace = Trace::of(&net).start();
    let (client, mut server) = net.connect(family);
    let end = end(&client);
    server.write_all(b"nobody reads this").unwrap();
    drop(client);
    trace.expect(end, &format!("{OPENED} -reset_by_us-> CLOSED"));
    trace.expect(end.peer(), &format!("{ACCEPTED} -reset_by_peer-> CLOSED"));
    trace.stop();
}

fn unread_data_makes_the_close_of_a_passive_side_a_reset(family: Family) {
    let net = Namespace::new();
    let mut trace = Trace::of(&net).start();
    let (mut client, server) = net.connect(family);
    let end = end(&client);
    client.write_all(b"nobody reads this").unwrap();
    client.shutdown(Shutdown::Write).unwrap();
    trace.expect(
        end.peer(),
        &format!("{ACCEPTED} -fin_received-> CLOSE_WAIT"),
    );
    let waiting = format!("{OPENED} -fin_sent-> FIN_WAIT1 -fin_acked-> FIN_WAIT2");
    trace.expect(end, &waiting);
    drop(server);
    let path = trace.expect(
        end.peer(),
        &format!("{ACCEPTED} -fin_received-> CLOSE_WAIT -reset_by_us-> CLOSED"),
    );
    assert_eq!(
        path[3].closer.as_deref(),
        Some("remote"),
        "its FIN came first"
    );
    trace.expect(end, &format!("{waiting} -reset_by_peer-> CLOSED"));
    trace.stop();
}

fn a_listener_that_goes_resets_connections_that_nobody_accepted(family: Family) {
    let net = Namespace::new();
    let mut trace = Trace::of(&net).start();
    let listener = net.listen(family);
    let client = std::net::TcpStream::connect(listener.local_addr().unwrap()).unwrap();
    let end = end(&client);
    drop(listener);
    let path = trace.expect(end.peer(), &format!("{ACCEPTED} -reset_by_us-> CLOSED"));
    assert!(
        path.iter().all(|it| it.pid == Some(std::process::id())),
        "{path:?}"
    );
    trace.expect(end, &format!("{OPENED} -reset_by_peer-> CLOSED"));
    trace.stop();
}

fn a_peer_that_resets_a_socket_shut_down_is_told(family: Family) {
    let net = Namespace::new();
    let wire = Wire::new(&net, family);
    let mut trace = Trace::of(&net).start();
    // In FIN_WAIT1, with an owner, and in FIN_WAIT1 without one.
    for keep in [true, false] {
        let (socket, mut peer) = wire.connected(&net);
        socket.shutdown(Shutdown::Write).unwrap();
        let _kept = keep.then_some(socket);
        peer.overhear(FIN | ACK);
        peer.send(RST | ACK);
        let path = trace.expect(
            peer.end(),
            &format!("{OPENED} -fin_sent-> FIN_WAIT1 -reset_by_peer-> CLOSED"),
        );
        assert_eq!(
            path[3].closer.as_deref(),
            Some("local"),
            "the FIN came first"
        );
    }
    trace.stop();
}

fn an_rst_in_last_ack_is_told(family: Family) {
    let net = Namespace::new();
    let wire = Wire::new(&net, family);
    let mut trace = Trace::of(&net).start();
    let (socket, mut peer) = wire.connected(&net);
    peer.send(FIN | ACK);
    peer.receive(ACK);
    drop(socket);
    peer.overhear(FIN | ACK);
    peer.send(RST | ACK);
    trace.expect(
        peer.end(),
        &format!(
            "{OPENED} -fin_received-> CLOSE_WAIT -fin_sent-> LAST_ACK -reset_by_peer-> CLOSED"
        ),
    );
    trace.stop();
}

fn data_for_a_socket_that_was_closed_is_answered_by_rst(family: Family) {
    let net = Namespace::new();
    let wire = Wire::new(&net, family);
    let mut trace = Trace::of(&net).start();
    let (socket, mut peer) = wire.connected(&net);
    drop(socket);
    peer.overhear(FIN | ACK);
    // The peer has not seen the FIN: it acknowledges less.
    peer.send_data(PSH | ACK, b"nobody is there to read it");
    peer.overhear(RST);
    let path = trace.expect(
        peer.end(),
        &format!("{OPENED} -fin_sent-> FIN_WAIT1 -reset_by_us-> CLOSED"),
    );
    assert_eq!(path[3].closer.as_deref(), Some("local"));
    trace.stop();
}

fn a_syn_cookie_that_is_wrong_shows_nothing(family: Family) {
    let net = Namespace::new();
    net.set("tcp_syncookies", 2);
    let wire = Wire::new(&net, family);
    let mut trace = Trace::of(&net).start();
    let (_listener, port) = wire.listen();
    let mut peer = wire.syn(port);
    let right = peer.ack;
    peer.ack = peer.ack.wrapping_add(12_345);
    peer.send(ACK);
    peer.overhear(RST);
    trace.expect(peer.end(), "");
    // The right one makes a connection out of nothing.
    peer.ack = right;
    peer.send(ACK);
    trace.expect(peer.end(), ACCEPTED);
    trace.stop();
}

fn a_socket_that_is_disconnected_can_carry_another_connection(family: Family) {
    let net = Namespace::new();
    let mut trace = Trace::of(&net).start();
    let listener = net.listen(family);
    let (client, _server) = net.connect_to(&listener);
    let first = end(&client);
    let known = cookie(&client);
    disconnect(&client);
    let path = trace.expect(first, &format!("{OPENED} -reset_by_us-> CLOSED"));
    assert_eq!(path[2].closer.as_deref(), Some("local"));
    assert_eq!(path[2].cookie.as_ref(), Some(&known));
    trace.expect(first.peer(), &format!("{ACCEPTED} -reset_by_peer-> CLOSED"));

    let again = socket2::SockRef::from(&client);
    again
        .connect(&listener.local_addr().unwrap().into())
        .unwrap();
    let (server, _) = listener.accept().unwrap();
    let second = end(&client);
    assert_eq!(cookie(&client), known);
    // The peer closes first this time.
    drop(server);
    trace.expect(second, &format!("{OPENED} -fin_received-> CLOSE_WAIT"));
    drop(client);
    let path = trace.expect(
        second,
        &format!("{OPENED} -fin_received-> CLOSE_WAIT -fin_sent-> LAST_ACK -fin_acked-> CLOSED"),
    );
    trace.expect(second.peer(), SERVER_FIRST);
    trace.stop();
    assert_ne!(first, second);
    assert!(
        path.iter().all(|it| it.cookie.as_ref() == Some(&known)),
        "{path:?}"
    );
    assert!(
        path.iter().all(|it| it.opener.as_deref() == Some("local")),
        "{path:?}"
    );
    let closers: Vec<_> = path.iter().map(|it| it.closer.as_deref()).collect();
    assert_eq!(
        closers,
        [None, None, Some("remote"), Some("remote"), Some("remote")]
    );
    assert_eq!(path[0].held_ns, None, "the first of a connection");
}

/// That no RST of our own follows is waited for, however soon it ends.
fn a_reset_just_before_the_end_keeps_its_reason(family: Family) {
    let net = Namespace::new();
    let wire = Wire::new(&net, family);
    let mut trace = Trace::of(&net).start();
    trace.only_counted("waiting for it would not tell whether it comes in time");
    let (socket, mut peer) = wire.connected(&net);
    drop(socket);
    peer.overhear(FIN | ACK);
    peer.send(RST | ACK);
    let path = format!("{OPENED} -fin_sent-> FIN_WAIT1 -reset_by_peer-> CLOSED");
    let seen = trace.stop();
    let its = |it: &&Transition| it.end() == peer.end();
    let told: Vec<_> = seen.transitions.iter().filter(its).collect();
    assert_eq!(render(&told), normal(&path));
}

fn a_disconnect_of_a_socket_shut_down_is_a_reset(family: Family) {
    let net = Namespace::new();
    let wire = Wire::new(&net, family);
    let mut trace = Trace::of(&net).start();
    let (socket, mut peer) = wire.connected(&net);
    socket.shutdown(Shutdown::Write).unwrap();
    peer.receive(FIN | ACK);
    peer.send(ACK);
    let waiting = format!("{OPENED} -fin_sent-> FIN_WAIT1 -fin_acked-> FIN_WAIT2");
    trace.expect(peer.end(), &waiting);
    disconnect(&socket);
    peer.overhear(RST | ACK);
    trace.expect(peer.end(), &format!("{waiting} -reset_by_us-> CLOSED"));
    // The port is free for a SYN that is refused.
    peer.send(SYN);
    trace.stop();
}

const HALF_CLOSED: &str = "CLOSED -connect-> SYN_SENT -handshake_complete-> ESTABLISHED
    -fin_sent-> FIN_WAIT1 -fin_acked-> FIN_WAIT2";

fn unread_data_makes_the_close_of_a_half_closed_socket_a_reset(family: Family) {
    let net = Namespace::new();
    let mut trace = Trace::of(&net).start();
    let (client, mut server) = net.connect(family);
    let end = end(&client);
    client.shutdown(Shutdown::Write).unwrap();
    trace.expect(end, HALF_CLOSED);
    server.write_all(b"nobody reads this").unwrap();
    drop(client);
    let path = trace.expect(end, &format!("{HALF_CLOSED} -reset_by_us-> CLOSED"));
    assert_eq!(path[4].closer.as_deref(), Some("local"));
    trace.expect(
        end.peer(),
        &format!("{ACCEPTED} -fin_received-> CLOSE_WAIT -reset_by_peer-> CLOSED"),
    );
    trace.stop();
}

fn a_half_closed_socket_that_does_not_linger_is_reset_by_its_close(family: Family) {
    let net = Namespace::new();
    let mut trace = Trace::of(&net).start();
    let (client, _server) = net.connect(family);
    let end = end(&client);
    client.shutdown(Shutdown::Write).unwrap();
    trace.expect(end, HALF_CLOSED);
    reset(client);
    trace.expect(end, &format!("{HALF_CLOSED} -reset_by_us-> CLOSED"));
    trace.expect(
        end.peer(),
        &format!("{ACCEPTED} -fin_received-> CLOSE_WAIT -reset_by_peer-> CLOSED"),
    );
    trace.stop();
}

const LAST: &str = "CLOSED -connect-> SYN_SENT -handshake_complete-> ESTABLISHED
    -fin_received-> CLOSE_WAIT -fin_sent-> LAST_ACK";

/// Unread data makes an RST of the close; the FIN before it was never acknowledged.
fn a_close_before_the_fin_of_last_ack_is_acknowledged_is_no_acknowledgement(family: Family) {
    let net = Namespace::new();
    let wire = Wire::new(&net, family);
    let mut trace = Trace::of(&net).start();
    let (socket, mut peer) = wire.connected(&net);
    peer.send_data(FIN | PSH | ACK, b"nobody reads this");
    peer.overhear(ACK);
    socket.shutdown(Shutdown::Write).unwrap();
    peer.overhear(FIN | ACK);
    drop(socket);
    peer.overhear(RST | ACK);
    let path = trace.expect(peer.end(), &format!("{LAST} -reset_by_us-> CLOSED"));
    assert_eq!(
        path[4].closer.as_deref(),
        Some("remote"),
        "the FIN came first"
    );
    trace.stop();
}

/// tcp_disconnect() sends no RST where all was sent: the FIN may arrive yet.
fn a_close_without_lingering_in_last_ack_says_nothing_that_nobody_knows(family: Family) {
    let net = Namespace::new();
    let wire = Wire::new(&net, family);
    let mut trace = Trace::of(&net).start();
    let (socket, mut peer) = wire.connected(&net);
    peer.send(FIN | ACK);
    peer.receive(ACK);
    socket.shutdown(Shutdown::Write).unwrap();
    peer.overhear(FIN | ACK);
    socket.set_linger(Some(Duration::ZERO)).unwrap();
    drop(socket);
    trace.expect(peer.end(), &format!("{LAST} -unknown-> CLOSED"));
    trace.stop();
}

/// IP_RECVERR leaves what ICMP said in the socket, until somebody reads it.
fn an_error_that_icmp_left_does_not_name_who_reset(family: Family) {
    let net = Namespace::new();
    let wire = Wire::new(&net, family);
    let mut trace = Trace::of(&net).start();
    let (socket, peer) = wire.connected(&net);
    receive_errors(&socket, family);
    let mut stream = TcpStream::from(socket);
    stream.write_all(b"anybody there?").unwrap();
    let data = peer.overhear(ACK);
    // A port that is rejected.
    let (kind, code) = match family {
        Family::V4 => (3, 3),
        Family::V6 => (1, 4),
    };
    peer.unreachable(kind, code, &data);
    std::thread::sleep(Duration::from_millis(50));
    reset(stream);
    let path = trace.expect(peer.end(), &format!("{OPENED} -reset_by_us-> CLOSED"));
    assert_eq!(path[2].closer.as_deref(), Some("local"));
    trace.stop();
}

fn resets_of_half_closed_sockets_are_told_in_order(family: Family) {
    let net = Namespace::new();
    let mut trace = Trace::of(&net).start();
    let listener = net.listen(family);
    let mut pairs: Vec<_> = (0..50).map(|_| net.connect_to(&listener)).collect();
    let ends: Vec<_> = pairs.iter().map(|(client, _)| end(client)).collect();
    for (client, server) in &mut pairs {
        client.shutdown(Shutdown::Write).unwrap();
        server.write_all(b"nobody reads this").unwrap();
    }
    let (clients, _servers): (Vec<_>, Vec<_>) = pairs.into_iter().unzip();
    drop(clients);
    for end in ends {
        trace.expect(end, &format!("{HALF_CLOSED} -reset_by_us-> CLOSED"));
        trace.expect(
            end.peer(),
            &format!("{ACCEPTED} -fin_received-> CLOSE_WAIT -reset_by_peer-> CLOSED"),
        );
    }
    let seen = trace.stop();
    for pair in seen.transitions.windows(2) {
        // Two CPUs may be a moment apart.
        assert!(
            pair[1].mono_ns + 1_000_000 > pair[0].mono_ns,
            "out of order: {pair:#?}"
        );
    }
}

fn a_socket_in_repair_goes_without_a_word(family: Family) {
    let net = Namespace::new();
    let mut trace = Trace::of(&net).start();
    let (client, _server) = net.connect(family);
    let end = end(&client);
    set_tcp(&client, libc::TCP_REPAIR, 1);
    drop(client);
    let path = trace.expect(end, &format!("{OPENED} -unknown:repair-> CLOSED"));
    assert_eq!(path[2].closer, None);
    trace.expect(end.peer(), ACCEPTED);
    trace.stop();
}

fn receive_errors(socket: &impl AsRawFd, family: Family) {
    let (level, name) = match family {
        Family::V4 => (libc::IPPROTO_IP, libc::IP_RECVERR),
        Family::V6 => (libc::IPPROTO_IPV6, libc::IPV6_RECVERR),
    };
    let on: i32 = 1;
    // SAFETY: the kernel reads the option, of the size that it is told.
    let set = unsafe {
        libc::setsockopt(
            socket.as_raw_fd(),
            level,
            name,
            (&raw const on).cast(),
            size_of::<i32>() as libc::socklen_t,
        )
    };
    assert_eq!(set, 0, "{}", std::io::Error::last_os_error());
}
