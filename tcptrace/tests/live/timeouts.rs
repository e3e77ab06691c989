//! Peers that say nothing any more.

use std::{io::Write as _, net::TcpStream, time::Duration};

use socket2::TcpKeepalive;

use crate::{
    Family, in_both_families,
    namespace::Namespace,
    paths::OPENED,
    sockets::set_tcp,
    trace::Trace,
    wire::{ACK, FIN, Wire},
};

in_both_families!(
    a_peer_that_answers_no_keepalive_probe_is_told,
    a_peer_that_answers_keepalive_probes_is_left_alone,
    data_that_is_never_acknowledged_times_out,
    a_fin_that_is_never_acknowledged_times_out,
    the_fin_of_a_passive_close_that_is_never_acknowledged_times_out,
);

/// Longer than two retransmissions and a user timeout.
const LIMIT: Duration = Duration::from_secs(10);

fn keepalive() -> TcpKeepalive {
    let second = Duration::from_secs(1);
    TcpKeepalive::new()
        .with_time(second)
        .with_interval(second)
        .with_retries(1)
}

fn a_peer_that_answers_no_keepalive_probe_is_told(family: Family) {
    let net = Namespace::new();
    let wire = Wire::new(&net, family);
    let mut trace = Trace::of(&net).start();
    let (socket, peer) = wire.connected(&net);
    socket.set_tcp_keepalive(&keepalive()).unwrap();
    let path = trace.expect_within(
        LIMIT,
        peer.end(),
        &format!("{OPENED} -keepalive_timeout-> CLOSED"),
    );
    assert!(
        path[2].held() > Some(Duration::from_millis(1900)),
        "{path:?}"
    );
    assert_eq!(path[2].closer.as_deref(), None);
    assert_eq!(path[2].pid, Some(std::process::id()));
    drop(socket);
    trace.stop();
}

fn a_peer_that_answers_keepalive_probes_is_left_alone(family: Family) {
    let net = Namespace::new();
    let wire = Wire::new(&net, family);
    let mut trace = Trace::of(&net).start();
    let (socket, mut peer) = wire.connected(&net);
    socket.set_tcp_keepalive(&keepalive()).unwrap();
    for _ in 0..2 {
        peer.overhear(ACK);
        peer.send(ACK);
    }
    // With data that is not acknowledged, it is that which times out, keepalive or not.
    set_tcp(&socket, libc::TCP_USER_TIMEOUT, 1500);
    let mut stream = TcpStream::from(socket);
    stream.write_all(b"anybody there?").unwrap();
    trace.expect_within(LIMIT, peer.end(), &format!("{OPENED} -timed_out-> CLOSED"));
    trace.stop();
}

fn data_that_is_never_acknowledged_times_out(family: Family) {
    let net = Namespace::new();
    let wire = Wire::new(&net, family);
    let mut trace = Trace::of(&net).start();
    let (socket, peer) = wire.connected(&net);
    set_tcp(&socket, libc::TCP_USER_TIMEOUT, 1500);
    let mut stream = TcpStream::from(socket);
    stream.write_all(b"anybody there?").unwrap();
    let path = trace.expect_within(LIMIT, peer.end(), &format!("{OPENED} -timed_out-> CLOSED"));
    assert!(
        path[2].held() > Some(Duration::from_millis(1400)),
        "{path:?}"
    );
    assert_eq!(path[2].closer.as_deref(), None);
    trace.stop();
}

fn a_fin_that_is_never_acknowledged_times_out(family: Family) {
    let net = Namespace::new();
    let wire = Wire::new(&net, family);
    let mut trace = Trace::of(&net).start();
    let (socket, peer) = wire.connected(&net);
    set_tcp(&socket, libc::TCP_USER_TIMEOUT, 1500);
    drop(socket);
    let path = trace.expect_within(
        LIMIT,
        peer.end(),
        &format!("{OPENED} -fin_sent-> FIN_WAIT1 -timed_out-> CLOSED"),
    );
    assert!(
        path[3].held() > Some(Duration::from_millis(1400)),
        "{path:?}"
    );
    assert_eq!(path[3].closer.as_deref(), Some("local"));
    assert_eq!(path[3].pid, Some(std::process::id()));
    trace.stop();
}

fn the_fin_of_a_passive_close_that_is_never_acknowledged_times_out(family: Family) {
    let net = Namespace::new();
    let wire = Wire::new(&net, family);
    let mut trace = Trace::of(&net).start();
    let (socket, mut peer) = wire.connected(&net);
    set_tcp(&socket, libc::TCP_USER_TIMEOUT, 1500);
    peer.send(FIN | ACK);
    peer.receive(ACK);
    drop(socket);
    trace.expect_within(
        LIMIT,
        peer.end(),
        &format!("{OPENED} -fin_received-> CLOSE_WAIT -fin_sent-> LAST_ACK -timed_out-> CLOSED"),
    );
    trace.stop();
}
