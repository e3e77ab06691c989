//! Connections that are half-open: a SYN came, and its SYN+ACK waits for an answer.

use std::{
    process::{Child, Command, Output, Stdio},
    thread::sleep,
    time::{Duration, Instant},
};

use nix::{
    sched::{CpuSet, sched_getcpu, sched_setaffinity},
    sys::signal::{Signal, kill},
    unistd::Pid,
};

use crate::{
    Family, in_both_families,
    namespace::Namespace,
    trace::{End, Trace, binary},
    wire::{ACK, RST, SYN, Wire},
};

in_both_families!(
    a_half_open_connection_is_seen_before_its_third_segment,
    a_syn_that_comes_again_is_told_once,
    a_half_open_connection_that_the_peer_resets_ends,
    a_half_open_connection_that_is_reset_after_a_syn_cookie_ends,
    a_half_open_connection_that_nobody_completes_times_out,
    a_half_open_connection_whose_syn_ack_is_sent_again_times_out_later,
    a_half_open_connection_goes_when_its_listener_is_closed,
    a_half_open_connection_whose_listener_is_gone_ends_at_the_third_segment,
    a_half_open_connection_ends_by_icmp,
);

fn a_half_open_connection_is_seen_before_its_third_segment(family: Family) {
    let net = Namespace::new();
    let wire = Wire::new(&net, family);
    let mut trace = Trace::of(&net).start();
    let (listener, port) = wire.listen();
    let mut peer = wire.syn(port);
    let path = trace.expect(peer.end(), "LISTEN -syn_received-> SYN_RECV");
    assert_eq!(path[0].remote_addr, Some(peer.addr().ip().to_string()));
    assert_eq!(path[0].opener.as_deref(), Some("remote"));
    assert_eq!(
        path[0].pid,
        Some(std::process::id()),
        "the listener's owner"
    );
    sleep(Duration::from_millis(200));
    peer.send(ACK);
    let path = trace.expect(
        peer.end(),
        "LISTEN -syn_received-> SYN_RECV -handshake_complete-> ESTABLISHED",
    );
    assert!(
        path[1].held() >= Some(Duration::from_millis(200)),
        "{path:?}"
    );
    drop(listener);
    trace.expect(
        peer.end(),
        "LISTEN -syn_received-> SYN_RECV -handshake_complete-> ESTABLISHED
         -reset_by_us-> CLOSED",
    );
    trace.stop();
}

fn a_syn_that_comes_again_is_told_once(family: Family) {
    let net = Namespace::new();
    let wire = Wire::new(&net, family);
    let mut trace = Trace::of(&net).start();
    let (_listener, port) = wire.listen();
    let mut peer = wire.syn(port);
    // The SYN+ACK is sent again, first for another SYN and then by its timer.
    sleep(Duration::from_millis(600));
    peer.seq = peer.seq.wrapping_sub(1);
    peer.send(SYN);
    peer.receive(SYN | ACK);
    peer.receive(SYN | ACK);
    trace.wait(Duration::from_millis(200));
    peer.send(ACK);
    let path = trace.expect(
        peer.end(),
        "LISTEN -syn_received-> SYN_RECV -handshake_complete-> ESTABLISHED",
    );
    assert!(
        path[1].held() > Some(Duration::from_millis(700)),
        "{path:?}"
    );
    trace.stop();
}

fn a_half_open_connection_that_the_peer_resets_ends(family: Family) {
    let net = Namespace::new();
    let wire = Wire::new(&net, family);
    let mut trace = Trace::of(&net).start();
    let (_listener, port) = wire.listen();
    let mut peer = wire.syn(port);
    peer.send(RST);
    let path = trace.expect(
        peer.end(),
        "LISTEN -syn_received-> SYN_RECV -reset_by_peer-> CLOSED",
    );
    assert_eq!(path[1].closer.as_deref(), Some("remote"));
    trace.stop();
}

/// The kernel half expects the request of every child to go next on that CPU. A SYN cookie leaves
/// none.
fn a_half_open_connection_that_is_reset_after_a_syn_cookie_ends(family: Family) {
    let mut one = CpuSet::new();
    one.set(sched_getcpu().unwrap()).unwrap();
    sched_setaffinity(Pid::from_raw(0), &one).unwrap();
    let net = Namespace::new();
    let wire = Wire::new(&net, family);
    let mut trace = Trace::of(&net).start();
    let (_listener, port) = wire.listen();

    net.set("tcp_syncookies", 2);
    let mut completed = wire.syn(port);
    completed.send(ACK);
    trace.expect(
        completed.end(),
        "LISTEN -syn_received-> SYN_RECV -handshake_complete-> ESTABLISHED",
    );
    net.set("tcp_syncookies", 0);
    let mut half_open = wire.syn(port);
    half_open.send(RST);
    trace.expect(
        half_open.end(),
        "LISTEN -syn_received-> SYN_RECV -reset_by_peer-> CLOSED",
    );
    completed.send(RST | ACK);
    trace.expect(
        completed.end(),
        "LISTEN -syn_received-> SYN_RECV -handshake_complete-> ESTABLISHED
         -reset_by_peer-> CLOSED",
    );
    trace.stop();
}

fn a_half_open_connection_that_nobody_completes_times_out(family: Family) {
    let net = Namespace::new();
    net.set("tcp_synack_retries", 0);
    let wire = Wire::new(&net, family);
    let mut trace = Trace::of(&net).start();
    let (_listener, port) = wire.listen();
    let peer = wire.syn(port);
    let path = trace.expect(
        peer.end(),
        "LISTEN -syn_received-> SYN_RECV -timed_out-> CLOSED",
    );
    let held = path[1].held().unwrap();
    assert!(
        held > Duration::from_millis(900) && held < Duration::from_secs(3),
        "{held:?}"
    );
    assert_eq!(path[1].closer, None);
    trace.stop();
}

fn a_half_open_connection_whose_syn_ack_is_sent_again_times_out_later(family: Family) {
    let net = Namespace::new();
    net.set("tcp_synack_retries", 1);
    let wire = Wire::new(&net, family);
    let mut trace = Trace::of(&net).start();
    let (_listener, port) = wire.listen();
    let mut peer = wire.syn(port);
    peer.receive(SYN | ACK);
    let path = trace.expect(
        peer.end(),
        "LISTEN -syn_received-> SYN_RECV -timed_out-> CLOSED",
    );
    let held = path[1].held().unwrap();
    assert!(
        held > Duration::from_millis(2900) && held < Duration::from_secs(5),
        "{held:?}"
    );
    trace.stop();
}

fn a_half_open_connection_goes_when_its_listener_is_closed(family: Family) {
    let net = Namespace::new();
    let wire = Wire::new(&net, family);
    let mut trace = Trace::of(&net).start();
    let (listener, port) = wire.listen();
    let peer = wire.syn(port);
    drop(listener);
    // The kernel notices when it would send the SYN+ACK again.
    trace.expect(
        peer.end(),
        "LISTEN -syn_received-> SYN_RECV -listener_closed:listener_gone-> CLOSED",
    );
    trace.expect(
        End {
            local: port,
            remote: 0,
        },
        "CLOSED -listen-> LISTEN -listener_closed-> CLOSED",
    );
    trace.stop();
}

fn a_half_open_connection_whose_listener_is_gone_ends_at_the_third_segment(family: Family) {
    let net = Namespace::new();
    let wire = Wire::new(&net, family);
    let mut trace = Trace::of(&net).start();
    let (listener, port) = wire.listen();
    let mut peer = wire.syn(port);
    drop(listener);
    peer.send(ACK);
    trace.expect(
        peer.end(),
        "LISTEN -syn_received-> SYN_RECV -listener_closed:listener_gone-> CLOSED",
    );
    trace.stop();
}

fn a_half_open_connection_ends_by_icmp(family: Family) {
    let net = Namespace::new();
    let wire = Wire::new(&net, family);
    let mut trace = Trace::of(&net).start();
    let (_listener, port) = wire.listen();
    let mut peer = wire.syn(port);
    // It can't be the SYN+ACK that was taken already.
    peer.seq = peer.seq.wrapping_sub(1);
    peer.send(SYN);
    let about = peer.receive(SYN | ACK);
    // Host unreachable; in IPv6, only what is prohibited ends it at once.
    let (kind, code) = if family == Family::V4 { (3, 1) } else { (1, 1) };
    peer.unreachable(kind, code, &about);
    trace.expect(
        peer.end(),
        "LISTEN -syn_received-> SYN_RECV -unreachable:icmp-> CLOSED",
    );
    trace.stop();
}

#[test]
fn what_was_half_open_while_tracing_began_is_not_taken_for_half_open_for_ever() {
    let net = Namespace::new();
    let listener = net.listen(Family::V4);
    let connect = |time: Duration| {
        let began = Instant::now();
        while began.elapsed() < time {
            drop(net.connect_to(&listener));
        }
    };
    // Each begins while connections are made.
    let traces: Vec<Child> = (0..4)
        .map(|_| {
            let mut command = Command::new(binary());
            command.args(["stats", "-o", "json", "--netns", &net.inode().to_string()]);
            let trace = command.stdout(Stdio::piped()).spawn().expect("tcptrace");
            connect(Duration::from_millis(700));
            trace
        })
        .collect();
    connect(Duration::from_secs(3));
    sleep(Duration::from_millis(300));
    let outputs: Vec<Output> = traces
        .into_iter()
        .map(|trace| {
            kill(Pid::from_raw(trace.id() as i32), Signal::SIGINT).expect("it is there");
            trace.wait_with_output().expect("its end")
        })
        .collect();
    for output in outputs {
        let text = String::from_utf8_lossy(&output.stdout);
        let line = text.lines().find(|it| it.contains("\"type\":\"stats\""));
        let stats: serde_json::Value = serde_json::from_str(line.expect("a report")).expect("JSON");
        assert_eq!(stats["states"]["SYN_RECV"]["now"], 0, "{stats}");
    }
}
