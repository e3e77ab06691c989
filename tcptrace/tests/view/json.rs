//! JSON, line by line, against its schema.

use std::time::Duration;

use serde_json::Value;
use tcptrace::{
    aggregate::stats::{By, Span},
    model::{Degraded, KeepaliveSettings, Transition, Why},
    output::{Context, Counts, End, Json, ShownFlow, ShownSockets, SocketWriter, Start, View},
};

use crate::{data, schema};

/// Reads lines, all of which must be as the schema says.
fn read(out: Vec<u8>) -> Vec<Value> {
    let text = String::from_utf8(out).expect("UTF-8");
    let read = |line| schema::read(line).unwrap_or_else(|error| panic!("{error}"));
    text.lines().map(read).collect()
}

/// The fields that are null.
fn unknown(line: &Value) -> Vec<&str> {
    let fields = line.as_object().unwrap().iter();
    fields
        .filter_map(|(name, value)| value.is_null().then_some(name.as_str()))
        .collect()
}

#[test]
fn transitions_are_as_the_schema_says_known_or_not() {
    let mut out = Vec::new();
    let mut json = Json::new(&mut out);
    let view: &mut dyn View<Transition> = &mut json;
    let clock = data::clock();
    let mut start = Start {
        version: "0.1.0",
        kernel: "6.18.44".to_owned(),
        netns: None,
        mono_ns: 1,
        degraded: Vec::new(),
    };
    view.start(&start, &clock).unwrap();
    start.netns = Some(4_026_531_840);
    start.degraded.push(Degraded {
        what: "timer_start".into(),
        why: Why::Text("not there".to_owned()),
    });
    view.start(&start, &clock).unwrap();
    let mut around = Context {
        clock: &clock,
        cgroups: &mut data::cgroups(),
        links: &mut data::links(),
    };
    for it in [data::known_transition(), data::unknown_transition()] {
        view.show(&it, &mut around).unwrap();
    }
    view.lost(7).unwrap();
    view.end(&End {
        transitions: 2,
        lost: 7,
        forgotten: 0,
        duration: Duration::from_secs(1),
    })
    .unwrap();
    drop(json);

    let lines = read(out);
    assert_eq!(lines.len(), 6);
    assert_eq!(unknown(&lines[2]), Vec::<&str>::new());
    assert_eq!(
        unknown(&lines[3]),
        [
            "cookie",
            "local_port",
            "remote_addr",
            "remote_port",
            "interface",
            "held_ns",
            "detail",
            "opener",
            "closer",
            "retransmits",
            "pid",
            "comm",
            "uid",
            "cgroup",
            "container",
            "pod",
            "unit",
            "thread",
        ]
    );
}

#[test]
fn flows_are_as_the_schema_says_known_or_not() {
    let mut out = Vec::new();
    let mut view = Json::new(&mut out);
    let mut around = Context {
        clock: &data::clock(),
        cgroups: &mut data::cgroups(),
        links: &mut data::links(),
    };
    let keepalive = KeepaliveSettings {
        time_s: 7200,
        interval_s: 75,
        probes: 9,
    };
    for (flow, keepalive) in [
        (data::known_flow(), Some(keepalive)),
        (data::unknown_flow(), None),
    ] {
        let candidates: Vec<_> = flow.candidates.iter().collect();
        let shown = ShownFlow {
            record: &flow.record,
            idle_before_close_ns: flow.idle_ns,
            idle_candidates: &candidates,
            keepalive,
        };
        view.show(&shown, &mut around).unwrap();
    }
    drop(view);

    let lines = read(out);
    assert_eq!(unknown(&lines[0]), ["interface"]);
    let known = ["type", "time", "netns", "family", "local_addr", "path"];
    let known = known.len() + ["idle_candidates", "complete"].len();
    let fields = lines[1].as_object().unwrap().len();
    assert_eq!(unknown(&lines[1]).len(), fields - known, "{}", lines[1]);
}

#[test]
fn figures_are_as_the_schema_says_known_or_not() {
    let mut out = Vec::new();
    let mut view = Json::new(&mut out);
    let mut around = Context {
        clock: &data::clock(),
        cgroups: &mut data::cgroups(),
        links: &mut data::links(),
    };
    for by in [None].into_iter().chain(By::ALL.map(Some)) {
        let told = data::stats(by);
        view.show(&told.period(Span::Interval), &mut around)
            .unwrap();
    }
    let mut lossy = data::stats(None);
    view.show(&lossy.after_a_loss(), &mut around).unwrap();
    drop(view);

    let lines = read(out);
    assert_eq!(unknown(&lines[0]), ["by"]);
    assert!(lines[0]["states"]["TIME_WAIT"]["now"].is_u64());
    assert_eq!(lines[1]["groups"][0]["value"], "python3");
    let last = lines.last().unwrap();
    assert!(last["states"]["TIME_WAIT"]["now"].is_null(), "{last}");
    assert_eq!(last["ports"], serde_json::json!([]));
}

#[test]
fn sockets_and_counts_are_as_the_schema_says_known_or_not() {
    let mut out = Vec::new();
    let [keepalive, time_wait] = data::known_sockets();
    let sockets = [keepalive, time_wait, data::unknown_socket()];
    let mut shown = ShownSockets {
        wall_ns: 0,
        sockets: &sockets,
        cgroups: &mut data::cgroups(),
        links: &mut data::links(),
    };
    SocketWriter::json(&mut out).write(&mut shown).unwrap();
    let mut counts = Counts::new(&[]);
    counts.add(&sockets);
    counts.json(&mut out).unwrap();

    let lines = read(out);
    assert_eq!(lines.len(), 3 + 11);
    assert_eq!(unknown(&lines[0]), ["interface", "age_ns", "dropped"]);
    assert!(lines[0]["keepalive"].is_object());
    assert!(lines[1]["age_ns"].is_u64());
    assert_eq!(
        unknown(&lines[2]),
        [
            "cookie",
            "local_port",
            "remote_addr",
            "remote_port",
            "interface",
            "pid",
            "comm",
            "uid",
            "cgroup",
            "container",
            "pod",
            "unit",
            "age_ns",
            "timer",
            "keepalive",
            "dropped",
        ]
    );
}

#[test]
fn stuck_connections_are_as_the_schema_says_known_or_not() {
    let mut out = Vec::new();
    let mut view = Json::new(&mut out);
    let mut around = Context {
        clock: &data::clock(),
        cgroups: &mut data::cgroups(),
        links: &mut data::links(),
    };
    for it in data::stuck() {
        view.show(&it, &mut around).unwrap();
    }
    drop(view);

    let lines = read(out);
    assert_eq!(lines.len(), 8);
    assert_eq!(unknown(&lines[3]), ["interface", "reason"]);
    assert_eq!(lines[3]["holders"].as_array().unwrap().len(), 2);
    assert_eq!(lines[7]["reason"], "reset_by_peer");
    let known = [
        "type",
        "time",
        "mono_ns",
        "netns",
        "family",
        "local_addr",
        "state",
        "held_at_least",
        "held_estimated",
        "verdict",
        "verdict_text",
        "holders",
        "orphan",
        "setting",
        "advice",
    ];
    let fields = lines[5].as_object().unwrap().len();
    assert_eq!(
        unknown(&lines[5]).len(),
        fields - known.len(),
        "{}",
        lines[5]
    );
}

#[test]
fn a_report_is_as_the_schema_says() {
    let mut out = Vec::new();
    data::report().json(&mut out).unwrap();
    assert_eq!(read(out).len(), 1);
}

#[test]
fn what_is_not_as_the_schema_says_is_refused() {
    let lost = r#"{"type":"lost","events":7}"#;
    schema::read(lost).unwrap();
    for wrong in [
        r#"{"type":"lost"}"#,
        r#"{"type":"lost","events":-1}"#,
        r#"{"type":"lost","events":null}"#,
        r#"{"type":"lost","events":7,"new":1}"#,
        r#"{"type":"found","events":7}"#,
        r#"{"events":7}"#,
        "[]",
    ] {
        schema::read(wrong).unwrap_err();
    }
}
