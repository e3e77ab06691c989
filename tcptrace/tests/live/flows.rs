//! `tcptrace flows`: one line a connection, against what the test did.

use std::{
    io::{Read as _, Write as _},
    net::{Shutdown, TcpStream},
    thread::sleep,
    time::{Duration, Instant},
};

use serde_json::Value;

use crate::{
    Family,
    flow::{exactly, flow_of, flows, start, start_with, states},
    in_both_families,
    namespace::Namespace,
    patience::patient,
    sockets::{await_fin, await_reset, close_in_turn, end, reset, set_tcp},
    trace::{End, Trace},
    wire::{ACK, FIN, PSH, SYN, Wire},
};

in_both_families!(
    a_close_is_told_with_its_phases_and_bytes_from_both_sides,
    data_received_after_a_half_close_counts,
    a_reset_names_who_sent_it,
    a_table_never_blames_one_side_for_what_the_other_did,
    data_and_a_fin_in_the_answer_to_a_fast_open_are_counted_exactly,
    a_simultaneous_open_that_is_closed_at_once_has_sent_nothing,
    what_is_open_at_the_end_has_a_line_with_what_is_known,
);

fn receive(stream: &mut TcpStream, bytes: usize) {
    stream.read_exact(&mut vec![0; bytes]).expect("data");
}

fn a_close_is_told_with_its_phases_and_bytes_from_both_sides(family: Family) {
    let net = Namespace::new();
    let trace = start(&net);
    let (mut client, mut server) = net.connect(family);
    let its = end(&client);
    client.write_all(&[1; 1000]).unwrap();
    receive(&mut server, 1000);
    server.write_all(&[2; 70]).unwrap();
    receive(&mut client, 70);
    sleep(Duration::from_millis(200));
    drop(client);
    sleep(Duration::from_millis(100));
    drop(server);

    let flows = exactly(2, trace);
    let (client, server) = (flow_of(&flows, its), flow_of(&flows, its.peer()));
    for (flow, sent, received, opener, closer) in [
        (client, 1000, 70, "local", "local"),
        (server, 70, 1000, "remote", "remote"),
    ] {
        assert_eq!(flow["bytes_sent"], sent, "{flow:#}");
        assert_eq!(flow["bytes_received"], received, "{flow:#}");
        assert_eq!(flow["opener"], opener);
        assert_eq!(flow["closer"], closer);
        assert_eq!(flow["end"], "graceful");
        assert_eq!(flow["complete"], true);
        assert_eq!(flow["pid"], std::process::id());
        assert_eq!(flow["retransmits"], 0);
        let ms = |field: &str| flow[field].as_u64().expect(field) / 1_000_000;
        assert!(ms("handshake_ns") < 100, "{flow:#}");
        assert!((190..1500).contains(&ms("established_ns")), "{flow:#}");
        assert!((90..1500).contains(&ms("teardown_ns")), "{flow:#}");
        assert!(
            (180..1500).contains(&ms("idle_before_close_ns")),
            "{flow:#}"
        );
        assert!(ms("total_ns") >= 290, "{flow:#}");
    }
    let path = [
        "SYN_SENT",
        "ESTABLISHED",
        "FIN_WAIT1",
        "FIN_WAIT2",
        "TIME_WAIT",
    ];
    assert_eq!(states(client), path);
    assert!(
        client["time_wait_ns"].is_null(),
        "it was not waited for: {client:#}"
    );
    assert_eq!(
        states(server),
        ["SYN_RECV", "ESTABLISHED", "CLOSE_WAIT", "LAST_ACK"]
    );
}

fn data_received_after_a_half_close_counts(family: Family) {
    let net = Namespace::new();
    let trace = start(&net);
    let (mut client, mut server) = net.connect(family);
    let its = end(&client);
    client.shutdown(Shutdown::Write).unwrap();
    server.write_all(&[3; 5000]).unwrap();
    receive(&mut client, 5000);
    drop(server);
    await_fin(&client);
    drop(client);
    let flows = flows(trace);
    assert_eq!(flow_of(&flows, its)["bytes_received"], 5000, "{flows:#?}");
    assert_eq!(
        flow_of(&flows, its.peer())["bytes_sent"],
        5000,
        "{flows:#?}"
    );
}

/// Whether the kernel has that end of a connection.
fn is_there(end: End) -> bool {
    let ports = [end.local, end.remote].map(|port| format!(":{port:04X} "));
    let read = |file| std::fs::read_to_string(format!("/proc/thread-self/net/{file}")).unwrap();
    let table = read("tcp") + &read("tcp6");
    table.lines().any(|line| {
        let at = line.find(&ports[0]);
        at.is_some_and(|at| line[at + 1..].contains(&ports[1]))
    })
}

fn a_table_never_blames_one_side_for_what_the_other_did(family: Family) {
    let net = Namespace::new();
    let child = Trace::of(&net)
        .subcommand("flows")
        .with(["-n", "8"])
        .start_table();
    let mut told = Vec::new();
    let (client, server) = net.connect(family);
    told.push((end(&client), "you: reset by us", "peer: reset by peer"));
    reset(client);
    drop(server);
    let (client, server) = net.connect(family);
    told.push((end(&client), "you: FIN, peer: RST", "peer: FIN, you: RST"));
    client.shutdown(Shutdown::Write).unwrap();
    await_fin(&server);
    reset(server);
    drop(client);
    let (client, server) = net.connect(family);
    told.push((end(&client), "you: FIN", "peer: FIN"));
    close_in_turn(client, server);
    // Nobody has it any more, and its peer never closes.
    net.set("tcp_fin_timeout", 1);
    let (client, server) = net.connect(family);
    let orphan = end(&client);
    drop(client);
    told.push((orphan, "you: FIN, no FIN", "peer: reset by peer"));
    let began = Instant::now();
    while is_there(orphan) {
        assert!(began.elapsed() < patient(Duration::from_secs(30)));
        sleep(Duration::from_millis(20));
    }
    // Its FIN is answered by an RST.
    drop(server);

    let output = child.wait_with_output().expect("eight lines, then it ends");
    let table = String::from_utf8(output.stdout).expect("UTF-8");
    for (end, client, server) in told {
        for (end, ended) in [(end, client), (end.peer(), server)] {
            let from = format!(":{} ", end.local);
            let to = format!(":{} ", end.remote);
            let line = table.lines().find(|line| {
                let at = line.find(&from);
                at.is_some_and(|at| line[at + 1..].contains(&to))
            });
            let line = line.unwrap_or_else(|| panic!("{end:?} is missing in\n{table}"));
            assert!(line.ends_with(ended), "{line}");
        }
    }
}

fn a_reset_names_who_sent_it(family: Family) {
    let net = Namespace::new();
    let trace = start(&net);
    let (client, server) = net.connect(family);
    let its = end(&client);
    reset(client);
    await_reset(&server);
    drop(server);
    let flows = exactly(2, trace);
    let ends = [its, its.peer()].map(|end| flow_of(&flows, end)["end"].clone());
    assert_eq!(ends, ["reset_by_us", "reset_by_peer"]);
    assert_eq!(flow_of(&flows, its)["closer"], "local");
}

#[test]
fn short_and_long_connections_are_told_apart() {
    let net = Namespace::new();
    let trace = start(&net);
    let ends = [1, 5].map(|requests| {
        let (mut client, mut server) = net.connect(Family::V4);
        for _ in 0..requests {
            client.write_all(&[1; 10]).unwrap();
            receive(&mut server, 10);
            server.write_all(&[2; 20_000]).unwrap();
            receive(&mut client, 20_000);
        }
        end(&client)
    });
    let flows = flows(trace);
    for (end, length) in ends.into_iter().zip(["short", "long"]) {
        assert_eq!(flow_of(&flows, end)["length"], length, "{flows:#?}");
        assert_eq!(flow_of(&flows, end.peer())["length"], length, "{flows:#?}");
    }
}

#[test]
fn an_idle_close_names_the_timeout_that_explains_it() {
    let net = Namespace::new();
    let own = tempfile::NamedTempFile::new().unwrap();
    let table = "[[timeout]]\nproduct = 'ours'\nsetting = 'idle'\nseconds = 1.0\nsource = 'test'\n";
    std::fs::write(own.path(), table).unwrap();
    let trace = start_with(&net, ["--idle-table", own.path().to_str().unwrap()]);
    let (client, server) = net.connect(Family::V4);
    let its = end(&client);
    sleep(Duration::from_millis(1100));
    drop(server);
    await_fin(&client);
    drop(client);
    let flows = flows(trace);
    let flow = flow_of(&flows, its);
    assert_eq!(flow["closer"], "remote");
    let candidates = flow["idle_candidates"].as_array().expect("candidates");
    assert!(
        candidates.iter().any(|it| it == "ours idle 1 s"),
        "{flow:#}"
    );
}

#[test]
fn keepalive_is_the_sockets_own_or_else_the_namespaces() {
    let net = Namespace::new();
    net.set("tcp_keepalive_time", 600);
    let trace = start(&net);
    let (client, server) = net.connect(Family::V4);
    let its = end(&client);
    socket2::SockRef::from(&client).set_keepalive(true).unwrap();
    set_tcp(&client, libc::TCP_KEEPINTVL, 7);
    close_in_turn(client, server);
    let flows = flows(trace);
    let keepalive = &flow_of(&flows, its)["keepalive"];
    assert_eq!(keepalive["time_s"], 600);
    assert_eq!(keepalive["interval_s"], 7);
    assert_eq!(keepalive["probes"], 9);
    assert!(flow_of(&flows, its.peer())["keepalive"].is_null());
}

#[test]
fn a_state_filter_takes_flows_that_went_through_it() {
    let net = Namespace::new();
    let trace = start_with(&net, ["-s", "close-wait"]);
    let (client, server) = net.connect(Family::V4);
    let its = end(&client);
    drop(client);
    await_fin(&server);
    drop(server);
    let flows = exactly(1, trace);
    flow_of(&flows, its.peer());
}

#[test]
fn an_orphan_that_still_waits_at_the_end_is_told_with_what_is_known() {
    let net = Namespace::new();
    let trace = start(&net);
    let (client, _server) = net.connect(Family::V4);
    let its = end(&client);
    drop(client);
    let flows = flows(trace);
    let flow = flow_of(&flows, its);
    assert_eq!(states(flow).last(), Some(&"FIN_WAIT2"));
    assert!(
        flow["end"].is_null() && flow["closed_at"].is_null(),
        "{flow:#}"
    );
}

fn data_and_a_fin_in_the_answer_to_a_fast_open_are_counted_exactly(family: Family) {
    let net = Namespace::new();
    net.set("tcp_fastopen", 0x607);
    let wire = Wire::new(&net, family);
    let trace = start(&net);
    let (mut client, mut peer) = wire.connect_fast(b"early");
    peer.send_data(SYN | FIN | ACK, &[7; 1400]);
    receive(&mut client, 1400);
    drop(client);
    peer.receive(FIN | ACK);
    peer.send(ACK);
    let flows = exactly(1, trace);
    let flow = flow_of(&flows, peer.end());
    assert_eq!(flow["bytes_received"], 1400, "{flow:#}");
    assert_eq!(flow["bytes_sent"], 5, "{flow:#}");
    assert_eq!(flow["end"], "graceful", "{flow:#}");
}

fn a_simultaneous_open_that_is_closed_at_once_has_sent_nothing(family: Family) {
    let net = Namespace::new();
    let wire = Wire::new(&net, family);
    let trace = start(&net);
    let (socket, mut peer) = wire.connect(&net);
    peer.send(SYN);
    peer.overhear(SYN | ACK);
    drop(socket);
    peer.receive(FIN | ACK);
    peer.send(ACK | PSH);
    peer.send(FIN | ACK);
    let flows = exactly(1, trace);
    let flow = flow_of(&flows, peer.end());
    assert_eq!(flow["bytes_sent"], 0, "{flow:#}");
    assert_eq!(flow["bytes_received"], 0, "{flow:#}");
}

/// What was sent again since the last transition is not known at the end: null, and not what it was
/// then.
fn what_is_open_at_the_end_has_a_line_with_what_is_known(family: Family) {
    let net = Namespace::new();
    let wire = Wire::new(&net, family);
    let trace = start(&net);
    let (_listener, port) = wire.listen();
    let half_open = wire.syn(port).end();
    let (socket, orphan) = wire.connected(&net);
    drop(socket);
    orphan.overhear(FIN | ACK);
    orphan.overhear(FIN | ACK);
    let flows = flows(trace);
    assert_eq!(flows.len(), 2, "{flows:#?}");
    let open = flow_of(&flows, half_open);
    assert_eq!(states(open), ["SYN_RECV"], "{open:#}");
    assert_eq!(open["opener"], "remote");
    let sent_again = flow_of(&flows, orphan.end());
    assert_eq!(
        states(sent_again),
        ["SYN_SENT", "ESTABLISHED", "FIN_WAIT1"],
        "{sent_again:#}"
    );
    for it in [open, sent_again] {
        for unknown in [
            "end",
            "closed_at",
            "bytes_sent",
            "bytes_received",
            "retransmits",
        ] {
            assert_eq!(it[unknown], Value::Null, "{unknown} in {it:#}");
        }
    }
}
