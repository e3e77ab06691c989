//! Connections that differ in nothing but the link that they are on.

use std::{
    net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr, TcpListener},
    process::Command,
    thread::sleep,
    time::{Duration, Instant},
};

use nix::sys::socket::{setsockopt, sockopt::BindToDevice};
use serde_json::Value;
use socket2::Socket;

use crate::{
    Family, flow, in_both_families,
    namespace::Namespace,
    patience::patient,
    trace::{Trace, Tracing, Transition, binary},
    wire::{ACK, FIN, RST, SYN, Wire},
};

in_both_families!(
    half_open_connections_on_two_devices_are_two,
    connections_from_two_devices_keep_their_link_until_the_end_of_time_wait,
    an_rst_of_ours_on_one_device_is_none_on_the_other,
    a_listener_with_a_device_is_shown_with_it,
);

const LEFT: &str = "left";
const RIGHT: &str = "right";
const BY_ITSELF: &str = "each transition is looked at by itself: ports do not tell them apart";

/// Two wires with the same addresses.
fn wires(net: &Namespace, family: Family) -> [Wire; 2] {
    let wires = [LEFT, RIGHT].map(|device| Wire::called(net, family, device));
    for device in ["all", LEFT, RIGHT] {
        let path = format!("/proc/sys/net/ipv4/conf/{device}/rp_filter");
        std::fs::write(path, "0").expect("packets may come by both");
    }
    wires
}

/// A listener at all addresses that gets what comes by one device.
fn listen_on(net: &Namespace, family: Family, device: &str, port: u16) -> TcpListener {
    let socket = net.socket(family);
    bind_to(&socket, device);
    let any: IpAddr = match family {
        Family::V4 => Ipv4Addr::UNSPECIFIED.into(),
        Family::V6 => Ipv6Addr::UNSPECIFIED.into(),
    };
    socket.bind(&SocketAddr::from((any, port)).into()).unwrap();
    socket.listen(8).unwrap();
    net.listeners().add(port);
    socket.into()
}

fn bind_to(socket: &Socket, device: &str) {
    setsockopt(socket, BindToDevice, &device.into()).expect("bound to the device");
}

/// Waits for a transition on a link.
fn on(trace: &mut Tracing, link: &str, from: &str, reason: &str, to: &str) -> Transition {
    trace.until(|it| {
        it.interface.as_deref() == Some(link)
            && (&*it.from, &*it.reason, &*it.to) == (from, reason, to)
    })
}

/// How many lines there are of a transition.
fn count(transitions: &[Transition], from: &str, to: &str) -> usize {
    let fits = |it: &&Transition| (&*it.from, &*it.to) == (from, to);
    transitions.iter().filter(fits).count()
}

/// One link's connection is reset 200 ms after its SYN came, and 100 ms after the other's came,
/// which is completed then.
fn two_half_open_are_two(trace: &mut Tracing, [left, right]: &[Wire; 2], port: u16) {
    trace.only_counted(BY_ITSELF);
    let mut one = left.syn(port);
    sleep(Duration::from_millis(100));
    let mut other = right.syn(port);
    assert_eq!(one.end(), other.end(), "they differ in their link alone");
    let begun = [LEFT, RIGHT].map(|it| on(trace, it, "LISTEN", "syn_received", "SYN_RECV"));
    assert_eq!(begun[0].remote_addr, begun[1].remote_addr);
    sleep(Duration::from_millis(100));
    one.send(RST);
    let reset = on(trace, LEFT, "SYN_RECV", "reset_by_peer", "CLOSED");
    assert!(
        reset.held() >= Some(Duration::from_millis(200)),
        "{reset:?}"
    );
    other.send(ACK);
    let done = on(
        trace,
        RIGHT,
        "SYN_RECV",
        "handshake_complete",
        "ESTABLISHED",
    );
    assert!(done.held() >= Some(Duration::from_millis(100)), "{done:?}");
    trace.settle();
    let all = trace.transitions();
    assert_eq!(count(all, "LISTEN", "SYN_RECV"), 2, "{all:?}");
    assert_eq!(count(all, "SYN_RECV", "CLOSED"), 1, "{all:?}");
    assert_eq!(count(all, "SYN_RECV", "ESTABLISHED"), 1, "{all:?}");
}

fn half_open_connections_on_two_devices_are_two(family: Family) {
    let net = Namespace::new();
    let wires = wires(&net, family);
    let mut trace = Trace::of(&net).start();
    let _listeners = [LEFT, RIGHT].map(|device| listen_on(&net, family, device, 80));
    two_half_open_are_two(&mut trace, &wires, 80);
    let listening = [LEFT, RIGHT].map(|it| on(&mut trace, it, "CLOSED", "listen", "LISTEN"));
    assert_ne!(listening[0].cookie, listening[1].cookie);
    trace.stop();
}

#[test]
fn half_open_connections_with_link_local_addresses_on_two_links_are_two() {
    let net = Namespace::new();
    let wires = [LEFT, RIGHT].map(|device| Wire::link_local(&net, device));
    let mut trace = Trace::of(&net).start();
    let listener = TcpListener::bind((Ipv6Addr::UNSPECIFIED, 80)).unwrap();
    net.listeners().add(80);
    two_half_open_are_two(&mut trace, &wires, 80);
    // It is on no link: it has all addresses.
    let listens = trace.until(|it| it.to == "LISTEN");
    assert_eq!(listens.interface, None);
    drop(listener);
    trace.stop();
}

fn connections_from_two_devices_keep_their_link_until_the_end_of_time_wait(family: Family) {
    let net = Namespace::new();
    let wires = wires(&net, family);
    let mut trace = Trace::of(&net).start();
    trace.only_counted(BY_ITSELF);
    let mut ends = Vec::new();
    for (wire, device) in wires.iter().zip([LEFT, RIGHT]) {
        let socket = net.socket(family);
        bind_to(&socket, device);
        socket.set_reuse_address(true).unwrap();
        let own = SocketAddr::from((wire.host(), 40_000));
        socket.bind(&own.into()).unwrap();
        let mut peer = wire.connect_with(&socket);
        peer.send(SYN | ACK);
        peer.receive(ACK);
        drop(socket);
        peer.receive(FIN | ACK);
        peer.send(FIN | ACK);
        peer.receive(ACK);
        ends.push(peer.end());
    }
    assert_eq!(ends[0], ends[1], "they differ in their link alone");
    for device in [LEFT, RIGHT] {
        on(&mut trace, device, "CLOSED", "connect", "SYN_SENT");
        let over =
            trace.until(|it| it.to == "TIME_WAIT" && it.interface.as_deref() == Some(device));
        let cookie = over.cookie;
        assert!(cookie.is_some());
        let path: Vec<_> = trace
            .transitions()
            .iter()
            .filter(|it| it.cookie == cookie)
            .collect();
        assert!(
            path.iter()
                .all(|it| it.interface.as_deref() == Some(device)),
            "{path:?}"
        );
        assert!(path.len() >= 4, "{path:?}");
    }
    trace.stop();
}

/// The RST for the one is sent in answer to a SYN within its window; the other's peer resets it
/// itself, right after.
fn an_rst_of_ours_on_one_device_is_none_on_the_other(family: Family) {
    let net = Namespace::new();
    let wires = wires(&net, family);
    let mut trace = Trace::of(&net).start();
    trace.only_counted(BY_ITSELF);
    let _listeners = [LEFT, RIGHT].map(|device| listen_on(&net, family, device, 80));
    let [mut one, mut other] = wires.each_ref().map(|wire| wire.syn(80));
    one.send(SYN);
    other.send(RST);
    on(&mut trace, LEFT, "SYN_RECV", "reset_by_us", "CLOSED");
    on(&mut trace, RIGHT, "SYN_RECV", "reset_by_peer", "CLOSED");
    trace.stop();
}

fn a_listener_with_a_device_is_shown_with_it(family: Family) {
    let net = Namespace::of_process();
    let wires = wires(&net, family);
    let _listeners = [LEFT, RIGHT].map(|device| listen_on(&net, family, device, 80));
    let _peers = wires.each_ref().map(|wire| wire.syn(80));
    let listed = list(&["-o", "json"]);
    for state in ["LISTEN", "SYN_RECV"] {
        let mut links: Vec<&str> = listed
            .iter()
            .filter(|it| it["state"] == state)
            .map(|it| it["interface"].as_str().expect("a link"))
            .collect();
        links.sort_unstable();
        assert_eq!(links, [LEFT, RIGHT], "{state}: {listed:?}");
    }
    let (_, table, _) = run(&["list"]);
    let host = match family {
        Family::V4 => "10.9.0.1%left:80",
        Family::V6 => "[fd00:9::1%left]:80",
    };
    assert!(table.contains("*%left:80"), "{table}");
    assert!(table.contains(host), "{table}");
}

#[test]
fn a_link_narrows_down_by_name_and_by_index() {
    let net = Namespace::new();
    let [left, right] = [LEFT, RIGHT].map(|device| Wire::link_local(&net, device));
    let index = right.index();
    for (filter, link) in [
        (["-a", "fe80::1%left"], LEFT),
        (["--remote-addr", "fe80::%right/64"], RIGHT),
        (["--local-addr", &format!("fe80::1%{index}")], RIGHT),
    ] {
        let mut trace = Trace::of(&net).outside_of_it().with(filter).start();
        trace.only_counted(BY_ITSELF);
        let listener = TcpListener::bind((Ipv6Addr::UNSPECIFIED, 80)).unwrap();
        net.listeners().add(80);
        for wire in [&left, &right] {
            wire.syn(80).send(RST);
        }
        on(&mut trace, link, "SYN_RECV", "reset_by_peer", "CLOSED");
        drop(listener);
        trace.settle();
        let seen = trace.stop();
        let others = |it: &Transition| it.interface.as_deref() != Some(link);
        assert!(!seen.transitions.iter().any(others), "{filter:?}: {seen:?}");
    }
    let listener = TcpListener::bind((Ipv6Addr::UNSPECIFIED, 80)).unwrap();
    let _peers = [left.syn(80), right.syn(80)];
    let listed = list(&["-o", "json", "-a", "fe80::1%left"]);
    let links: Vec<&Value> = listed.iter().map(|it| &it["interface"]).collect();
    assert_eq!(links, [LEFT]);
    drop(listener);
}

#[test]
fn a_link_that_there_is_not_is_wrong_usage() {
    let net = Namespace::new();
    let inode = net.inode().to_string();
    for arguments in [
        &["list", "-a", "fe80::1%none"][..],
        &["watch", "-a", "fe80::1%none", "--netns", &inode],
        &["watch", "-d", "1s", "--remote-addr", "fe80::%4000000/64"],
    ] {
        let (status, _, said) = run(arguments);
        assert_eq!(status, Some(2), "{arguments:?}: {said}");
        assert!(said.contains("no network interface"), "{said}");
        assert_eq!(said.lines().count(), 1, "{said}");
    }
}

#[test]
fn a_link_that_is_made_later_gets_its_name_and_a_renamed_one_its_new_one() {
    let net = Namespace::new();
    let mut trace = Trace::of(&net).start();
    trace.only_counted(BY_ITSELF);
    let wire = Wire::link_local(&net, LEFT);
    let _listener = TcpListener::bind((Ipv6Addr::UNSPECIFIED, 80)).unwrap();
    net.listeners().add(80);
    let mut until_it_is = |name: &str| {
        let deadline = Instant::now() + patient(Duration::from_secs(20));
        loop {
            wire.syn(80).send(RST);
            trace.wait(Duration::from_millis(300));
            let last = trace.transitions().last().expect("it was told");
            match last.interface.as_deref() {
                Some(now) if now == name => return,
                other => assert!(other.is_none() || other == Some(LEFT), "{other:?}"),
            }
            assert!(Instant::now() < deadline, "its name is never known");
        }
    };
    until_it_is(LEFT);
    let renamed = Command::new("ip")
        .args(["link", "set", LEFT, "name", RIGHT])
        .status();
    // Since 6.2, one that is up can be.
    if renamed.expect("iproute2 is there").success() {
        until_it_is(RIGHT);
    }
    trace.stop();
}

#[test]
fn flows_and_statistics_tell_links_apart() {
    let net = Namespace::new();
    let wires = wires(&net, Family::V4);
    let flows = flow::start(&net);
    let mut stats = Trace::of(&net).subcommand("stats").start_raw();
    let _listeners = [LEFT, RIGHT].map(|device| listen_on(&net, Family::V4, device, 80));
    for wire in &wires {
        wire.syn(80).send(RST);
    }
    sleep(Duration::from_millis(300));
    let mut links: Vec<String> = flow::flows(flows)
        .iter()
        .map(|it| it["interface"].as_str().expect("a link").to_owned())
        .collect();
    links.sort_unstable();
    assert_eq!(links, [LEFT, RIGHT]);

    stats.signal(nix::sys::signal::Signal::SIGTERM);
    let told = stats.rest();
    let report: Value = told
        .lines()
        .filter_map(|line| serde_json::from_str(line).ok())
        .find(|it: &Value| it["type"] == "stats")
        .expect("a report");
    let listeners = report["listeners"].as_array().expect("a list");
    let mut rows: Vec<_> = listeners
        .iter()
        .map(|it| (it["interface"].as_str(), it["syns"].as_u64()))
        .collect();
    rows.sort_unstable();
    assert_eq!(rows, [(Some(LEFT), Some(1)), (Some(RIGHT), Some(1))]);
}

fn list(arguments: &[&str]) -> Vec<Value> {
    let all: Vec<&str> = ["list"].iter().chain(arguments).copied().collect();
    let (status, lines, said) = run(&all);
    assert_eq!(status, Some(0), "{said}");
    let read = |line| serde_json::from_str(line).expect("JSON");
    lines.lines().map(read).collect()
}

/// Runs tcptrace; returns its status and what it said.
fn run(arguments: &[&str]) -> (Option<i32>, String, String) {
    let output = Command::new(binary())
        .args(arguments)
        .output()
        .expect("it runs");
    let text = |bytes: Vec<u8>| String::from_utf8(bytes).expect("UTF-8");
    (
        output.status.code(),
        text(output.stdout),
        text(output.stderr),
    )
}
