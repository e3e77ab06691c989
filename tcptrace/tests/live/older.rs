//! Sockets that were there before tcptrace was.

use std::{
    net::{Shutdown, SocketAddr, TcpListener},
    thread::sleep,
    time::Duration,
};

use crate::{
    Family, in_both_families,
    namespace::Namespace,
    paths::OPENED,
    sockets::{close_in_turn, connect_again, cookie, end, listening},
    trace::{Trace, Transition},
    wire::{ACK, FIN, RST, SYN, Wire},
};

in_both_families!(
    an_older_connection_is_known_with_its_owner_when_it_closes,
    an_older_connection_is_known_from_outside_its_namespace,
    an_older_listener_gives_its_owner_to_new_connections,
    an_older_half_closed_socket_goes_to_time_wait,
    an_older_time_wait_is_known_when_a_syn_takes_its_place,
    an_older_time_wait_is_told_apart_from_what_its_socket_carries,
    an_older_orphan_goes_to_time_wait,
    an_older_orphan_leaves_fin_wait2_after_its_time,
    an_older_half_open_connection_completes,
    an_older_half_open_connection_is_reset,
    an_older_unanswered_syn_is_given_up,
    an_older_listener_is_closed,
);

/// The owner is the process, not the thread, before and after its own transitions.
fn is_ours(path: &[Transition]) {
    let comm = std::fs::read_to_string("/proc/self/comm").unwrap();
    for it in path {
        assert_eq!(it.pid, Some(std::process::id()), "{it:?}");
        assert_eq!(it.comm.as_deref(), Some(comm.trim_end()), "{it:?}");
    }
}

fn an_older_connection_is_known_with_its_owner_when_it_closes(family: Family) {
    let net = Namespace::of_process();
    let (client, server) = net.connect(family);
    let (end, ours, theirs) = (end(&client), cookie(&client), cookie(&server));
    let mut trace = Trace::of(&net).start();
    close_in_turn(client, server);
    let path = trace.expect(
        end,
        "ESTABLISHED -fin_sent-> FIN_WAIT1 -fin_acked-> FIN_WAIT2 -fin_received-> TIME_WAIT",
    );
    is_ours(&path);
    assert_eq!(path[0].held_ns, None, "it began before tracing did");
    assert!(path[1..].iter().all(|it| it.held_ns.is_some()), "{path:?}");
    assert!(
        path.iter().all(|it| it.cookie.as_ref() == Some(&ours)),
        "{path:?}"
    );
    assert!(
        path.iter().all(|it| it.closer.as_deref() == Some("local")),
        "{path:?}"
    );
    assert!(
        path.iter().all(|it| it.opener.is_none()),
        "nobody saw who opened it: {path:?}"
    );
    let path = trace.expect(
        end.peer(),
        "ESTABLISHED -fin_received-> CLOSE_WAIT -fin_sent-> LAST_ACK -fin_acked-> CLOSED",
    );
    is_ours(&path);
    assert_eq!(path[0].held_ns, None);
    assert!(
        path.iter().all(|it| it.cookie.as_ref() == Some(&theirs)),
        "{path:?}"
    );
    trace.stop();
}

fn an_older_connection_is_known_from_outside_its_namespace(family: Family) {
    let net = Namespace::of_process();
    let _inhabitant = net.inhabitant();
    let (client, server) = net.connect(family);
    let end = end(&client);
    let mut trace = Trace::of(&net).outside_of_it().start();
    // The passive side does nothing by itself: its owner must be known already.
    drop(client);
    let path = trace.expect(end.peer(), "ESTABLISHED -fin_received-> CLOSE_WAIT");
    is_ours(&path);
    assert_eq!(path[0].held_ns, None);
    drop(server);
    trace.expect(
        end.peer(),
        "ESTABLISHED -fin_received-> CLOSE_WAIT -fin_sent-> LAST_ACK -fin_acked-> CLOSED",
    );
    trace.expect(
        end,
        "ESTABLISHED -fin_sent-> FIN_WAIT1 -fin_acked-> FIN_WAIT2 -fin_received-> TIME_WAIT",
    );
    trace.stop();
}

fn an_older_listener_gives_its_owner_to_new_connections(family: Family) {
    let net = Namespace::of_process();
    let wire = Wire::new(&net, family);
    let listener = TcpListener::bind((wire.host(), 0)).unwrap();
    let mut trace = Trace::of(&net).start();
    let mut peer = wire.syn(listener.local_addr().unwrap().port());
    peer.send(ACK);
    let path = trace.expect(
        peer.end(),
        "LISTEN -syn_received-> SYN_RECV -handshake_complete-> ESTABLISHED",
    );
    is_ours(&path);
    assert!(
        path.iter().all(|it| it.opener.as_deref() == Some("remote")),
        "{path:?}"
    );
    assert_eq!(path[0].held_ns, None);
    trace.stop();
}

fn an_older_half_closed_socket_goes_to_time_wait(family: Family) {
    let net = Namespace::of_process();
    let wire = Wire::new(&net, family);
    let (socket, mut peer) = wire.connected(&net);
    socket.shutdown(Shutdown::Write).unwrap();
    peer.receive(FIN | ACK);
    peer.send(ACK);
    let mut trace = Trace::of(&net).start();
    peer.send(FIN | ACK);
    peer.receive(ACK);
    let path = trace.expect(peer.end(), "FIN_WAIT2 -fin_received-> TIME_WAIT");
    is_ours(&path);
    assert_eq!(path[0].held_ns, None);
    trace.stop();
}

fn an_older_time_wait_is_known_when_a_syn_takes_its_place(family: Family) {
    let net = Namespace::of_process();
    let listener = net.listen(family);
    let from: SocketAddr = (family.loopback(), 4000).into();
    let (client, server) = net.connect_from(from, &listener);
    let (end, known) = (end(&server), cookie(&server));
    close_in_turn(server, client);
    sleep(Duration::from_millis(50));
    let mut trace = Trace::of(&net).start();
    let (_client, _server) = net.connect_from(from, &listener);
    let path = trace.expect(
        end,
        "TIME_WAIT -reused_by_syn-> CLOSED
         | LISTEN -syn_received-> SYN_RECV -handshake_complete-> ESTABLISHED",
    );
    assert_eq!(path[0].held_ns, None);
    assert_eq!(path[0].cookie.as_ref(), Some(&known));
    assert_eq!(path[0].pid, None, "nobody has it any more");
    trace.expect(end.peer(), OPENED);
    trace.stop();
}

fn an_older_time_wait_is_told_apart_from_what_its_socket_carries(family: Family) {
    let net = Namespace::of_process();
    net.set("tcp_rfc1337", 0);
    let wire = Wire::new(&net, family);
    let listener = net.listen(family);
    let (socket, mut first) = wire.connected(&net);
    // Whoever asks for it first makes it, and the minisock copies it.
    let known = cookie(&socket);
    socket.shutdown(Shutdown::Write).unwrap();
    first.receive(FIN | ACK);
    first.send(FIN | ACK);
    first.receive(ACK);
    let server = connect_again(&socket, &listener);
    let second = end(&server).peer();
    let mut trace = Trace::of(&net).start();
    first.send(RST);
    let path = trace.expect(first.end(), "TIME_WAIT -reset_by_peer-> CLOSED");
    assert_eq!(path[0].cookie.as_ref(), Some(&known));
    assert_eq!(path[0].closer, None, "both have closed; who was first?");
    close_in_turn(socket.into(), server);
    let path = trace.expect(
        second,
        "ESTABLISHED -fin_sent-> FIN_WAIT1 -fin_acked-> FIN_WAIT2 -fin_received-> TIME_WAIT",
    );
    is_ours(&path);
    trace.expect(
        second.peer(),
        "ESTABLISHED -fin_received-> CLOSE_WAIT -fin_sent-> LAST_ACK -fin_acked-> CLOSED",
    );
    trace.stop();
}

fn an_older_orphan_goes_to_time_wait(family: Family) {
    let net = Namespace::of_process();
    let wire = Wire::new(&net, family);
    let (socket, mut peer) = wire.connected(&net);
    let known = cookie(&socket);
    drop(socket);
    peer.receive(FIN | ACK);
    peer.send(ACK);
    let mut trace = Trace::of(&net).start();
    peer.send(FIN | ACK);
    peer.receive(ACK);
    let path = trace.expect(peer.end(), "FIN_WAIT2 -fin_received-> TIME_WAIT");
    assert_eq!(path[0].held_ns, None);
    assert_eq!(path[0].cookie.as_ref(), Some(&known));
    peer.send(RST);
    trace.expect(
        peer.end(),
        "FIN_WAIT2 -fin_received-> TIME_WAIT -reset_by_peer-> CLOSED",
    );
    trace.stop();
}

fn an_older_orphan_leaves_fin_wait2_after_its_time(family: Family) {
    let net = Namespace::of_process();
    // Long enough for tcptrace to start.
    net.set("tcp_fin_timeout", 12);
    let (client, _server) = net.connect(family);
    let end = end(&client);
    drop(client);
    // The peer's delayed acknowledgement.
    sleep(Duration::from_millis(200));
    let mut trace = Trace::of(&net).start();
    let path = trace.expect_within(
        Duration::from_secs(25),
        end,
        "FIN_WAIT2 -fin_timeout-> CLOSED",
    );
    assert_eq!(path[0].held_ns, None);
    trace.stop();
}

fn an_older_half_open_connection_completes(family: Family) {
    let net = Namespace::of_process();
    let wire = Wire::new(&net, family);
    let listener = TcpListener::bind((wire.host(), 0)).unwrap();
    let mut peer = wire.syn(listener.local_addr().unwrap().port());
    let mut trace = Trace::of(&net).start();
    peer.send(ACK);
    let path = trace.expect(peer.end(), "SYN_RECV -handshake_complete-> ESTABLISHED");
    is_ours(&path);
    assert_eq!(path[0].held_ns, None);
    assert_eq!(path[0].opener.as_deref(), Some("remote"));
    trace.stop();
}

fn an_older_half_open_connection_is_reset(family: Family) {
    let net = Namespace::of_process();
    let wire = Wire::new(&net, family);
    let listener = TcpListener::bind((wire.host(), 0)).unwrap();
    let mut peer = wire.syn(listener.local_addr().unwrap().port());
    let mut trace = Trace::of(&net).start();
    // Its SYN+ACK comes again meanwhile: that is no new connection.
    peer.receive(SYN | ACK);
    trace.wait(Duration::from_millis(200));
    peer.send(RST);
    let path = trace.expect(peer.end(), "SYN_RECV -reset_by_peer-> CLOSED");
    is_ours(&path);
    assert_eq!(path[0].held_ns, None);
    trace.stop();
}

fn an_older_unanswered_syn_is_given_up(family: Family) {
    let net = Namespace::of_process();
    let wire = Wire::new(&net, family);
    let (socket, peer) = wire.connect(&net);
    let mut trace = Trace::of(&net).start();
    drop(socket);
    let path = trace.expect(peer.end(), "SYN_SENT -unknown:given_up-> CLOSED");
    is_ours(&path);
    assert_eq!(path[0].held_ns, None);
    assert_eq!(
        path[0].opener.as_deref(),
        Some("local"),
        "who sends a SYN opens"
    );
    trace.stop();
}

fn an_older_listener_is_closed(family: Family) {
    let net = Namespace::of_process();
    let listener = net.listen(family);
    let (end, known) = (listening(&listener), cookie(&listener));
    let mut trace = Trace::of(&net).start();
    drop(listener);
    let path = trace.expect(end, "LISTEN -listener_closed-> CLOSED");
    is_ours(&path);
    assert_eq!(path[0].held_ns, None);
    assert_eq!(path[0].cookie.as_ref(), Some(&known));
    trace.stop();
}
