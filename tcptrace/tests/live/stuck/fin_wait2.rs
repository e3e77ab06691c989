//! FIN_WAIT2, of orphans and of sockets that a process has.

use std::{net::Shutdown, os::fd::AsRawFd as _, thread::sleep, time::Duration};

use socket2::Socket;

use super::line::{TOO_LONG, follow, look_at, told};
use crate::{
    Family, in_both_families,
    namespace::Namespace,
    sockets::set_tcp,
    wire::{ACK, FIN, Peer, Wire},
};

in_both_families!(
    an_orphan_whose_peer_does_not_close,
    an_orphan_that_waits_for_more_than_a_minute,
    a_process_that_shut_down_and_did_not_close,
);

/// Closes, and has the FIN acknowledged.
fn close(socket: Socket, peer: &mut Peer<'_>) {
    drop(socket);
    peer.receive(FIN | ACK);
    peer.send(ACK);
}

fn an_orphan_whose_peer_does_not_close(family: Family) {
    let net = Namespace::new();
    net.set("tcp_fin_timeout", 40);
    let wire = Wire::new(&net, family);
    let trace = follow(&net);
    let (socket, mut peer) = wire.connected(&net);
    close(socket, &mut peer);
    let line = told(trace, peer.end());
    assert_eq!(line.pid, Some(std::process::id()), "it closed it");
    let look = look_at(&net, peer.end());
    assert_eq!((look.pid, look.uid), (None, None), "nobody has it");
    assert!(look.held_estimated, "TCP_LINGER2 can't be seen: {look:#?}");
    assert!(look.held() < Some(Duration::from_secs(5)), "{look:#?}");
    for line in [line, look] {
        assert_eq!(line.state, "FIN_WAIT2");
        assert_eq!(line.verdict, "fin_awaited");
        assert!(line.orphan && line.fd.is_none());
        assert_eq!(line.setting(), (Some("tcp_fin_timeout"), Some(40)));
        assert_eq!(line.timer.as_deref(), Some("timewait"));
        assert!(
            (Duration::from_secs(35)..Duration::from_secs(40)).contains(&line.left()),
            "{line:#?}"
        );
    }
}

fn an_orphan_that_waits_for_more_than_a_minute(family: Family) {
    let net = Namespace::new();
    net.set("tcp_fin_timeout", 90);
    let wire = Wire::new(&net, family);
    let trace = follow(&net);
    let (socket, mut peer) = wire.connected(&net);
    close(socket, &mut peer);
    let line = told(trace, peer.end());
    for line in [line, look_at(&net, peer.end())] {
        assert_eq!(line.verdict, "fin_awaited");
        assert_eq!(line.setting(), (Some("tcp_fin_timeout"), Some(90)));
        assert!(
            line.verdict_text.contains("2 x (90 - 60) = 60 s"),
            "{line:#?}"
        );
        assert!(
            (Duration::from_secs(55)..Duration::from_secs(60)).contains(&line.left()),
            "{line:#?}"
        );
    }
}

#[test]
fn an_orphan_with_a_time_of_its_own() {
    let net = Namespace::new();
    net.set("tcp_fin_timeout", 5);
    let wire = Wire::new(&net, Family::V4);
    let (socket, mut peer) = wire.connected(&net);
    set_tcp(&socket, libc::TCP_LINGER2, 30);
    close(socket, &mut peer);
    sleep(TOO_LONG);
    let line = look_at(&net, peer.end());
    assert_eq!(line.verdict, "fin_awaited");
    assert_eq!(line.setting(), (Some("TCP_LINGER2"), None));
    assert!(line.left() > Duration::from_secs(20), "{line:#?}");
    assert_eq!(line.held_ns, None);
}

fn a_process_that_shut_down_and_did_not_close(family: Family) {
    let net = Namespace::of_process();
    let wire = Wire::new(&net, family);
    let trace = follow(&net);
    let (socket, mut peer) = wire.connected(&net);
    socket.shutdown(Shutdown::Write).unwrap();
    peer.receive(FIN | ACK);
    peer.send_data(ACK, b"still here");
    let line = told(trace, peer.end());
    for line in [line, look_at(&net, peer.end())] {
        assert_eq!(line.state, "FIN_WAIT2");
        assert_eq!(line.verdict, "half_closed");
        line.expect_ours(Some(socket.as_raw_fd()));
        line.expect_no_end();
        assert!(!line.orphan && line.timer.is_none());
        assert_eq!(line.unread_bytes, Some(10));
    }
}
