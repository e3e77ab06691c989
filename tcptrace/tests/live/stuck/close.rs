//! CLOSE_WAIT, FIN_WAIT1, LAST_ACK and CLOSING.

use std::{
    io::{Read as _, Write as _},
    net::{Shutdown, TcpStream},
    os::fd::AsRawFd as _,
    thread::sleep,
    time::{Duration, Instant},
};

use super::line::{Line, TOO_LONG, follow, look_at, told};
use crate::{
    Family, in_both_families,
    namespace::Namespace,
    wire::{ACK, FIN, Peer, Wire},
};

in_both_families!(
    a_process_that_has_read_everything_and_not_closed,
    a_process_that_does_not_read,
    a_connection_that_nobody_has_accepted,
    the_fin_of_an_orphan_that_is_not_acknowledged,
    the_fin_of_a_passive_close_that_is_not_acknowledged,
    fins_that_crossed_and_are_not_acknowledged,
    a_peer_whose_window_is_closed,
);

fn a_process_that_has_read_everything_and_not_closed(family: Family) {
    let net = Namespace::of_process();
    let trace = follow(&net);
    let wire = Wire::new(&net, family);
    let (socket, mut peer) = wire.connected(&net);
    socket.set_nonblocking(false).unwrap();
    peer.send_data(FIN | ACK, b"the last");
    let mut stream = TcpStream::from(socket);
    let mut all = Vec::new();
    stream.read_to_end(&mut all).unwrap();
    assert_eq!(all, b"the last");
    let line = told(trace, peer.end());
    for line in [line, look_at(&net, peer.end())] {
        assert_eq!(line.state, "CLOSE_WAIT");
        assert_eq!(line.verdict, "not_closed");
        line.expect_ours(Some(stream.as_raw_fd()));
        line.expect_no_end();
        assert_eq!(line.unread_bytes, Some(0));
        assert!(line.advice.contains("close()"));
    }
}

fn a_process_that_does_not_read(family: Family) {
    let net = Namespace::of_process();
    let trace = follow(&net);
    let wire = Wire::new(&net, family);
    let (socket, mut peer) = wire.connected(&net);
    peer.send_data(FIN | ACK, b"nobody reads that");
    let line = told(trace, peer.end());
    for line in [line, look_at(&net, peer.end())] {
        assert_eq!(line.state, "CLOSE_WAIT");
        assert_eq!(line.verdict, "not_read");
        line.expect_ours(Some(socket.as_raw_fd()));
        line.expect_no_end();
        assert_eq!(line.unread_bytes, Some(17));
        assert!(line.verdict_text.contains("17 bytes"), "{line:#?}");
    }
}

fn a_connection_that_nobody_has_accepted(family: Family) {
    let net = Namespace::of_process();
    let trace = follow(&net);
    let wire = Wire::new(&net, family);
    let listener = std::net::TcpListener::bind((wire.host(), 0)).unwrap();
    let mut peer = wire.syn(listener.local_addr().unwrap().port());
    peer.send(ACK);
    peer.send(FIN | ACK);
    let line = told(trace, peer.end());
    for line in [line, look_at(&net, peer.end())] {
        assert_eq!(line.state, "CLOSE_WAIT");
        assert_eq!(line.verdict, "not_accepted");
        // Its listener's process.
        line.expect_ours(None);
        line.expect_no_end();
        assert_eq!(line.accept_queue, Some(1));
        assert!(!line.orphan);
    }
}

/// A FIN that is not acknowledged, of an orphan.
fn is_not_acked(line: &Line, state: &str) {
    assert_eq!(line.state, state);
    assert_eq!(line.verdict, "not_acked");
    assert!(line.orphan);
    assert_eq!(line.fd, None);
    assert_eq!(line.setting(), (Some("tcp_orphan_retries"), Some(4)));
    // 6.2 s after the first of them at the least; they come 0.2, 0.6, 1.4, 3, 6 and 13 s
    // after the FIN.
    assert!(
        (Duration::from_secs(4)..Duration::from_secs(16)).contains(&line.left()),
        "{line:#?}"
    );
    assert!(line.retries >= Some(1), "{line:#?}");
    assert!(
        (Some(4)..=Some(6)).contains(&line.most_retries),
        "{line:#?}"
    );
    assert_eq!(line.unsent_bytes, Some(0));
    assert_eq!(line.zero_window, Some(false));
}

fn the_fin_of_an_orphan_that_is_not_acknowledged(family: Family) {
    let net = Namespace::new();
    net.set("tcp_orphan_retries", 4);
    let wire = Wire::new(&net, family);
    let trace = follow(&net);
    let (socket, peer) = wire.connected(&net);
    drop(socket);
    let line = told(trace, peer.end());
    assert_eq!(line.pid, Some(std::process::id()), "it closed it");
    is_not_acked(&line, "FIN_WAIT1");
    let line = look_at(&net, peer.end());
    assert_eq!(line.pid, None, "nobody has it");
    assert!(line.held().is_some());
    is_not_acked(&line, "FIN_WAIT1");
}

fn the_fin_of_a_passive_close_that_is_not_acknowledged(family: Family) {
    let net = Namespace::new();
    net.set("tcp_orphan_retries", 4);
    let wire = Wire::new(&net, family);
    let trace = follow(&net);
    let (socket, mut peer) = wire.connected(&net);
    peer.send(FIN | ACK);
    peer.receive(ACK);
    drop(socket);
    let line = told(trace, peer.end());
    assert_eq!(line.pid, Some(std::process::id()), "it closed it");
    for line in [line, look_at(&net, peer.end())] {
        is_not_acked(&line, "LAST_ACK");
        assert!(line.verdict_text.contains("closed first"), "{line:#?}");
        assert!(line.advice.contains("CLOSE_WAIT"), "{line:#?}");
    }
}

fn fins_that_crossed_and_are_not_acknowledged(family: Family) {
    let net = Namespace::new();
    net.set("tcp_orphan_retries", 4);
    let wire = Wire::new(&net, family);
    let trace = follow(&net);
    let (socket, mut peer) = wire.connected(&net);
    drop(socket);
    peer.overhear(FIN | ACK);
    peer.send(FIN | ACK);
    let line = told(trace, peer.end());
    for line in [line, look_at(&net, peer.end())] {
        is_not_acked(&line, "CLOSING");
        assert!(line.verdict_text.contains("at once"), "{line:#?}");
    }
}

#[test]
fn the_fin_of_a_socket_that_a_process_has_waits_as_retries2_says() {
    let net = Namespace::of_process();
    net.set("tcp_retries2", 5);
    let wire = Wire::new(&net, Family::V4);
    let trace = follow(&net);
    let (socket, peer) = wire.connected(&net);
    socket.shutdown(Shutdown::Write).unwrap();
    let line = told(trace, peer.end());
    for line in [line, look_at(&net, peer.end())] {
        assert_eq!(line.verdict, "not_acked");
        line.expect_ours(Some(socket.as_raw_fd()));
        assert!(!line.orphan);
        assert_eq!(line.setting(), (Some("tcp_retries2"), Some(5)));
        assert!(line.left() > Duration::from_secs(10), "{line:#?}");
    }
}

/// Answers window probes for some time.
fn keep_closed(peer: &mut Peer<'_>, time: Duration) {
    peer.window = 0;
    let until = Instant::now() + time;
    while Instant::now() < until {
        peer.overhear(ACK);
        peer.send(ACK);
    }
}

fn a_peer_whose_window_is_closed(family: Family) {
    let net = Namespace::new();
    let wire = Wire::new(&net, family);
    let trace = follow(&net);
    let (socket, mut peer) = wire.connect(&net);
    peer.window = 10;
    peer.send(crate::wire::SYN | ACK);
    peer.receive(ACK);
    let mut stream = TcpStream::from(socket);
    stream.write_all(&[1; 1000]).unwrap();
    drop(stream);
    // Its window takes ten bytes.
    peer.window = 0;
    assert_eq!(peer.receive(ACK).length, 10);
    peer.send(ACK);
    keep_closed(&mut peer, Duration::from_millis(700));
    let line = told(trace, peer.end());
    for line in [line, look_at(&net, peer.end())] {
        assert_eq!(line.state, "FIN_WAIT1");
        assert_eq!(line.verdict, "zero_window");
        assert_eq!(line.zero_window, Some(true));
        assert_eq!(line.unsent_bytes, Some(990));
        assert_eq!(line.timer.as_deref(), Some("probe"));
        assert_eq!(line.setting(), (Some("tcp_orphan_retries"), Some(0)));
        // As long as a probe is not answered, fewer follow.
        assert!(
            (Duration::from_secs(50)..Duration::from_secs(400)).contains(&line.left()),
            "{line:#?}"
        );
    }
}

#[test]
fn data_that_still_goes_out_in_front_of_the_fin() {
    let net = Namespace::new();
    let wire = Wire::new(&net, Family::V4);
    let trace = follow(&net);
    let (socket, mut peer) = wire.connected(&net);
    peer.window = 500;
    peer.send(ACK);
    let mut stream = TcpStream::from(socket);
    // As much as there is room for: more than goes out in that time.
    assert!(stream.write(&[1; 100_000]).unwrap() > 50_000);
    drop(stream);
    let until = Instant::now() + TOO_LONG * 4;
    while Instant::now() < until {
        peer.receive(ACK);
        sleep(Duration::from_millis(30));
        peer.send(ACK);
    }
    let line = told(trace, peer.end());
    assert_eq!(line.state, "FIN_WAIT1");
    assert_eq!(line.verdict, "still_sending");
    assert!(line.unsent_bytes > Some(1000), "{line:#?}");
    assert_eq!(line.zero_window, Some(false));
    line.expect_no_end();
}
