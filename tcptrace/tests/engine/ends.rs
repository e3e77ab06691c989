//! Losses, limits, and what is known of another machine.

use std::{
    net::{TcpListener, TcpStream},
    time::Duration,
};

use serde_json::Value;
use socket2::SockRef;
use tcptrace::{
    host,
    model::{Cgroup, Event, KeepaliveSettings, NamespaceSettings, PortRange},
    source::Beginning,
};

use crate::{
    commands::{Ran, Run},
    notation::NETNS,
    script::{self, BEGAN, Script, Tell},
};

/// A client that opens a connection, and closes it first. Its close is seen whole.
const CONNECTION: &str = "\
    10.00 socket sk:1 10.0.0.1:0 10.0.0.2:80 CLOSED -> SYN_SENT by=curl/100\n\
    10.10 syn sk:1 10.0.0.1:40000 10.0.0.2:80\n\
    12.00 socket sk:1 10.0.0.1:40000 10.0.0.2:80 SYN_SENT -> ESTABLISHED\n\
    2000.00 socket sk:1 10.0.0.1:40000 10.0.0.2:80 ESTABLISHED -> FIN_WAIT1 by=curl/100 shut keepalive\n\
    2001.00 socket sk:1 10.0.0.1:40000 10.0.0.2:80 FIN_WAIT1 -> FIN_WAIT2 shut orphan keepalive\n\
    2002.00 minisock sk:1 10.0.0.1:40000 10.0.0.2:80 TIME_WAIT started\n\
    2002.00 socket sk:1 10.0.0.1:40000 10.0.0.2:80 FIN_WAIT2 -> CLOSED shut orphan keepalive\n\
    4000.00 passed\n";

/// The connection, with losses before and after its beginning.
fn with_losses() -> Run {
    let (first, rest) = CONNECTION.split_at(CONNECTION.find("2000.00").expect("a line"));
    let lines = format!("lost\n{first}lost\nlost\n{rest}");
    Run::of(&lines)
}

#[test]
fn a_loss_is_told_where_it_happened_and_at_the_end() {
    let ran = with_losses().watch();
    let types: Vec<_> = ran.lines.iter().map(|it| it["type"].as_str()).collect();
    let types: Vec<_> = types.into_iter().flatten().collect();
    assert_eq!(
        types,
        [
            "start",
            "lost",
            "transition",
            "transition",
            "lost",
            "lost",
            "transition",
            "transition",
            "transition",
            "end"
        ]
    );
    assert_eq!(ran.lines[1]["events"], 1);
    assert_eq!(ran.end()["lost"], 3);
    assert_eq!(ran.code, 0);
    assert_eq!(with_losses().strict().watch().code, 1);
    assert_eq!(Run::of(CONNECTION).strict().watch().code, 0);
}

#[test]
fn stats_and_flows_tell_a_loss_too() {
    for ran in [with_losses().stats(None), with_losses().flows()] {
        assert_eq!(ran.of_type("lost").len(), 3);
        assert_eq!(ran.end()["lost"], 3);
    }
    let ran = with_losses().stats(None);
    assert_eq!(ran.of_type("stats")[0]["lost"], 3);
}

#[test]
fn what_cannot_be_read_leaves_what_is_there_unknown() {
    let lines =
        "existing socket sk:7 10.0.0.1:50000 10.0.0.2:80 ESTABLISHED by=old/7\n40.00 passed\n";
    let (script, beginning) = script::read(lines).expect("a script");
    let whole = Run::new(script.clone(), beginning.clone()).stats(None);
    let now = |ran: &Ran| ran.of_type("stats")[0]["states"]["ESTABLISHED"]["now"].clone();
    assert_eq!(now(&whole), 1);
    let cut = Run::new(script.unreadable_behind(), beginning).stats(None);
    assert_eq!(now(&cut), Value::Null);
}

#[test]
fn it_stops_after_as_many_lines_as_are_asked_for() {
    let ran = Run::of(CONNECTION).count(2).watch();
    assert_eq!(ran.of_type("transition").len(), 2);
    assert_eq!(ran.end()["transitions"], 2);
    // At the time of the second.
    assert_eq!(ran.end()["duration_ns"], 11_000_000);
    let ran = Run::of(CONNECTION).count(1).flows();
    assert_eq!(ran.of_type("flow").len(), 1);
}

#[test]
fn it_begins_and_ends_as_the_source_does() {
    let ran = Run::of(CONNECTION).watch();
    let start = &ran.lines[0];
    assert_eq!(start["type"], "start");
    assert_eq!(start["kernel"], "6.18.44");
    assert_eq!(start["netns"], NETNS);
    assert_eq!(start["mono_ns"], 0);
    assert_eq!(start["time"], "2026-11-22T10:39:11.000000000Z");
    assert_eq!(BEGAN % 1_000_000_000, 0);
    assert_eq!(ran.lines[1]["time"], "2026-11-22T10:39:11.010000000Z");
    assert_eq!(ran.end()["duration_ns"], 4_000_000_000_u64);
}

#[test]
fn sockets_that_were_there_are_known() {
    let lines = "\
        existing socket sk:7 10.0.0.1:50000 10.0.0.2:80 ESTABLISHED by=old/7\n\
        5.00 socket sk:7 10.0.0.1:50000 10.0.0.2:80 ESTABLISHED -> CLOSE_WAIT shut\n\
        40.00 passed\n";
    let ran = Run::of(lines).watch();
    let [it] = ran.of_type("transition")[..] else {
        panic!("{:?}", ran.lines);
    };
    assert_eq!((&it["comm"], &it["pid"]), (&"old".into(), &7.into()));
    let ran = Run::of(lines).stats(None);
    assert_eq!(ran.of_type("stats")[0]["states"]["CLOSE_WAIT"]["now"], 1);
}

/// A connection of a process in control group 7.
fn within_a_control_group() -> (Script, Beginning) {
    let (mut script, beginning) = script::read(CONNECTION).expect("steps");
    for event in script.events() {
        if let Event::Socket(it) = event
            && let Some(owner) = &mut it.owner
        {
            owner.cgroup = Cgroup::new(7);
        }
    }
    (script, beginning)
}

/// The same, when 7 was made in /a while tracing.
fn within_one_that_was_made() -> Run {
    let (mut script, beginning) = within_a_control_group();
    script.put_first(Tell::CgroupMade(7, 5, "b"));
    Run::new(script, beginning)
}

#[test]
fn a_control_group_has_its_path_from_what_it_was_made_in() {
    let ran = within_one_that_was_made().watch();
    assert!(!ran.of_type("transition").is_empty());
    for it in ran.of_type("transition") {
        assert_eq!(it["cgroup"], "/a/b");
    }
}

#[test]
fn a_control_group_that_is_asked_for_takes_those_in_that_are_made_below_it() {
    for (path, asked) in [("/", true), ("/a", true), ("/a/b", true), ("/a/bc", false)] {
        let run = || within_one_that_was_made().cgroup(path);
        assert_eq!(
            !run().watch().of_type("transition").is_empty(),
            asked,
            "{path}"
        );
        assert_eq!(
            run().flows().of_type("flow").len(),
            usize::from(asked),
            "{path}"
        );
        let stats = run().stats(None);
        let established = &stats.of_type("stats")[0]["states"]["ESTABLISHED"];
        assert_eq!(
            established["entered"],
            u64::from(asked),
            "{path}: {established}"
        );
    }
}

#[test]
fn what_is_in_a_control_group_without_a_known_path_is_not_of_one_that_is_asked_for() {
    let (script, beginning) = within_a_control_group();
    let ran = Run::new(script, beginning).cgroup("/").watch();
    assert!(ran.of_type("transition").is_empty());
    let (script, beginning) = script::read(CONNECTION).expect("steps");
    let ran = Run::new(script, beginning).cgroup("/").watch();
    assert!(ran.of_type("transition").is_empty());
}

#[test]
fn what_is_known_of_another_machine_is_not_looked_up_here() {
    let settings = |beginning: &mut Beginning| {
        let settings = NamespaceSettings {
            keepalive: Some(KeepaliveSettings {
                time_s: 123,
                interval_s: 7,
                probes: 3,
            }),
            ports: PortRange::parse("40000 40009", ""),
        };
        beginning.machine.namespaces = Some([(NETNS, settings)].into());
    };
    let mut run = Run::of(CONNECTION);
    settings(&mut run.beginning);
    let ran = run.flows();
    let keepalive = &ran.of_type("flow")[0]["keepalive"];
    assert_eq!(keepalive["time_s"], 123, "{keepalive}");
    let mut run = Run::of(CONNECTION);
    settings(&mut run.beginning);
    let ran = run.stats(None);
    let ports = &ran.of_type("stats")[0]["ports"][0];
    assert_eq!(
        (&ports["taken"], &ports["available"]),
        (&1.into(), &10.into()),
        "{ports}"
    );
}

/// As if the namespaces of another machine had the numbers of this one's.
fn on_this_machine(script: &mut Script) {
    let here = host::own_netns().expect("/proc");
    for event in script.events() {
        match event {
            Event::Socket(it) => it.tuple.netns = here,
            Event::Minisock(it) => it.tuple.netns = here,
            Event::Syn(it) => it.tuple.netns = here,
            _ => {}
        }
    }
}

#[test]
fn what_is_not_known_of_another_machine_is_not_looked_up_here() {
    let (mut script, beginning) = script::read(CONNECTION).expect("steps");
    on_this_machine(&mut script);
    let ran = Run::new(script, beginning).flows();
    let [flow] = ran.of_type("flow")[..] else {
        panic!("{:?}", ran.lines);
    };
    assert!(flow["keepalive"].is_null(), "{flow}");
}

#[test]
fn stuck_looks_at_no_socket_of_this_machine() {
    // One that it would find stuck.
    let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
    let client = TcpStream::connect(listener.local_addr().expect("bound")).expect("a connection");
    let (server, _) = listener.accept().expect("a connection");
    drop(client);
    let cookie = SockRef::from(&server).cookie().expect("SO_COOKIE");
    let (local, remote) = (server.local_addr(), server.peer_addr());
    let (mut script, beginning) = script::read(&format!(
        "1.00 socket sk:{cookie:x} {} {} ESTABLISHED -> CLOSE_WAIT shut\n60000.00 passed\n",
        local.expect("connected"),
        remote.expect("connected")
    ))
    .expect("steps");
    on_this_machine(&mut script);
    let ran = Run::new(script, beginning).stuck();
    assert!(ran.of_type("stuck").is_empty());
    assert_eq!(ran.end()["duration_ns"], 60_000_000_000_u64);
}

#[test]
fn a_duration_is_of_the_sources_time() {
    let ran = Run::of(CONNECTION).duration(Duration::from_secs(1)).watch();
    assert_eq!(ran.of_type("transition").len(), 2);
    assert_eq!(ran.end()["duration_ns"], 1_000_000_000);
}
