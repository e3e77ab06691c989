//! SYN_SENT and SYN_RECV.

use std::{net::TcpListener, os::fd::AsRawFd as _, thread::sleep, time::Duration};

use socket2::{Domain, Socket, Type};

use super::line::{TOO_LONG, all, follow, follow_with, look, look_at, told};
use crate::{
    Family, in_both_families,
    namespace::Namespace,
    sockets::set_tcp,
    trace::End,
    wire::{ACK, SYN, Wire},
};

in_both_families!(
    a_syn_without_an_answer,
    a_connect_that_waits_for_its_first_write,
    a_handshake_that_its_client_does_not_complete,
    an_accept_queue_that_is_full,
    a_client_that_the_listener_waits_for_data_of,
);

fn listener(wire: &Wire, family: Family, backlog: i32) -> TcpListener {
    let domain = match family {
        Family::V4 => Domain::IPV4,
        Family::V6 => Domain::IPV6,
    };
    let socket = Socket::new(domain, Type::STREAM, None).unwrap();
    socket
        .bind(&std::net::SocketAddr::from((wire.host(), 0)).into())
        .unwrap();
    socket.listen(backlog).unwrap();
    socket.into()
}

fn a_syn_without_an_answer(family: Family) {
    let net = Namespace::of_process();
    net.set("tcp_syn_retries", 3);
    let wire = Wire::new(&net, family);
    let trace = follow(&net);
    let (socket, peer) = wire.connect(&net);
    let line = told(trace, peer.end());
    for line in [line, look_at(&net, peer.end())] {
        assert_eq!(line.state, "SYN_SENT");
        assert_eq!(line.verdict, "no_answer");
        line.expect_ours(Some(socket.as_raw_fd()));
        assert_eq!(line.uid, Some(0));
        assert_eq!(line.setting(), (Some("tcp_syn_retries"), Some(3)));
        assert_eq!(line.timer.as_deref(), Some("retransmit"));
        assert!(line.retries <= Some(2), "{line:#?}");
        assert!(line.most_retries > line.retries, "{line:#?}");
        // 15 s without linear timeouts, 19 s with them.
        assert!(
            (Duration::from_secs(9)..Duration::from_secs(20)).contains(&line.left()),
            "{line:#?}"
        );
        assert_eq!(line.unsent_bytes, None);
    }
}

fn a_connect_that_waits_for_its_first_write(family: Family) {
    let net = Namespace::of_process();
    // Bit 4: without a cookie of the server.
    net.set("tcp_fastopen", 5);
    let wire = Wire::new(&net, family);
    let trace = follow(&net);
    let socket = net.socket(family);
    set_tcp(&socket, libc::TCP_FASTOPEN_CONNECT, 1);
    let to = wire.peer();
    socket.connect(&to.into()).expect("it returns at once");
    let own = socket.local_addr().unwrap().as_socket().unwrap();
    let end = End {
        local: own.port(),
        remote: to.port(),
    };
    let line = told(trace, end);
    for line in [line, look_at(&net, end)] {
        assert_eq!(line.state, "SYN_SENT");
        assert_eq!(line.verdict, "not_sent");
        line.expect_ours(Some(socket.as_raw_fd()));
        assert_eq!(line.timer, None);
        assert_eq!(line.setting(), (Some("TCP_FASTOPEN_CONNECT"), None));
        assert_eq!(line.remaining_ns, None, "no timer ends it");
    }
}

fn a_handshake_that_its_client_does_not_complete(family: Family) {
    let net = Namespace::of_process();
    net.set("tcp_synack_retries", 2);
    let wire = Wire::new(&net, family);
    let listener = listener(&wire, family, 5);
    let trace = follow(&net);
    let peer = wire.syn(listener.local_addr().unwrap().port());
    let line = told(trace, peer.end());
    for line in [line, look_at(&net, peer.end())] {
        assert_eq!(line.state, "SYN_RECV");
        assert_eq!(line.verdict, "half_open");
        // Its listener's process, which has no descriptor of it.
        line.expect_ours(None);
        assert_eq!(line.setting(), (Some("tcp_synack_retries"), Some(2)));
        assert_eq!((line.accept_queue, line.backlog), (Some(0), Some(5)));
        assert_eq!(line.most_retries, Some(2));
        assert!(
            (Duration::from_secs(5)..Duration::from_secs(7)).contains(&line.left()),
            "{line:#?}"
        );
        assert!(line.verdict_text.contains("1 half open"), "{line:#?}");
        assert!(line.verdict_text.contains("tcp_syncookies = 1"));
    }
}

fn an_accept_queue_that_is_full(family: Family) {
    let net = Namespace::of_process();
    let wire = Wire::new(&net, family);
    let listener = listener(&wire, family, 2);
    let port = listener.local_addr().unwrap().port();
    let trace = follow(&net);
    let mut first = [wire.syn(port), wire.syn(port)];
    first.iter_mut().for_each(|peer| peer.send(ACK));
    // Two wait; one more has room, and another has not.
    let mut last = [wire.syn(port), wire.syn(port)];
    last.iter_mut().for_each(|peer| peer.send(ACK));
    let line = told(trace, last[1].end());
    for line in [line, look_at(&net, last[1].end())] {
        assert_eq!(line.state, "SYN_RECV");
        assert_eq!(line.verdict, "accept_queue_full");
        line.expect_ours(None);
        assert_eq!(line.setting(), (Some("somaxconn"), Some(4096)));
        assert_eq!((line.accept_queue, line.backlog), (Some(3), Some(2)));
        assert!(line.advice.contains("accept()"));
    }
}

fn a_client_that_the_listener_waits_for_data_of(family: Family) {
    let net = Namespace::of_process();
    let wire = Wire::new(&net, family);
    let listener = listener(&wire, family, 5);
    set_tcp(&listener, libc::TCP_DEFER_ACCEPT, 30);
    // Its timer must run out once to show that.
    let trace = follow_with(&net, &["--for", "1300ms", "-n", "1"]);
    let mut peer = wire.syn(listener.local_addr().unwrap().port());
    peer.send(ACK);
    let [line] = &all(trace)[..] else {
        panic!("one is stuck")
    };
    for line in [line.clone(), look_at(&net, peer.end())] {
        assert_eq!(line.end(), peer.end());
        assert_eq!(line.verdict, "data_awaited");
        line.expect_ours(None);
        assert_eq!(line.setting(), (Some("TCP_DEFER_ACCEPT"), None));
        assert_eq!(line.remaining_ns, None, "how long is not told");
    }
}

#[test]
fn one_look_does_not_show_what_has_just_begun() {
    let net = Namespace::of_process();
    let wire = Wire::new(&net, Family::V4);
    let (_socket, peer) = wire.connect(&net);
    assert!(look(&net, &[]).is_empty(), "3 s are not over");
    sleep(TOO_LONG);
    peer.overhear(SYN);
    assert_eq!(look_at(&net, peer.end()).verdict, "no_answer");
}
