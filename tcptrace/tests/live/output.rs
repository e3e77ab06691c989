//! When tcptrace ends, and what its formats have in common.

use std::{thread::sleep, time::Duration};

use nix::sys::signal::Signal;

use crate::{
    Family,
    namespace::Namespace,
    paths::{ACCEPTED, OPENED},
    patience::patient,
    sockets::{close_in_turn, end},
    told::{normal, render},
    trace::{Trace, Transition},
};

/// The fields of a transition, in the order of CSV.
const FIELDS: [&str; 31] = [
    "time",
    "mono_ns",
    "cookie",
    "netns",
    "family",
    "local_addr",
    "local_port",
    "remote_addr",
    "remote_port",
    "interface",
    "from",
    "to",
    "held_ns",
    "reason",
    "detail",
    "opener",
    "closer",
    "retransmits",
    "pid",
    "comm",
    "uid",
    "cgroup",
    "container_id",
    "container_name",
    "container_image",
    "container_runtime",
    "pod_namespace",
    "pod_name",
    "pod_uid",
    "unit",
    "thread",
];

/// The field of JSON that a cell of CSV is a part of.
pub fn field_of(name: &str) -> &str {
    match name.split_once('_') {
        Some((object @ ("container" | "pod"), _)) => object,
        _ => name,
    }
}

/// Each tcptrace reads the clock for itself.
const OF_THE_CLOCK: [&str; 3] = ["time", "mono_ns", "held_ns"];

#[test]
fn a_count_ends_it_after_so_many_lines() {
    let net = Namespace::new();
    let mut trace = Trace::of(&net).with(["-n", "3"]).start();
    trace.only_counted("which three is for others to say");
    drop(net.connect(Family::V4));
    let seen = trace.ended();
    assert!(seen.status.success(), "{}", seen.status);
    assert_eq!(seen.transitions.len(), 3);
}

#[test]
fn a_duration_ends_it_after_that_long() {
    let net = Namespace::new();
    let mut trace = Trace::of(&net).with(["-d", "1s"]).start();
    let (client, _server) = net.connect(Family::V4);
    trace.expect(end(&client), OPENED);
    trace.expect(end(&client).peer(), ACCEPTED);
    let seen = trace.ended();
    assert!(seen.status.success(), "{}", seen.status);
    let took = seen.end.duration.as_millis();
    assert!((1_000..3_000).contains(&took), "{took} ms");
}

#[test]
fn an_interrupt_ends_it_in_good_order() {
    let net = Namespace::new();
    let mut trace = Trace::of(&net).start();
    let (client, _server) = net.connect(Family::V6);
    trace.expect(end(&client), OPENED);
    trace.expect(end(&client).peer(), ACCEPTED);
    trace.stop_by(Signal::SIGINT);
}

#[test]
fn what_happened_just_before_the_end_is_still_shown() {
    let net = Namespace::new();
    let mut trace = Trace::of(&net).start();
    trace.only_counted("waiting for them would not tell whether they come in time");
    let (client, _server) = net.connect(Family::V4);
    let end = end(&client);
    let seen = trace.stop();
    for (end, path) in [(end, OPENED), (end.peer(), ACCEPTED)] {
        let its = |it: &&Transition| it.end() == end;
        let told: Vec<_> = seen.transitions.iter().filter(its).collect();
        assert_eq!(render(&told), normal(path));
    }
    // And the listener's two.
    assert_eq!(seen.transitions.len(), 6, "{:?}", seen.transitions);
}

#[test]
fn a_reader_that_goes_away_ends_it_in_good_order() {
    let net = Namespace::new();
    for csv in [false, true] {
        let trace = Trace::of(&net);
        let raw = if csv {
            trace.start_csv()
        } else {
            trace.start_raw()
        };
        let mut child = raw.hang_up();
        let deadline = std::time::Instant::now() + patient(Duration::from_secs(10));
        let status = loop {
            drop(net.connect(Family::V4));
            if let Some(status) = child.try_wait().unwrap() {
                break status;
            }
            assert!(
                std::time::Instant::now() < deadline,
                "it goes on for nobody"
            );
            sleep(Duration::from_millis(50));
        };
        assert!(status.success(), "{status}");
    }
}

#[test]
fn csv_has_the_fields_and_values_of_json() {
    let net = Namespace::new();
    let json = Trace::of(&net).start_raw();
    let csv = Trace::of(&net).start_csv();
    let header = csv.first.clone();
    for family in [Family::V4, Family::V6] {
        let (client, server) = net.connect(family);
        close_in_turn(client, server);
    }
    sleep(Duration::from_millis(300));
    let json_lines: Vec<serde_json::Value> = json
        .stop()
        .lines()
        .map(|line| serde_json::from_str(line).unwrap())
        .filter(|value: &serde_json::Value| value["type"] == "transition")
        .collect();
    let csv_lines = csv.stop();
    assert_eq!(header.trim_end(), FIELDS.join(","));
    let mut names: Vec<_> = json_lines[0].as_object().unwrap().keys().cloned().collect();
    names.retain(|name| name != "type");
    let mut fields = FIELDS.map(|it| field_of(it).to_owned()).to_vec();
    names.sort();
    fields.sort();
    fields.dedup();
    assert_eq!(names, fields);

    let rows: Vec<Vec<&str>> = csv_lines
        .lines()
        .map(|line| line.split(',').collect())
        .collect();
    assert_eq!(rows.len(), json_lines.len());
    assert_eq!(
        rows.len(),
        2 * (2 + 5 + 5),
        "two connections and their listeners"
    );
    for (row, value) in rows.iter().zip(&json_lines) {
        assert_eq!(row.len(), FIELDS.len(), "{row:?}");
        for (name, told) in FIELDS.iter().zip(row) {
            // Nothing here runs in a container.
            let wanted = match &value[field_of(name)] {
                serde_json::Value::Null => String::new(),
                serde_json::Value::String(text) => text.clone(),
                other => other.to_string(),
            };
            if OF_THE_CLOCK.contains(name) {
                assert_eq!(told.is_empty(), wanted.is_empty(), "{name} of {row:?}");
            } else {
                assert_eq!(*told, wanted, "{name} of {row:?}");
            }
        }
        let of_json = value["mono_ns"].as_u64().unwrap();
        let of_csv: u64 = row[1].parse().unwrap();
        // Two programs at the same tracepoint, one after the other.
        let apart = Duration::from_nanos(of_json.abs_diff(of_csv));
        assert!(
            apart < patient(Duration::from_millis(5)),
            "{of_json} {of_csv}"
        );
    }
}
