//! The time that is left is the time that the kernel takes.

use std::{
    thread::sleep,
    time::{Duration, Instant},
};

use super::line::{Line, TOO_LONG, look};
use crate::{
    Family,
    namespace::Namespace,
    patience::patient,
    wire::{ACK, FIN, Wire},
};

/// Waits until nothing is stuck any more, and compares. Timers run out late, by an eighth of their
/// length at the most.
fn ends_as_told(net: &Namespace) {
    sleep(TOO_LONG);
    // What is over is not closed by the test.
    let stuck = || {
        let mut lines = look(net, &["--for", "100ms"]);
        lines.retain(|line| line.state != "CLOSED");
        lines
    };
    let (looked, lines) = (Instant::now(), stuck());
    let [line] = &lines[..] else {
        panic!("one is stuck: {lines:#?}")
    };
    let left = line.left();
    let wait = |line: &Line| {
        line.retries
            .is_none_or(|retries| Some(retries) <= line.most_retries)
    };
    assert!(wait(line), "{line:#?}");
    while !stuck().is_empty() {
        sleep(Duration::from_millis(50));
        assert!(
            looked.elapsed() < left * 2 + patient(Duration::from_secs(5)),
            "it was to be over in {left:?}: {line:#?}"
        );
    }
    let took = looked.elapsed();
    assert!(
        took + Duration::from_millis(100) > left && took < left + left / 6 + patient(TOO_LONG * 4),
        "{left:?} were left, and it took {took:?}: {line:#?}"
    );
}

#[test]
fn of_a_syn() {
    let net = Namespace::of_process();
    net.set("tcp_syn_retries", 2);
    let wire = Wire::new(&net, Family::V4);
    let (_socket, _peer) = wire.connect(&net);
    ends_as_told(&net);
}

#[test]
fn of_a_half_open_connection() {
    let net = Namespace::new();
    net.set("tcp_synack_retries", 1);
    let wire = Wire::new(&net, Family::V4);
    let listener = std::net::TcpListener::bind((wire.host(), 0)).unwrap();
    let _peer = wire.syn(listener.local_addr().unwrap().port());
    ends_as_told(&net);
}

#[test]
fn of_the_fin_of_an_orphan() {
    let net = Namespace::new();
    net.set("tcp_orphan_retries", 3);
    let wire = Wire::new(&net, Family::V4);
    let (socket, _peer) = wire.connected(&net);
    drop(socket);
    ends_as_told(&net);
}

#[test]
fn of_an_orphan_that_waits_for_a_fin() {
    let net = Namespace::new();
    net.set("tcp_fin_timeout", 5);
    let wire = Wire::new(&net, Family::V4);
    let (socket, mut peer) = wire.connected(&net);
    drop(socket);
    peer.receive(FIN | ACK);
    peer.send(ACK);
    ends_as_told(&net);
}

#[test]
fn of_an_orphan_that_waits_twice() {
    let net = Namespace::new();
    net.set("tcp_fin_timeout", 63);
    let wire = Wire::new(&net, Family::V4);
    let (socket, mut peer) = wire.connected(&net);
    drop(socket);
    peer.receive(FIN | ACK);
    peer.send(ACK);
    ends_as_told(&net);
}
