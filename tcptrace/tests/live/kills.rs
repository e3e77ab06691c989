//! Sockets that an administrator ends by `ss -K`.

use std::{net::TcpStream, process::Command};

use crate::{
    Family, in_both_families,
    namespace::{Namespace, without_descriptors},
    paths::{ACCEPTED, LISTENS, OPENED, SERVER_SECOND, SERVER_WAITS},
    sockets::{close_in_turn, end, listening},
    trace::{Trace, Transition},
    wire::{RST, Wire},
};

in_both_families!(
    a_connection_that_ss_kills_keeps_its_owner,
    a_time_wait_that_ss_kills_keeps_its_owner,
    an_orphan_in_fin_wait2_that_ss_kills_keeps_its_owner,
    a_half_open_connection_that_ss_kills_keeps_its_owner,
    a_connect_that_ss_kills_keeps_its_owner,
    a_listener_that_ss_kills_keeps_its_owner,
);

/// Kills the sockets in a state with a local port, in the namespace of this thread.
fn kill(state: &str, port: u16) {
    let told = without_descriptors(|| {
        Command::new("ss")
            .args([
                "-K",
                "-t",
                "-n",
                "state",
                state,
                &format!("sport = :{port}"),
            ])
            .output()
            .expect("ss of iproute2")
    });
    let text = String::from_utf8_lossy(&told.stdout);
    assert!(
        text.contains(&port.to_string()),
        "ss killed nothing: {told:?}"
    );
}

fn is_ours(path: &[Transition]) {
    let comm = std::fs::read_to_string("/proc/self/comm").unwrap();
    for it in path {
        assert_eq!(it.pid, Some(std::process::id()), "{it:?}");
        assert_eq!(it.comm.as_deref(), Some(comm.trim_end()), "{it:?}");
    }
}

fn a_connection_that_ss_kills_keeps_its_owner(family: Family) {
    let net = Namespace::new();
    let mut trace = Trace::of(&net).start();
    let (client, _server) = net.connect(family);
    let end = end(&client);
    kill("established", end.local);
    let ours = trace.expect(end, &format!("{OPENED} -killed-> CLOSED"));
    is_ours(&ours);
    let theirs = trace.expect(end.peer(), &format!("{ACCEPTED} -reset_by_peer-> CLOSED"));
    is_ours(&theirs);
    drop(client);
    trace.stop();
}

fn a_time_wait_that_ss_kills_keeps_its_owner(family: Family) {
    let net = Namespace::new();
    let mut trace = Trace::of(&net).start();
    let (client, server) = net.connect(family);
    let end = end(&client);
    close_in_turn(client, server);
    let before =
        format!("{OPENED} -fin_sent-> FIN_WAIT1 -fin_acked-> FIN_WAIT2 -fin_received-> TIME_WAIT");
    trace.expect(end, &before);
    kill("time-wait", end.local);
    let path = trace.expect(end, &format!("{before} -killed-> CLOSED"));
    is_ours(&path);
    trace.expect(end.peer(), SERVER_SECOND);
    trace.stop();
}

fn an_orphan_in_fin_wait2_that_ss_kills_keeps_its_owner(family: Family) {
    let net = Namespace::new();
    let mut trace = Trace::of(&net).start();
    let (client, _server) = net.connect(family);
    let end = end(&client);
    drop(client);
    let before = format!("{OPENED} -fin_sent-> FIN_WAIT1 -fin_acked-> FIN_WAIT2");
    trace.expect(end, &before);
    kill("fin-wait-2", end.local);
    let path = trace.expect(end, &format!("{before} -killed-> CLOSED"));
    is_ours(&path);
    trace.expect(end.peer(), SERVER_WAITS);
    trace.stop();
}

fn a_half_open_connection_that_ss_kills_keeps_its_owner(family: Family) {
    let net = Namespace::new();
    let wire = Wire::new(&net, family);
    let mut trace = Trace::of(&net).start();
    let (_listener, port) = wire.listen();
    let peer = wire.syn(port);
    trace.expect(peer.end(), "LISTEN -syn_received-> SYN_RECV");
    kill("syn-recv", peer.end().local);
    let path = trace.expect(
        peer.end(),
        "LISTEN -syn_received-> SYN_RECV -killed-> CLOSED",
    );
    is_ours(&path);
    trace.stop();
}

fn a_connect_that_ss_kills_keeps_its_owner(family: Family) {
    let net = Namespace::new();
    let wire = Wire::new(&net, family);
    let mut trace = Trace::of(&net).start();
    let (socket, mut peer) = wire.connect(&net);
    trace.expect(peer.end(), "CLOSED -connect-> SYN_SENT");
    kill("syn-sent", peer.end().local);
    let path = trace.expect(peer.end(), "CLOSED -connect-> SYN_SENT -killed-> CLOSED");
    is_ours(&path);
    drop(socket);
    peer.send(RST);
    trace.stop();
}

fn a_listener_that_ss_kills_keeps_its_owner(family: Family) {
    let net = Namespace::new();
    let mut trace = Trace::of(&net).start();
    let listener = net.listen(family);
    // Nobody has accepted it: it goes with its listener.
    let client = TcpStream::connect(listener.local_addr().unwrap()).unwrap();
    let (end, listening) = (end(&client), listening(&listener));
    trace.expect(end.peer(), ACCEPTED);
    kill("listening", listening.local);
    let path = trace.expect(end.peer(), &format!("{ACCEPTED} -reset_by_us-> CLOSED"));
    is_ours(&path);
    let path = trace.expect(listening, &format!("{LISTENS} -listener_closed-> CLOSED"));
    is_ours(&path);
    trace.expect(end, &format!("{OPENED} -reset_by_peer-> CLOSED"));
    drop(listener);
    trace.stop();
}
