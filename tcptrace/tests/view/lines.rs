//! What a script reads, to the letter: `tests/golden/lines`. With `BLESS=1` the files are written
//! anew: read the diff.

use std::{env, fs, path::Path, time::Duration};

use tcptrace::{
    aggregate::stats::{By, Span},
    model::KeepaliveSettings,
    output::{
        Context, Counts, Csv, End, Json, ShownFlow, ShownSockets, SocketWriter, Start, StatsCsv,
        View,
    },
};

use crate::data;

/// Compares with a file.
fn golden(name: &str, out: Vec<u8>) {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/golden/lines");
    let path = path.join(name);
    let text = String::from_utf8(out).expect("UTF-8");
    if env::var_os("BLESS").is_some() {
        fs::write(path, text).expect("a file that can be written");
        return;
    }
    let expected = fs::read_to_string(path).unwrap_or_default();
    assert!(
        expected == text,
        "{name} is to be\n{expected}\nbut is\n{text}\n(BLESS=1 makes it so)"
    );
}

fn write<T>(mut view: impl View<T>, all: &[T]) {
    let clock = data::clock();
    let mut around = Context {
        clock: &clock,
        cgroups: &mut data::cgroups(),
        links: &mut data::links(),
    };
    let start = Start {
        version: "0.1.0",
        kernel: "6.18.44".to_owned(),
        netns: None,
        mono_ns: 1,
        degraded: Vec::new(),
    };
    view.start(&start, &clock).unwrap();
    for it in all {
        view.show(it, &mut around).unwrap();
    }
    view.lost(7).unwrap();
    view.end(&End {
        transitions: 2,
        lost: 7,
        forgotten: 1,
        duration: Duration::from_secs(1),
    })
    .unwrap();
    view.flush().unwrap();
}

#[test]
fn transitions() {
    let mut all: Vec<_> = data::transitions().into_iter().collect();
    all.extend([data::known_transition(), data::unknown_transition()]);
    let (mut json, mut csv) = (Vec::new(), Vec::new());
    write(Json::new(&mut json), &all);
    write(Csv::new(&mut csv), &all);
    golden("watch.json", json);
    golden("watch.csv", csv);
}

#[test]
fn flows() {
    let mut all: Vec<_> = data::flows().into_iter().collect();
    all.extend([data::known_flow(), data::unknown_flow()]);
    let candidates: Vec<Vec<_>> = all
        .iter()
        .map(|flow| flow.candidates.iter().collect())
        .collect();
    let shown: Vec<ShownFlow<'_>> = all
        .iter()
        .zip(&candidates)
        .map(|(flow, candidates)| ShownFlow {
            record: &flow.record,
            idle_before_close_ns: flow.idle_ns,
            idle_candidates: candidates,
            keepalive: flow.idle_ns.map(|_| KeepaliveSettings {
                time_s: 7200,
                interval_s: 75,
                probes: 9,
            }),
        })
        .collect();
    let (mut json, mut csv) = (Vec::new(), Vec::new());
    write(Json::new(&mut json), &shown);
    write(Csv::new(&mut csv), &shown);
    golden("flows.json", json);
    golden("flows.csv", csv);
}

#[test]
fn stats() {
    let (plain, comm, pid) = (
        data::stats(None),
        data::stats(Some(By::Comm)),
        data::stats(Some(By::Pid)),
    );
    let mut lossy = data::stats(None);
    let all = [
        plain.period(Span::Run),
        comm.period(Span::Interval),
        pid.period(Span::Interval),
        lossy.after_a_loss(),
    ];
    let (mut json, mut csv) = (Vec::new(), Vec::new());
    write(Json::new(&mut json), &all);
    write(StatsCsv::new(&mut csv), &all);
    golden("stats.json", json);
    golden("stats.csv", csv);
}

#[test]
fn stuck() {
    let all: Vec<_> = data::stuck().into_iter().collect();
    let (mut json, mut csv) = (Vec::new(), Vec::new());
    write(Json::new(&mut json), &all);
    write(Csv::new(&mut csv), &all);
    golden("stuck.json", json);
    golden("stuck.csv", csv);
}

#[test]
fn sockets() {
    let mut sockets: Vec<_> = data::sockets().into_iter().collect();
    sockets.extend(data::known_sockets());
    sockets.push(data::unknown_socket());
    let (mut json, mut csv) = (Vec::new(), Vec::new());
    let mut shown = ShownSockets {
        wall_ns: 0,
        sockets: &sockets,
        cgroups: &mut data::cgroups(),
        links: &mut data::links(),
    };
    SocketWriter::json(&mut json).write(&mut shown).unwrap();
    SocketWriter::csv(&mut csv)
        .unwrap()
        .write(&mut shown)
        .unwrap();
    golden("list.json", json);
    golden("list.csv", csv);
    let mut counts = Counts::new(&[]);
    counts.add(&sockets);
    let (mut json, mut csv) = (Vec::new(), Vec::new());
    counts.json(&mut json).unwrap();
    counts.csv(&mut csv).unwrap();
    golden("list-summary.json", json);
    golden("list-summary.csv", csv);
}

#[test]
fn doctor() {
    let mut json = Vec::new();
    data::report().json(&mut json).unwrap();
    golden("doctor.json", json);
}
