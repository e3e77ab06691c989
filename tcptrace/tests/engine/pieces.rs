//! A recording with something missing in the middle: tracing ended and began again, or a file is gone.

use std::{fs, path::Path, time::Duration};

use serde_json::Value;
use tcptrace::record::Limits;

use crate::{
    commands::{Again, Ran, Run},
    files::scenarios,
    script,
};

const HOUR_NS: i64 = 3_600_000_000_000;

fn events(name: &str) -> String {
    let all = scenarios();
    let found = all.into_iter().find(|it| it.name == name);
    found.expect("it was captured").events
}

/// Connections of two boots: the clock of the second begins anew.
const BOOTS: [&str; 2] = [
    "6.18/time_wait_expires_ipv4.trace",
    "6.18/client_closes_first_ipv4.trace",
];

fn run(boot: usize) -> Run {
    let (script, beginning) = script::read(&events(BOOTS[boot])).expect("steps");
    Run::new(script.later(boot as i64 * HOUR_NS), beginning)
}

fn record_both(folder: &Path) {
    for boot in 0..BOOTS.len() {
        run(boot).recorded(folder, &Limits::default());
    }
}

fn lines<'a>(ran: &'a Ran, name: &str) -> Vec<&'a Value> {
    ran.of_type(name)
}

#[test]
fn what_is_recorded_after_the_machine_was_started_anew_is_told_behind_the_rest() {
    let folder = tempfile::tempdir().expect("a folder");
    record_both(folder.path());
    let live = [0, 1].map(|boot| run(boot).watch());
    let expected: Vec<&Value> = live.iter().flat_map(|it| lines(it, "transition")).collect();
    let told = Again::of(folder.path()).watch();
    assert_eq!(lines(&told, "transition"), expected);
    assert_eq!(lines(&told, "start").len(), 1);
    let live = [0, 1].map(|boot| run(boot).flows());
    let expected: Vec<&Value> = live.iter().flat_map(|it| lines(it, "flow")).collect();
    assert_eq!(lines(&Again::of(folder.path()).flows(), "flow"), expected);
}

#[test]
fn stats_of_two_boots_are_sums_of_what_was_traced() {
    let folder = tempfile::tempdir().expect("a folder");
    record_both(folder.path());
    let live = [0, 1].map(|boot| run(boot).stats(None));
    let live = [0, 1].map(|boot| lines(&live[boot], "stats")[0].clone());
    let told = Again::of(folder.path()).stats(None);
    let told = lines(&told, "stats")[0];
    let sum = |of: fn(&Value) -> &Value| -> u64 {
        live.iter()
            .map(|it| of(it).as_u64().expect("a number"))
            .sum()
    };
    assert_eq!(told["transitions"], sum(|it| &it["transitions"]));
    assert_eq!(told["period"]["ns"], sum(|it| &it["period"]["ns"]));
    assert_eq!(told["period"]["from"], live[0]["period"]["from"]);
    assert_eq!(told["period"]["to"], live[1]["period"]["to"]);
    for state in ["ESTABLISHED", "TIME_WAIT"] {
        let entered = sum(match state {
            "TIME_WAIT" => |it| &it["states"]["TIME_WAIT"]["entered"],
            _ => |it| &it["states"]["ESTABLISHED"]["entered"],
        });
        assert_eq!(told["states"][state]["entered"], entered, "{state}");
    }
    assert_eq!(
        told["states"]["TIME_WAIT"]["now"],
        live[1]["states"]["TIME_WAIT"]["now"]
    );
}

#[test]
fn intervals_begin_anew_with_another_boot() {
    let folder = tempfile::tempdir().expect("a folder");
    record_both(folder.path());
    let told = Again::of(folder.path()).stats(Some(Duration::from_secs(20)));
    let reports = lines(&told, "stats");
    let (run, intervals) = reports.split_last().expect("reports");
    let sum: u64 = intervals
        .iter()
        .map(|it| it["transitions"].as_u64().expect("a number"))
        .sum();
    assert!(sum <= run["transitions"].as_u64().expect("a number"));
    for it in intervals {
        let ns = it["period"]["ns"].as_u64().expect("a number");
        assert!(ns <= 20_000_000_000, "{it}");
    }
}

#[test]
fn where_a_file_is_gone_the_rest_is_told() {
    let folder = tempfile::tempdir().expect("a folder");
    let limits = Limits {
        rotate_bytes: None,
        rotate_age: Some(Duration::ZERO),
        ..Limits::default()
    };
    run(0).recorded(folder.path(), &limits);
    let whole = Again::of(folder.path()).watch();
    let whole = lines(&whole, "transition");
    let mut files: Vec<_> = fs::read_dir(folder.path())
        .expect("a folder")
        .map(|file| file.expect("a file").path())
        .collect();
    files.sort();
    assert!(files.len() >= 3, "{}", files.len());
    fs::remove_file(&files[files.len() / 2]).expect("it is there");
    let again = Again::of(folder.path());
    assert_eq!(again.recording.pieces.len(), 2);
    let told = again.watch();
    let told = lines(&told, "transition");
    assert!(!told.is_empty() && told.len() <= whole.len());
    assert_eq!(told.first(), whole.first());
    // What is told is what happened.
    for line in told {
        assert!(whole.contains(&line), "{line}");
    }
}
