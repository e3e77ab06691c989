//! `tcptrace stats`: what happened, summed up, against what the test did.

use std::{
    io::{Read as _, Write as _},
    net::{SocketAddr, TcpListener, TcpStream},
    thread::sleep,
    time::Duration,
};

use nix::{
    sys::signal::{Signal, kill},
    unistd::Pid,
};
use serde_json::Value;
use socket2::{SockRef, Socket};

use crate::{
    Family, in_both_families,
    namespace::Namespace,
    sockets::{await_reset, begin_connect, close_in_turn, end, reset},
    trace::{Raw, Trace},
    wire::{ACK, Wire},
};

in_both_families!(
    closes_are_counted_by_state_end_and_maker,
    half_open_connections_are_told_with_their_listener,
    what_a_full_listener_drops_is_told,
    a_table_says_the_same_of_an_end_wherever_it_stands,
);

/// For softirq and tcptrace's poll.
const SETTLED: Duration = Duration::from_millis(300);

fn start<const N: usize>(net: &Namespace, arguments: [&str; N]) -> Raw {
    Trace::of(net)
        .subcommand("stats")
        .with(arguments)
        .start_raw()
}

/// All reports.
fn reports(raw: Raw) -> Vec<Value> {
    sleep(SETTLED);
    raw.stop()
        .lines()
        .map(|line| serde_json::from_str::<Value>(line).expect(line))
        .filter(|line| line["type"] == "stats")
        .collect()
}

/// The only report.
fn report(raw: Raw) -> Value {
    let mut reports = reports(raw);
    assert_eq!(reports.len(), 1, "{reports:#?}");
    reports.remove(0)
}

/// A request and its answer of one segment each, then a close by the client.
fn short_connection(listener: &TcpListener) -> u16 {
    let mut client = TcpStream::connect(listener.local_addr().unwrap()).unwrap();
    let (mut server, _) = listener.accept().unwrap();
    exchange(&mut client, &mut server);
    let port = client.local_addr().unwrap().port();
    close_in_turn(client, server);
    port
}

fn exchange(client: &mut TcpStream, server: &mut TcpStream) {
    let mut buffer = [0; 10];
    client.write_all(&[1; 10]).unwrap();
    server.read_exact(&mut buffer).unwrap();
    server.write_all(&[2; 10]).unwrap();
    client.read_exact(&mut buffer).unwrap();
}

fn port_of(listener: &TcpListener) -> u16 {
    listener.local_addr().unwrap().port()
}

fn closes_are_counted_by_state_end_and_maker(family: Family) {
    let net = Namespace::new();
    let listener = net.listen(family);
    let trace = start(&net, []);
    for _ in 0..7 {
        short_connection(&listener);
    }
    let (client, server) = net.connect(family);
    reset(client);
    await_reset(&server);
    drop(server);
    let told = report(trace);

    assert_eq!(told["span"], "run");
    assert_eq!(told["lost"], 0);
    let state = |name: &str| &told["states"][name];
    for (name, entered, left, now) in [
        ("SYN_SENT", 8, 8, 0),
        ("SYN_RECV", 8, 8, 0),
        ("ESTABLISHED", 16, 16, 0),
        ("FIN_WAIT1", 7, 7, 0),
        ("TIME_WAIT", 7, 0, 7),
        ("CLOSE_WAIT", 7, 7, 0),
        ("LAST_ACK", 7, 7, 0),
        ("CLOSING", 0, 0, 0),
    ] {
        let it = state(name);
        assert_eq!(it["entered"], entered, "{name} of {told:#}");
        assert_eq!(it["left"], left, "{name} of {told:#}");
        assert_eq!(it["now"], now, "{name} of {told:#}");
    }
    let held = &state("ESTABLISHED")["held_ns"];
    assert_eq!(held["count"], 16);
    let quantile = |name: &str| held[name].as_u64().expect(name);
    assert!(quantile("p50") <= quantile("p90") && quantile("p99") <= quantile("max"));
    assert!(state("TIME_WAIT")["held_ns"].is_null(), "none has ended");

    assert_eq!(told["ends"]["graceful"], 14);
    assert_eq!(told["ends"]["reset_by_us"], 1);
    assert_eq!(told["ends"]["reset_by_peer"], 1);

    let makers = told["time_wait_makers"].as_array().unwrap();
    assert_eq!(makers.len(), 1, "{makers:#?}");
    let maker = &makers[0];
    assert_eq!(maker["count"], 7);
    assert_eq!(maker["ports_held"], 7);
    assert_eq!(maker["port"], port_of(&listener));
    assert_eq!(maker["remote_addr"], family.loopback().to_string());
    assert_eq!(maker["opener"], "local");
    assert_eq!(maker["pid"], std::process::id());
    assert!(maker["per_s"].as_f64().unwrap() > 0.0);

    let services = told["services"].as_array().unwrap();
    let of = |opener: &str| {
        let found = services
            .iter()
            .find(|it| it["opener"] == opener && it["port"] == port_of(&listener));
        found.unwrap_or_else(|| panic!("{opener} in {services:#?}"))
    };
    for (opener, left_here) in [("local", 7), ("remote", 0)] {
        assert_eq!(of(opener)["short"], 7);
        assert_eq!(of(opener)["short_share"], 1.0);
        assert_eq!(of(opener)["time_waits_of_short"], left_here);
    }
}

#[test]
fn a_kept_connection_is_no_short_one() {
    let net = Namespace::new();
    let listener = net.listen(Family::V4);
    let trace = start(&net, []);
    short_connection(&listener);
    let mut client = TcpStream::connect(listener.local_addr().unwrap()).unwrap();
    let (mut server, _) = listener.accept().unwrap();
    for _ in 0..5 {
        exchange(&mut client, &mut server);
    }
    close_in_turn(client, server);
    let told = report(trace);
    for service in told["services"].as_array().unwrap() {
        assert_eq!(
            (&service["short"], &service["long"]),
            (&1.into(), &1.into()),
            "{told:#}"
        );
        assert_eq!(service["short_share"], 0.5);
    }
}

#[test]
fn failed_handshakes_are_counted_by_reason() {
    let net = Namespace::new();
    let trace = start(&net, []);
    for _ in 0..3 {
        let nobody = SocketAddr::from(([127, 0, 0, 1], 1));
        TcpStream::connect(nobody).expect_err("nobody listens");
    }
    let told = report(trace);
    let failed = told["failed_handshakes"].as_array().unwrap();
    assert_eq!(failed.len(), 1, "{told:#}");
    assert_eq!(failed[0]["state"], "SYN_SENT");
    assert_eq!(failed[0]["reason"], "refused");
    assert_eq!(failed[0]["count"], 3);
    assert_eq!(told["ends"]["refused"], 3);
}

fn half_open_connections_are_told_with_their_listener(family: Family) {
    let net = Namespace::new();
    let wire = Wire::new(&net, family);
    let listener = TcpListener::bind((wire.host(), 0)).unwrap();
    let trace = start(&net, []);
    let mut first = wire.syn(port_of(&listener));
    let _second = wire.syn(port_of(&listener));
    first.send(ACK);
    let told = report(trace);
    let listeners = told["listeners"].as_array().unwrap();
    assert_eq!(listeners.len(), 1, "{told:#}");
    let it = &listeners[0];
    assert_eq!(it["port"], port_of(&listener));
    assert_eq!(it["syns"], 2);
    assert_eq!(it["completed"], 1);
    assert_eq!(it["half_open"], 1);
    assert_eq!(told["states"]["SYN_RECV"]["now"], 1);
}

/// A SYN that comes to a listener without room, which has dropped it when this returns.
pub fn dropped_syn(net: &Namespace, family: Family, listener: &TcpListener) -> Socket {
    let socket = net.socket(family);
    begin_connect(&socket, listener.local_addr().unwrap());
    sleep(Duration::from_millis(20));
    socket
}

fn what_a_full_listener_drops_is_told(family: Family) {
    let net = Namespace::new();
    let [full, empty] = [(); 2].map(|()| {
        let listener = net.listen(family);
        SockRef::from(&listener).listen(0).unwrap();
        listener
    });
    // One waits, and there is no room for another.
    let _waiting = TcpStream::connect(full.local_addr().unwrap()).unwrap();
    let _before = dropped_syn(&net, family, &full);
    let trace = start(&net, []);
    let _more = [(); 3].map(|()| dropped_syn(&net, family, &full));
    short_connection(&empty);
    let told = report(trace);
    let of = |listener: &TcpListener| {
        let rows = told["listeners"].as_array().unwrap().iter();
        let mut rows = rows.filter(|it| it["port"] == port_of(listener));
        let row = rows.next().unwrap_or_else(|| panic!("{told:#}"));
        assert!(rows.next().is_none(), "{told:#}");
        row
    };
    // They are sent again after a second, those from before, too.
    let dropped = of(&full)["dropped"].as_u64();
    assert!((3..8).contains(&dropped.unwrap()), "{told:#}");
    assert_eq!(of(&full)["syns"], 0, "none was answered");
    assert_eq!(of(&full)["addr"], family.loopback().to_string());
    assert_eq!(of(&empty)["dropped"], 0);
    assert_eq!(of(&empty)["syns"], 1);
}

fn a_table_says_the_same_of_an_end_wherever_it_stands(family: Family) {
    let net = Namespace::new();
    let wire = Wire::new(&net, family);
    let child = Trace::of(&net).subcommand("stats").start_table();
    let socket = net.socket(family);
    begin_connect(&socket, wire.peer());
    sleep(Duration::from_millis(20));
    drop(socket);
    sleep(SETTLED);
    kill(Pid::from_raw(child.id().cast_signed()), Signal::SIGTERM).unwrap();
    let output = child.wait_with_output().expect("its output");
    let table = String::from_utf8(output.stdout).expect("UTF-8");
    for heading in ["1 connection ended", "1 handshake failed"] {
        let mut lines = table.lines().skip_while(|line| *line != heading).skip(1);
        let line = lines.next().unwrap_or_else(|| panic!("{table}"));
        assert!(line.ends_with("given up"), "{table}");
    }
}

#[test]
fn what_a_listener_drops_is_told_for_each_interval() {
    let net = Namespace::new();
    let full = TcpListener::bind("0.0.0.0:0").unwrap();
    SockRef::from(&full).listen(0).unwrap();
    let port = port_of(&full);
    let _waiting = TcpStream::connect(("127.0.0.1", port)).unwrap();
    let mut trace = start(&net, ["--interval", "500ms"]);
    let socket = net.socket(Family::V4);
    begin_connect(&socket, ([127, 0, 0, 1], port).into());
    let row = |report: &Value| {
        let rows = report["listeners"].as_array().unwrap();
        rows.iter().find(|it| it["port"] == port).cloned()
    };
    // Sent after 1, 2 and 4 s again, each in an interval of its own.
    let mut counts = Vec::new();
    while counts.len() < 8 {
        let line = trace.line().expect("an interval");
        let report: Value = serde_json::from_str(&line).expect("JSON");
        assert_eq!(report["type"], "stats");
        counts.push(row(&report).map_or(0, |it| it["dropped"].as_u64().expect("known")));
    }
    drop(socket);
    drop(full);
    let last = report_of_run(trace);
    let told: u64 = counts.iter().sum();
    assert!((3..5).contains(&told), "{counts:?}");
    assert!(counts.iter().all(|it| *it <= 1), "{counts:?}");
    // It does not listen any more: what it dropped last nobody knows.
    assert!(
        row(&last).is_none_or(|it| it["dropped"].is_null()),
        "{last:#}"
    );
}

fn report_of_run(raw: Raw) -> Value {
    let all = reports(raw);
    let run = all.into_iter().find(|it| it["span"] == "run");
    run.expect("one of the whole run")
}

#[test]
fn ports_of_a_destination_are_counted_against_the_range_and_run_out() {
    let net = Namespace::new();
    net.set("ip_local_port_range", "50000 50009");
    net.set("ip_local_reserved_ports", "50009");
    // Over loopback, connect() would take a TIME_WAIT over after a second.
    net.set("tcp_tw_reuse", 0);
    // Not one of the range.
    let listener = TcpListener::bind("127.0.0.1:7000").unwrap();
    let trace = start(&net, []);
    for _ in 0..6 {
        short_connection(&listener);
    }
    let told = report(trace);
    let ports = told["ports"].as_array().unwrap();
    assert_eq!(ports.len(), 1, "{told:#}");
    let it = &ports[0];
    assert_eq!(it["remote_port"], 7000);
    assert_eq!(it["taken"], 6);
    assert_eq!(it["time_waits"], 6);
    assert_eq!(it["available"], 9);
    assert!(it["settles_at"].as_f64().unwrap() > 9.0, "{it:#}");
    let left = it["exhausted_in_s"].as_f64().expect("they run out");
    assert!((0.0..5.0).contains(&left), "{it:#}");

    let trace = start(&net, []);
    for _ in 0..3 {
        short_connection(&listener);
    }
    TcpStream::connect(listener.local_addr().unwrap()).expect_err("there is no port left");
    let told = report(trace);
    assert_eq!(told["ports"][0]["taken"], 9, "older ones count: {told:#}");
    assert_eq!(told["ports"][0]["exhausted_in_s"], 0.0);
    assert_eq!(told["failed_handshakes"][0]["detail"], "no_free_port");
}

#[test]
fn ports_that_bind_took_count_for_every_destination() {
    let net = Namespace::new();
    net.set("ip_local_port_range", "50000 50009");
    let listeners = ["127.0.0.1:7000", "127.0.0.1:7001"].map(|it| TcpListener::bind(it).unwrap());
    let trace = start(&net, []);
    let any = SocketAddr::from(([127, 0, 0, 1], 0));
    let mut held = Vec::new();
    for listener in listeners.iter().cycle().take(10) {
        let client = net.socket(Family::V4);
        client.bind(&any.into()).unwrap();
        client
            .connect(&listener.local_addr().unwrap().into())
            .unwrap();
        held.push((client, listener.accept().unwrap()));
    }
    let eleventh = net.socket(Family::V4).bind(&any.into());
    assert_eq!(eleventh.unwrap_err().raw_os_error(), Some(libc::EADDRINUSE));
    let told = report(trace);
    let ports = told["ports"].as_array().unwrap();
    assert_eq!(ports.len(), 2, "{told:#}");
    for it in ports {
        assert_eq!((&it["taken"], &it["available"]), (&10.into(), &10.into()));
        assert_eq!(it["exhausted_in_s"], 0.0);
    }
}

#[test]
fn ports_of_listeners_and_of_what_they_accepted_are_taken_too() {
    let net = Namespace::new();
    net.set("ip_local_port_range", "50000 50009");
    let listener = net.listen(Family::V4);
    let servers = TcpListener::bind("127.0.0.1:7000").unwrap();
    let trace = start(&net, []);
    let _clients = [(); 3].map(|()| net.connect_to(&servers));
    let accepted = net.connect_to(&listener);
    let told = report(trace);
    let ports = told["ports"].as_array().unwrap();
    // To the listener: the client's port, and the listener's own.
    let taken = |port: u16| {
        let row = ports.iter().find(|it| it["remote_port"] == port);
        row.unwrap_or_else(|| panic!("{told:#}"))["taken"].clone()
    };
    assert_eq!(taken(7000), 4);
    assert_eq!(taken(port_of(&listener)), 2);
    drop(accepted);
}

#[test]
fn ports_that_connect_takes_over_do_not_run_out() {
    let net = Namespace::new();
    net.set("ip_local_port_range", "50000 50019");
    net.set("tcp_tw_reuse", 2);
    let listener = TcpListener::bind("127.0.0.1:7000").unwrap();
    let trace = start(&net, []);
    // 20 ports, and 30 connections: after a second they are there again.
    for _ in 0..30 {
        short_connection(&listener);
        sleep(Duration::from_millis(150));
    }
    sleep(Duration::from_millis(1200));
    let told = report(trace);
    let it = &told["ports"][0];
    assert_eq!(it["exhausted_in_s"], Value::Null, "{it:#}");
    assert!(it["settles_at"].as_f64().unwrap() < 5.0, "{it:#}");
}

#[test]
fn intervals_add_up_to_the_run() {
    let net = Namespace::new();
    let listener = net.listen(Family::V4);
    let trace = start(&net, ["--interval", "200ms"]);
    for _ in 0..5 {
        short_connection(&listener);
        sleep(Duration::from_millis(150));
    }
    let reports = reports(trace);
    let (run, intervals) = reports.split_last().unwrap();
    assert_eq!(run["span"], "run");
    assert!(intervals.len() >= 3, "{}", intervals.len());
    let entered = |report: &Value| report["states"]["SYN_SENT"]["entered"].as_u64().unwrap();
    assert!(
        intervals
            .iter()
            .all(|it| it["span"] == "interval" && entered(it) < 5)
    );
    assert_eq!(entered(run), 5);
    // What came behind the last interval is in the run alone.
    assert!(intervals.iter().map(entered).sum::<u64>() <= 5);
    for pair in intervals.windows(2) {
        assert_eq!(pair[0]["period"]["to"], pair[1]["period"]["from"]);
    }
    assert_eq!(run["period"]["from"], intervals[0]["period"]["from"]);
}

#[test]
fn so_many_reports_are_enough() {
    let net = Namespace::new();
    let mut told = Trace::of(&net)
        .subcommand("stats")
        .with(["--interval", "100ms", "-n", "2"])
        .start_raw();
    let lines = told.rest();
    let spans: Vec<Value> = lines
        .lines()
        .map(|line| serde_json::from_str::<Value>(line).unwrap())
        .filter(|line| line["type"] == "stats")
        .map(|line| line["span"].clone())
        .collect();
    assert_eq!(spans, ["interval", "interval", "run"]);
}

#[test]
fn figures_are_broken_down_by_port() {
    let net = Namespace::new();
    let (one, other) = (net.listen(Family::V4), net.listen(Family::V4));
    let trace = start(&net, ["--by", "port"]);
    for _ in 0..3 {
        short_connection(&one);
    }
    short_connection(&other);
    let told = report(trace);
    assert_eq!(told["by"], "port");
    let groups = told["groups"].as_array().unwrap();
    assert_eq!(groups.len(), 2, "{told:#}");
    for (group, listener, count) in [(&groups[0], &one, 3), (&groups[1], &other, 1)] {
        assert_eq!(group["value"], port_of(listener));
        assert_eq!(group["states"]["TIME_WAIT"]["entered"], count);
        assert_eq!(group["states"]["TIME_WAIT"]["now"], count);
        assert_eq!(group["ends"]["graceful"], 2 * count);
    }
}

#[test]
fn a_filter_narrows_everything_down() {
    let net = Namespace::new();
    let (one, other) = (net.listen(Family::V4), net.listen(Family::V4));
    let trace = start(&net, ["-P", &port_of(&one).to_string()]);
    short_connection(&one);
    short_connection(&other);
    let told = report(trace);
    assert_eq!(told["states"]["SYN_SENT"]["entered"], 1);
    assert_eq!(told["states"]["TIME_WAIT"]["now"], 1);
    assert_eq!(
        told["services"].as_array().unwrap().len(),
        2,
        "one of each side: {told:#}"
    );
}

#[test]
fn what_is_there_already_is_counted_as_there() {
    let net = Namespace::new();
    let listener = net.listen(Family::V4);
    short_connection(&listener);
    let (client, _server) = net.connect(Family::V4);
    let trace = start(&net, []);
    let told = report(trace);
    assert_eq!(told["states"]["ESTABLISHED"]["now"], 2, "{told:#}");
    assert_eq!(told["states"]["TIME_WAIT"]["now"], 1);
    assert_eq!(told["states"]["LISTEN"]["now"], 1);
    assert_eq!(told["states"]["ESTABLISHED"]["entered"], 0);
    let taken: Vec<_> = told["ports"].as_array().unwrap().iter().collect();
    // The one of the connection, and that of the listener, which bind() took.
    let to = |port: u16| {
        taken
            .iter()
            .any(|it| it["remote_port"] == port && it["taken"] == 2)
    };
    assert!(
        to(end(&client).remote) && to(port_of(&listener)),
        "{told:#}"
    );
}

#[test]
fn csv_has_a_line_a_state() {
    let net = Namespace::new();
    let raw = Trace::of(&net)
        .subcommand("stats")
        .with(["--by", "netns"])
        .start_csv();
    assert_eq!(
        raw.first.trim_end(),
        "time,span,period_ns,by,value,state,entered,left,retried,now,held_p50_ns,held_p90_ns,\
         held_p99_ns,held_max_ns"
    );
    short_connection(&net.listen(Family::V4));
    sleep(SETTLED);
    let lines = raw.stop();
    let of_all: Vec<&str> = lines
        .lines()
        .filter(|line| line.contains(",run,"))
        .collect();
    assert_eq!(
        of_all.len(),
        20,
        "ten of all, and ten of the namespace: {lines}"
    );
    let of_netns = format!(",netns,{},SYN_SENT,1,1,0,0,", net.inode());
    assert!(lines.contains(&of_netns), "{lines}");
}
