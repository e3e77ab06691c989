//! SYNs: the port that each has, those sent again, and those that were never sent.

use std::{io::Write as _, net::SocketAddr, thread::sleep, time::Duration};

use socket2::Socket;

use crate::{
    Family, flow, in_both_families,
    namespace::Namespace,
    sockets::{begin_connect, set_tcp},
    trace::{End, Trace},
    wire::{ACK, SYN, Wire},
};

in_both_families!(
    each_of_twenty_syns_that_nobody_answers_has_its_port,
    a_connect_from_a_port_that_is_in_use_towards_there_says_so,
    a_connect_that_waits_for_the_first_write_has_sent_nothing,
    connects_that_wait_for_the_first_write_have_their_ports,
    a_handshake_counts_from_its_syn,
    a_syn_that_was_sent_again_is_counted,
);

/// Since Linux 4.11.
const TCP_FASTOPEN_CONNECT: i32 = 30;

fn port(socket: &Socket) -> u16 {
    socket.local_addr().unwrap().as_socket().unwrap().port()
}

/// A connect() that is put off to the first write.
fn put_off(net: &Namespace, family: Family, to: SocketAddr) -> Socket {
    // Bit 4: without a cookie of the server.
    net.set("tcp_fastopen", 5);
    let socket = net.bound((family.loopback(), 4000).into());
    set_tcp(&socket, TCP_FASTOPEN_CONNECT, 1);
    socket.connect(&to.into()).expect("it returns at once");
    socket
}

fn each_of_twenty_syns_that_nobody_answers_has_its_port(family: Family) {
    let net = Namespace::new();
    let wire = Wire::new(&net, family);
    let to = wire.peer();
    let mut trace = Trace::of(&net).start();
    let sockets: Vec<Socket> = (0..20)
        .map(|_| {
            let socket = net.socket(family);
            begin_connect(&socket, to);
            socket
        })
        .collect();
    for socket in &sockets {
        let end = End {
            local: port(socket),
            remote: to.port(),
        };
        trace.expect(end, "CLOSED -connect-> SYN_SENT");
    }
    let seen = trace.stop();
    assert_eq!(seen.transitions.len(), 20, "{:#?}", seen.transitions);
}

fn a_connect_from_a_port_that_is_in_use_towards_there_says_so(family: Family) {
    let net = Namespace::new();
    let listener = net.listen(family);
    let to = listener.local_addr().unwrap();
    let mut trace = Trace::of(&net).start();
    let flows = flow::start(&net);
    let from = SocketAddr::from((family.loopback(), 4000));
    let sockets = [(); 2].map(|()| {
        let socket = net.socket(family);
        socket.set_reuse_address(true).unwrap();
        socket.bind(&from.into()).unwrap();
        socket
    });
    sockets[0].connect(&to.into()).expect("the first");
    let error = sockets[1].connect(&to.into()).unwrap_err();
    assert_eq!(error.raw_os_error(), Some(libc::EADDRNOTAVAIL));
    let end = End {
        local: 4000,
        remote: to.port(),
    };
    let path = trace.expect(
        end,
        "CLOSED -connect-> SYN_SENT -handshake_complete-> ESTABLISHED | \
         CLOSED -connect-> SYN_SENT -unknown:address_in_use-> CLOSED",
    );
    assert_eq!(path[3].closer, None);
    trace.expect(
        end.peer(),
        "LISTEN -syn_received-> SYN_RECV -handshake_complete-> ESTABLISHED",
    );
    trace.stop();
    let flows = flow::exactly(1, flows);
    assert_eq!(flows[0]["end"], "unknown");
    assert_eq!(flows[0]["detail"], "address_in_use");
    assert!(flows[0]["closer"].is_null());
}

fn a_connect_that_waits_for_the_first_write_has_sent_nothing(family: Family) {
    let net = Namespace::new();
    let listener = net.listen(family);
    let to = listener.local_addr().unwrap();
    let mut trace = Trace::of(&net).start();
    let flows = flow::start(&net);
    let socket = put_off(&net, family, to);
    let end = End {
        local: port(&socket),
        remote: to.port(),
    };
    sleep(Duration::from_millis(300));
    drop(socket);
    let path = trace.expect(
        end,
        "CLOSED -connect-> SYN_SENT -unknown:nothing_sent-> CLOSED",
    );
    assert_eq!(path[1].closer, None);
    trace.stop();
    let flows = flow::exactly(1, flows);
    assert_eq!(flows[0]["detail"], "nothing_sent");
    assert!(flows[0]["handshake_ns"].is_null());
}

fn connects_that_wait_for_the_first_write_have_their_ports(family: Family) {
    let net = Namespace::new();
    net.set("tcp_fastopen", 5);
    let wire = Wire::new(&net, family);
    let to = wire.peer();
    let mut trace = Trace::of(&net).start();
    let mut sockets = Vec::new();
    for _ in 0..40 {
        let socket = net.socket(family);
        set_tcp(&socket, TCP_FASTOPEN_CONNECT, 1);
        socket.connect(&to.into()).expect("it returns at once");
        sockets.push(socket);
        trace.wait(Duration::from_millis(100));
    }
    for socket in sockets {
        let end = End {
            local: port(&socket),
            remote: to.port(),
        };
        trace.expect(end, "CLOSED -connect-> SYN_SENT");
        drop(socket);
        trace.expect(
            end,
            "CLOSED -connect-> SYN_SENT -unknown:nothing_sent-> CLOSED",
        );
    }
    trace.stop();
}

fn a_handshake_counts_from_its_syn(family: Family) {
    let net = Namespace::new();
    let listener = net.listen(family);
    let to = listener.local_addr().unwrap();
    let flows = flow::start(&net);
    let mut socket = put_off(&net, family, to);
    let end = End {
        local: port(&socket),
        remote: to.port(),
    };
    sleep(Duration::from_millis(700));
    socket.write_all(b"x").expect("its SYN, and data");
    let (server, _) = listener.accept().expect("a client");
    drop(socket);
    drop(server);
    let flows = flow::exactly(2, flows);
    let flow = flow::flow_of(&flows, end);
    let handshake = flow["handshake_ns"].as_u64().expect("a handshake");
    assert!(handshake < 500_000_000, "{flow:#}");
    let held = flow["path"][0]["ns"].as_u64().expect("it was in SYN_SENT");
    assert!(held >= 700_000_000, "{flow:#}");
}

fn a_syn_that_was_sent_again_is_counted(family: Family) {
    let net = Namespace::new();
    let wire = Wire::new(&net, family);
    let stats = Trace::of(&net).subcommand("stats").start_raw();
    let mut trace = Trace::of(&net).start();
    let (_socket, mut peer) = wire.connect(&net);
    // It is not answered before it comes a second time.
    peer.receive(SYN);
    peer.send(SYN | ACK);
    let path = trace.expect(
        peer.end(),
        "CLOSED -connect-> SYN_SENT -handshake_complete-> ESTABLISHED",
    );
    assert_eq!(path[1].retransmits, Some(1));
    trace.stop();
    let stats = stats.stop();
    let report = stats
        .lines()
        .map(|line| serde_json::from_str::<serde_json::Value>(line).expect(line))
        .find(|line| line["type"] == "stats")
        .expect("a report");
    let row = &report["retried_handshakes"][0];
    assert_eq!(row["handshakes"], 1, "{report:#}");
    assert_eq!(row["retransmits"], 1);
    assert_eq!(row["failed"], 0);
    assert_eq!(row["port"], peer.end().remote);
    assert_eq!(report["states"]["SYN_SENT"]["retried"], 1);
}
