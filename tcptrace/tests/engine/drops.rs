//! What listeners dropped, as a recording tells it: in intervals, over gaps, with other addresses.

use std::{path::Path, time::Duration};

use serde_json::Value;
use tcptrace::{record::Limits, source::replay::Range};

use crate::{
    commands::{Again, Ran, Run},
    listening::{Dropping, PORT},
    script::BEGAN,
};

const HOUR_NS: i64 = 3_600_000_000_000;

fn run(it: Dropping) -> Run {
    let (script, beginning) = it.script();
    Run::new(script, beginning)
}

/// What the listener dropped, in each report with that span.
fn dropped(ran: &Ran, span: &str) -> Vec<Option<u64>> {
    let reports = ran.of_type("stats").into_iter();
    let reports = reports.filter(|it| it["span"] == span);
    reports
        .map(|it| {
            let mut rows = it["listeners"].as_array().expect("a list").iter();
            rows.find(|it| it["port"] == PORT)?["dropped"].as_u64()
        })
        .collect()
}

fn again(folder: &Path, every_s: Option<u64>) -> Ran {
    Again::of(folder).stats(every_s.map(Duration::from_secs))
}

#[test]
fn a_recording_tells_what_was_dropped_in_the_run_and_in_each_interval() {
    let folder = tempfile::tempdir().expect("a folder");
    let it = Dropping::of(20, 7);
    run(it).recorded(folder.path(), &Limits::default());
    assert_eq!(dropped(&again(folder.path(), None), "run"), [Some(20)]);
    let intervals = again(folder.path(), Some(5));
    assert_eq!(dropped(&intervals, "run"), [Some(20)]);
    let each = dropped(&intervals, "interval");
    assert!(each.len() >= 3, "{each:?}");
    for dropped in &each[..3] {
        // A look that was a little before counts for the end.
        assert!(matches!(dropped, Some(4..=6)), "{each:?}");
    }
    // What was dropped where it ends is told only if somebody looked near it.
    let seldom = Dropping { every_s: 9, ..it };
    let folder = tempfile::tempdir().expect("a folder");
    run(seldom).recorded(folder.path(), &Limits::default());
    let each = dropped(&again(folder.path(), Some(5)), "interval");
    assert_eq!(each[0], None, "{each:?}");
}

#[test]
fn a_look_that_found_as_much_as_before_tells_that_nothing_was_dropped() {
    let folder = tempfile::tempdir().expect("a folder");
    let it = Dropping {
        then_none_s: 15,
        ..Dropping::of(5, 0)
    };
    run(it).recorded(folder.path(), &Limits::default());
    let intervals = again(folder.path(), Some(5));
    assert_eq!(dropped(&intervals, "run"), [Some(5)]);
    let all: u64 = dropped(&intervals, "interval").iter().flatten().sum();
    assert_eq!(all, 5);
}

#[test]
fn over_a_gap_it_is_the_sum_of_what_was_seen() {
    let folder = tempfile::tempdir().expect("a folder");
    for (hour, before) in [(0, 10), (1, 500), (2, 7000)] {
        let (script, beginning) = Dropping::of(10, before).script();
        let run = Run::new(script.later(hour * HOUR_NS), beginning);
        run.recorded(folder.path(), &Limits::default());
    }
    assert_eq!(Again::of(folder.path()).recording.pieces.len(), 3);
    assert_eq!(dropped(&again(folder.path(), None), "run"), [Some(30)]);
    let intervals = again(folder.path(), Some(5));
    assert_eq!(dropped(&intervals, "run"), [Some(30)]);
    for dropped in dropped(&intervals, "interval") {
        assert!(dropped.is_none_or(|it| it <= 6), "{dropped:?}");
    }
}

#[test]
fn over_a_gap_before_which_nobody_looked_it_is_unknown() {
    let folder = tempfile::tempdir().expect("a folder");
    for (hour, every_s) in [(0, 7), (1, 1)] {
        let it = Dropping {
            every_s,
            ..Dropping::of(10, 0)
        };
        let (script, beginning) = it.script();
        let run = Run::new(script.later(hour * HOUR_NS), beginning);
        run.recorded(folder.path(), &Limits::default());
    }
    assert_eq!(dropped(&again(folder.path(), None), "run"), [None]);
}

#[test]
fn from_a_moment_on_what_was_dropped_before_does_not_count() {
    let folder = tempfile::tempdir().expect("a folder");
    run(Dropping::of(20, 7)).recorded(folder.path(), &Limits::default());
    for (from_s, to_s) in [(5, None), (5, Some(15)), (0, Some(15))] {
        let mut again = Again::of(folder.path());
        again.range = Range {
            from_ns: Some(BEGAN + from_s * 1_000_000_000),
            to_ns: to_s.map(|it| BEGAN + it * 1_000_000_000),
        };
        let told = dropped(&again.stats(None), "run");
        let wanted = (to_s.unwrap_or(20) - from_s).cast_unsigned();
        // The last look before counts.
        let near = |it: u64| it.abs_diff(wanted) <= 1;
        assert!(told[0].is_some_and(near), "{from_s} to {to_s:?}: {told:?}");
    }
}

#[test]
fn with_other_addresses_it_is_the_same() {
    let folder = tempfile::tempdir().expect("a folder");
    let run = run(Dropping::of(10, 3));
    run.recorded_as(folder.path(), &Limits::default(), true);
    let ran = again(folder.path(), None);
    assert_eq!(dropped(&ran, "run"), [Some(10)]);
    let text: String = ran.lines.iter().map(Value::to_string).collect();
    assert!(!text.contains("10.1.2.3"), "{text}");
}
