//! The documents tell of all metrics, and alerts go by those that there are.

use std::{
    collections::{BTreeMap, BTreeSet},
    fs,
    net::{IpAddr, Ipv4Addr},
    path::Path,
};

use super::{
    Deliveries, Family, Grouped, Kind, ListenerFigures, RecorderFigures, RouteFigures, Snapshot,
    families::{Teller, families},
    process::ProcessFigures,
};
use crate::{
    aggregate::{meters::Series, stats::ListenAddress},
    diagnose::Verdict,
    model::{Closer, FlowEnd, Reason, Side, State},
};

const HERE: IpAddr = IpAddr::V4(Ipv4Addr::LOCALHOST);

/// One in which everything is known, and everything counted that can be.
fn snapshot() -> Snapshot {
    let rows = [
        Series::Way(State::TimeWait, State::Closed, Reason::Expired),
        Series::Way(State::SynSent, State::Closed, Reason::Refused),
        Series::Closed(FlowEnd::Graceful, Some(Closer::Local)),
        Series::Retried(Some(Side::Local), true),
    ];
    let mut snapshot = Snapshot {
        stuck: Some(vec![(State::CloseWait, Verdict::NotClosed, 1)]),
        grouped: Some(Grouped {
            label: "by",
            rows: rows.map(|it| (String::new(), it, 1)).to_vec(),
            folded: [0; Series::KINDS],
        }),
        listeners: Some(vec![ListenerFigures {
            at: ListenAddress {
                netns: 1,
                link: None,
                addr: HERE,
                port: 80,
            },
            half_open: Some(1),
            dropped: Some(1),
        }]),
        routes: Some(vec![RouteFigures {
            remote: HERE,
            port: 80,
            used: 1,
            limit: 2,
            exhausted_in_s: Some(1.0),
        }]),
        ports_limit: Some(2),
        recorder: Some(RecorderFigures {
            events: 1,
            bytes: 1,
            lost: 1,
        }),
        ..Snapshot::default()
    };
    snapshot.meters.set_now(Some([1; State::ALL.len()]));
    snapshot
}

/// Does something with all metrics.
fn with_all<T>(what: impl FnOnce(&[Family<'_>]) -> T) -> T {
    let deliveries = Deliveries::default();
    let process = ProcessFigures {
        cpu_s: 1.0,
        resident_bytes: 1,
        virtual_bytes: 1,
        threads: 1,
        started_s: Some(1.0),
    };
    let teller = Teller {
        kernel: "6",
        process: Some(process),
        deliveries: Some(&deliveries),
    };
    what(&families(&snapshot(), &teller))
}

fn document(name: &str) -> String {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("..").join(name);
    fs::read_to_string(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display()))
}

#[test]
fn the_document_has_each_metric_with_its_kind_and_labels_and_no_other() {
    let page = document("docs/monitoring.md");
    let table = page.split("\n## Metrics\n").nth(1).expect("a chapter");
    let table = table.split("\n## ").next().unwrap_or_default();
    let rows = table.lines().filter_map(|line| line.strip_prefix("| `"));
    let rows = rows.map(|row| {
        let cells: Vec<&str> = row.split('|').map(str::trim).collect();
        assert!(!cells[3].is_empty(), "{row}");
        (cells[0].trim_end_matches('`'), (cells[1], cells[2]))
    });
    let mut told: BTreeMap<&str, (&str, &str)> = rows.collect();
    with_all(|all| {
        for family in all {
            let name = family.full_name();
            let kind = match family.kind {
                Kind::Counter => "counter",
                Kind::Gauge => "gauge",
                Kind::Histogram => "histogram",
                Kind::Info => "info",
            };
            let row = told.remove(&*name).unwrap_or_else(|| panic!("no {name}"));
            assert_eq!(row.0, kind, "{name}");
            let Some(point) = family.points.first() else {
                assert_eq!(family.kind, Kind::Histogram, "{name} has no points here");
                continue;
            };
            // Whose it is goes for several, and the document says so of all of them at once.
            let labels = point.labels.iter().map(|(label, _)| *label);
            let labels: Vec<&str> = labels.filter(|it| *it != "by").collect();
            assert_eq!(row.1, labels.join(", "), "{name}");
        }
    });
    assert!(told.is_empty(), "there are no such metrics: {told:?}");
}

#[test]
fn alerts_and_the_dashboard_go_by_metrics_that_there_are() {
    let names: BTreeSet<String> = with_all(|all| all.iter().map(Family::full_name).collect());
    for file in [
        "deploy/prometheus/tcptrace.rules.yml",
        "deploy/prometheus/tcptrace.rules.test.yml",
        "deploy/grafana/tcptrace.json",
    ] {
        let text = document(file);
        let words = text.split(|it: char| !it.is_ascii_alphanumeric() && it != '_');
        let mut count = 0;
        for word in words.filter(|it| it.starts_with("tcptrace_") || it.starts_with("process_")) {
            let name = word.strip_suffix("_bucket").unwrap_or(word);
            assert!(names.contains(name), "{file}: {word}");
            count += 1;
        }
        assert!(count > 10, "{file}: {count}");
    }
}
