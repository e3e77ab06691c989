//! How connections end in good order.

use std::{
    io::{Read as _, Write as _},
    net::Shutdown,
    thread::sleep,
    time::Duration,
};

use crate::{
    Family, in_both_families,
    namespace::Namespace,
    sockets::{close_in_turn, cookie, end, listening},
    trace::Trace,
    wire::{ACK, FIN, Wire},
};

in_both_families!(
    a_closed_sockets_time_wait_is_seen_and_names_its_process,
    a_peer_that_closes_later_leaves_fin_wait2_for_that_long,
    a_connection_keeps_its_cookie_from_its_first_line_to_its_last,
    a_socket_shut_down_for_sending_stays_in_fin_wait2_until_the_peer_closes,
    a_socket_shut_down_in_both_directions_goes_as_if_closed,
    a_close_after_a_shutdown_shows_nothing_new,
    a_half_closed_socket_that_is_closed_becomes_an_orphan,
    fins_that_cross_make_a_simultaneous_close,
    a_fin_that_acknowledges_ours_is_told_in_two_steps,
    the_last_ack_that_comes_late_ends_last_ack,
);

fn a_closed_sockets_time_wait_is_seen_and_names_its_process(family: Family) {
    let net = Namespace::new();
    let mut trace = Trace::of(&net).start();
    let (client, server) = net.connect(family);
    let end = end(&client);
    close_in_turn(client, server);

    let ours = trace.expect(
        end,
        "CLOSED -connect-> SYN_SENT -handshake_complete-> ESTABLISHED -fin_sent-> FIN_WAIT1
         -fin_acked-> FIN_WAIT2 -fin_received-> TIME_WAIT",
    );
    let theirs = trace.expect(
        end.peer(),
        "LISTEN -syn_received-> SYN_RECV -handshake_complete-> ESTABLISHED
         -fin_received-> CLOSE_WAIT -fin_sent-> LAST_ACK -fin_acked-> CLOSED",
    );
    trace.stop();

    let comm = std::fs::read_to_string("/proc/self/comm").unwrap();
    for it in ours.iter().chain(&theirs) {
        assert_eq!(it.pid, Some(std::process::id()), "{it:?}");
        assert_eq!(it.comm.as_deref(), Some(comm.trim_end()), "{it:?}");
        assert_eq!(it.uid, Some(0), "{it:?}");
        assert_eq!(it.netns, net.inode(), "{it:?}");
        assert_eq!(
            it.family,
            if family == Family::V4 { "ipv4" } else { "ipv6" },
            "{it:?}"
        );
        assert_eq!(it.local_addr, family.loopback().to_string(), "{it:?}");
        assert_eq!(
            it.remote_addr,
            Some(family.loopback().to_string()),
            "{it:?}"
        );
    }
    let sides = |path: &[crate::trace::Transition]| -> Vec<(Option<String>, Option<String>)> {
        path.iter()
            .map(|it| (it.opener.clone(), it.closer.clone()))
            .collect()
    };
    let side = |name: &str| Some(name.to_owned());
    let (local, remote) = (side("local"), side("remote"));
    let ours_expected = [None, None, local.clone(), local.clone(), local.clone()];
    let theirs_expected = [None, None, remote.clone(), remote.clone(), remote.clone()];
    assert_eq!(
        sides(&ours),
        ours_expected.map(|closer| (local.clone(), closer))
    );
    assert_eq!(
        sides(&theirs),
        theirs_expected.map(|closer| (remote.clone(), closer))
    );
    for path in [&ours, &theirs] {
        assert_eq!(
            path[0].held_ns, None,
            "nothing comes before the first transition"
        );
        assert!(path[1..].iter().all(|it| it.held_ns.is_some()), "{path:?}");
        assert!(path.is_sorted_by_key(|it| it.mono_ns), "{path:?}");
        for (before, after) in path.iter().zip(&path[1..]) {
            assert_eq!(
                after.held_ns,
                Some(after.mono_ns - before.mono_ns),
                "{after:?}"
            );
        }
    }
}

fn a_peer_that_closes_later_leaves_fin_wait2_for_that_long(family: Family) {
    let net = Namespace::new();
    let mut trace = Trace::of(&net).start();
    let (client, server) = net.connect(family);
    let end = end(&client);
    sleep(Duration::from_millis(200));
    drop(client);
    sleep(Duration::from_millis(300));
    drop(server);

    let ours = trace.expect(
        end,
        "CLOSED -connect-> SYN_SENT -handshake_complete-> ESTABLISHED -fin_sent-> FIN_WAIT1
         -fin_acked-> FIN_WAIT2 -fin_received-> TIME_WAIT",
    );
    let theirs = trace.expect(
        end.peer(),
        "LISTEN -syn_received-> SYN_RECV -handshake_complete-> ESTABLISHED
         -fin_received-> CLOSE_WAIT -fin_sent-> LAST_ACK -fin_acked-> CLOSED",
    );
    trace.stop();

    let about = |millis: u64, held: Option<Duration>| {
        let least = Duration::from_millis(millis - 5);
        assert!(
            // A delayed ACK takes its part of it, and a busy machine gives more.
            held.is_some_and(|held| held >= least * 2 / 3 && held < least * 4),
            "{held:?}"
        );
    };
    about(200, ours[2].held());
    about(300, ours[4].held());
    about(200, theirs[2].held());
    about(300, theirs[3].held());
}

fn a_connection_keeps_its_cookie_from_its_first_line_to_its_last(family: Family) {
    let net = Namespace::new();
    let mut trace = Trace::of(&net).start();
    let listener = net.listen(family);
    let (client, server) = net.connect_to(&listener);
    let end = end(&client);
    let (ours, theirs, listeners) = (cookie(&client), cookie(&server), cookie(&listener));
    let listener_end = listening(&listener);
    drop((client, server, listener));

    let path = trace.expect(
        end,
        "CLOSED -connect-> SYN_SENT -handshake_complete-> ESTABLISHED -fin_sent-> FIN_WAIT1
         -fin_acked-> FIN_WAIT2 -fin_received-> TIME_WAIT",
    );
    assert!(
        path.iter().all(|it| it.cookie.as_ref() == Some(&ours)),
        "{ours} {path:?}"
    );
    let path = trace.expect(
        end.peer(),
        "LISTEN -syn_received-> SYN_RECV -handshake_complete-> ESTABLISHED
         -fin_received-> CLOSE_WAIT -fin_sent-> LAST_ACK -fin_acked-> CLOSED",
    );
    assert_eq!(path[0].cookie, None, "a request has no socket yet");
    assert!(
        path[1..]
            .iter()
            .all(|it| it.cookie.as_ref() == Some(&theirs)),
        "{theirs} {path:?}"
    );
    let path = trace.expect(
        listener_end,
        "CLOSED -listen-> LISTEN -listener_closed-> CLOSED",
    );
    assert!(
        path.iter().all(|it| it.cookie.as_ref() == Some(&listeners)),
        "{listeners} {path:?}"
    );
    trace.stop();
}

fn a_socket_shut_down_for_sending_stays_in_fin_wait2_until_the_peer_closes(family: Family) {
    let net = Namespace::new();
    let mut trace = Trace::of(&net).start();
    let (mut client, mut server) = net.connect(family);
    let end = end(&client);
    client.shutdown(Shutdown::Write).unwrap();
    trace.expect(
        end,
        "CLOSED -connect-> SYN_SENT -handshake_complete-> ESTABLISHED -fin_sent-> FIN_WAIT1
         -fin_acked-> FIN_WAIT2",
    );
    // The other direction goes on.
    server.write_all(b"still here").unwrap();
    let mut told = [0; 10];
    client.read_exact(&mut told).unwrap();
    trace.wait(Duration::from_millis(300));
    drop(server);
    let path = trace.expect(
        end,
        "CLOSED -connect-> SYN_SENT -handshake_complete-> ESTABLISHED -fin_sent-> FIN_WAIT1
         -fin_acked-> FIN_WAIT2 -fin_received-> TIME_WAIT",
    );
    assert!(
        path[4].held() > Some(Duration::from_millis(299)),
        "{path:?}"
    );
    assert_eq!(path[4].closer.as_deref(), Some("local"));
    trace.expect(
        end.peer(),
        "LISTEN -syn_received-> SYN_RECV -handshake_complete-> ESTABLISHED
         -fin_received-> CLOSE_WAIT -fin_sent-> LAST_ACK -fin_acked-> CLOSED",
    );
    drop(client);
    trace.wait(Duration::from_millis(100));
    trace.stop();
}

fn a_socket_shut_down_in_both_directions_goes_as_if_closed(family: Family) {
    let net = Namespace::new();
    let mut trace = Trace::of(&net).start();
    let (client, server) = net.connect(family);
    let end = end(&client);
    server.shutdown(Shutdown::Both).unwrap();
    client.shutdown(Shutdown::Both).unwrap();
    trace.expect(
        end.peer(),
        "LISTEN -syn_received-> SYN_RECV -handshake_complete-> ESTABLISHED
         -fin_sent-> FIN_WAIT1 -fin_acked-> FIN_WAIT2 -fin_received-> TIME_WAIT",
    );
    trace.expect(
        end,
        "CLOSED -connect-> SYN_SENT -handshake_complete-> ESTABLISHED
         -fin_received-> CLOSE_WAIT -fin_sent-> LAST_ACK -fin_acked-> CLOSED",
    );
    drop((client, server));
    trace.wait(Duration::from_millis(100));
    trace.stop();
}

fn a_close_after_a_shutdown_shows_nothing_new(family: Family) {
    let net = Namespace::new();
    let wire = Wire::new(&net, family);
    let mut trace = Trace::of(&net).start();
    // While FIN_WAIT1, and while LAST_ACK.
    let opened = "CLOSED -connect-> SYN_SENT -handshake_complete-> ESTABLISHED";
    for (peer_first, path) in [
        (false, "-fin_sent-> FIN_WAIT1"),
        (true, "-fin_received-> CLOSE_WAIT -fin_sent-> LAST_ACK"),
    ] {
        let path = format!("{opened} {path}");
        let (socket, mut peer) = wire.connected(&net);
        if peer_first {
            peer.send(FIN | ACK);
            peer.receive(ACK);
        }
        socket.shutdown(Shutdown::Write).unwrap();
        peer.overhear(FIN | ACK);
        trace.expect(peer.end(), &path);
        drop(socket);
        trace.wait(Duration::from_millis(100));
        trace.expect(peer.end(), &path);
    }
    trace.stop();
}

fn a_half_closed_socket_that_is_closed_becomes_an_orphan(family: Family) {
    let net = Namespace::new();
    net.set("tcp_fin_timeout", 2);
    let wire = Wire::new(&net, family);
    let mut trace = Trace::of(&net).start();
    let (socket, mut peer) = wire.connected(&net);
    socket.shutdown(Shutdown::Write).unwrap();
    peer.receive(FIN | ACK);
    peer.send(ACK);
    sleep(Duration::from_millis(500));
    drop(socket);
    let path = trace.expect_within(
        Duration::from_secs(15),
        peer.end(),
        "CLOSED -connect-> SYN_SENT -handshake_complete-> ESTABLISHED -fin_sent-> FIN_WAIT1
         -fin_acked-> FIN_WAIT2 -fin_timeout-> CLOSED",
    );
    // It counts from when it came to FIN_WAIT2, not from the close.
    assert!(
        path[4].held() > Some(Duration::from_millis(2400)),
        "{path:?}"
    );
    trace.stop();
}

fn fins_that_cross_make_a_simultaneous_close(family: Family) {
    let net = Namespace::new();
    let wire = Wire::new(&net, family);
    let mut trace = Trace::of(&net).start();
    let (socket, mut peer) = wire.connected(&net);
    drop(socket);
    let before = peer.ack;
    peer.receive(FIN | ACK);
    // The peer has not seen it when it sends its own.
    let after = std::mem::replace(&mut peer.ack, before);
    peer.send(FIN | ACK);
    peer.overhear(ACK);
    peer.ack = after;
    peer.send(ACK);
    let path = trace.expect(
        peer.end(),
        "CLOSED -connect-> SYN_SENT -handshake_complete-> ESTABLISHED -fin_sent-> FIN_WAIT1
         -simultaneous_close-> CLOSING -fin_acked-> TIME_WAIT",
    );
    let closers: Vec<_> = path.iter().map(|it| it.closer.as_deref()).collect();
    assert_eq!(
        closers,
        [None, None, Some("local"), Some("both"), Some("both")]
    );
    trace.stop();
}

fn a_fin_that_acknowledges_ours_is_told_in_two_steps(family: Family) {
    let net = Namespace::new();
    let wire = Wire::new(&net, family);
    let mut trace = Trace::of(&net).start();
    let (socket, mut peer) = wire.connected(&net);
    drop(socket);
    peer.receive(FIN | ACK);
    peer.send(FIN | ACK);
    peer.receive(ACK);
    trace.expect(
        peer.end(),
        "CLOSED -connect-> SYN_SENT -handshake_complete-> ESTABLISHED -fin_sent-> FIN_WAIT1
         -fin_acked-> FIN_WAIT2 -fin_received-> TIME_WAIT",
    );
    // The FIN comes again, and TIME_WAIT begins anew: no new line.
    peer.seq = peer.seq.wrapping_sub(1);
    peer.send(FIN | ACK);
    peer.overhear(ACK);
    trace.wait(Duration::from_millis(200));
    trace.stop();
}

fn the_last_ack_that_comes_late_ends_last_ack(family: Family) {
    let net = Namespace::new();
    let wire = Wire::new(&net, family);
    let mut trace = Trace::of(&net).start();
    let (socket, mut peer) = wire.connected(&net);
    peer.send(FIN | ACK);
    peer.receive(ACK);
    drop(socket);
    peer.receive(FIN | ACK);
    trace.expect(
        peer.end(),
        "CLOSED -connect-> SYN_SENT -handshake_complete-> ESTABLISHED
         -fin_received-> CLOSE_WAIT -fin_sent-> LAST_ACK",
    );
    sleep(Duration::from_millis(100));
    peer.send(ACK);
    let path = trace.expect(
        peer.end(),
        "CLOSED -connect-> SYN_SENT -handshake_complete-> ESTABLISHED
         -fin_received-> CLOSE_WAIT -fin_sent-> LAST_ACK -fin_acked-> CLOSED",
    );
    assert!(
        path[4].held() >= Some(Duration::from_millis(99)),
        "{path:?}"
    );
    assert_eq!(path[4].closer.as_deref(), Some("remote"));
    assert_eq!(
        path[4].pid,
        Some(std::process::id()),
        "softirq has no say in who the owner is"
    );
    trace.stop();
}
