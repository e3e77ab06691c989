//! Recordings, and the pages that are made of them.

use std::{
    fs,
    path::{Path, PathBuf},
    process::{Command, Output},
    thread,
    time::{Duration, Instant},
};

use serde_json::Value;
use tcptrace::{
    consumers::Record,
    diagnose::Thresholds,
    engine::{Engine, RecordingOptions, RunOptions},
    filter::Filter,
    model::{Cookie, Event},
    record::Limits,
    source::Beginning,
};
use tempfile::TempDir;

use crate::{
    html::Element,
    script::{self, Script, Tell},
};

/// A day, ns.
pub const DAY_NS: i64 = 86_400_000_000_000;
/// How many connections a long recording has.
const REFUSED: u64 = 200_000;

pub fn tcptrace() -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_tcptrace"));
    // Whoever runs the tests may speak another language.
    command.env("TCPTRACE_LANG", "en");
    command
}

/// Runs it, and gives what it writes to standard output.
pub fn told(command: &mut Command) -> String {
    let Output {
        status,
        stdout,
        stderr,
    } = command.output().unwrap();
    let stderr = String::from_utf8_lossy(&stderr);
    assert!(status.success(), "{command:?}: {status}: {stderr}");
    String::from_utf8(stdout).unwrap()
}

/// The page of a recording, with these options.
pub fn page(recording: &Path, options: &[&str]) -> String {
    let mut command = tcptrace();
    command.arg("report").arg("-r").arg(recording);
    told(command.args(["-o", "-"]).args(options))
}

/// The same, read.
pub fn read(recording: &Path, options: &[&str]) -> Element {
    Element::page(&page(recording, options))
}

/// What `stats` says of a recording.
pub fn stats(recording: &Path, options: &[&str]) -> Value {
    let mut command = tcptrace();
    command.args(["stats", "-o", "json", "-r"]).arg(recording);
    let lines = told(command.args(options));
    let mut lines = lines
        .lines()
        .map(|it| serde_json::from_str::<Value>(it).unwrap());
    lines.find(|it| it["type"] == "stats").unwrap()
}

/// Records what a script tells into a folder, behind what is there.
pub fn record(script: Script, beginning: Beginning, folder: &Path) {
    let options = RunOptions::of(Filter::default(), Vec::new());
    let options = RunOptions {
        max_connections: 1 << 20,
        ..options
    };
    let recording = RecordingOptions {
        anonymize: false,
        folder: folder.to_owned(),
        limits: Limits::default(),
    };
    // A process that another test starts has all that is open here until it is another program: the lock
    // of the recording before, too.
    let locked = |error: &anyhow::Error| error.to_string().contains("another tcptrace does");
    let until = Instant::now() + Duration::from_secs(10);
    let engine = loop {
        let engine = Engine::new(script.clone(), beginning.clone(), &options);
        match engine.recorded(&recording, &options) {
            Err(error) if locked(&error) && Instant::now() < until => {
                thread::sleep(Duration::from_millis(5));
            }
            recorded => break recorded.unwrap(),
        }
    };
    let thresholds = Thresholds::usual();
    let runtime = tokio::runtime::Builder::new_current_thread().build();
    let record = Record::new(folder, &[], Filter::default(), thresholds);
    runtime
        .unwrap()
        .block_on(engine.run(&options, record))
        .unwrap();
}

/// The events of a scenario, by its folder and name.
pub fn scenario(name: &str) -> String {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/scenarios");
    let path = folder.join(name).with_extension("trace");
    let text = fs::read_to_string(&path).unwrap_or_else(|error| panic!("{name}: {error}"));
    let (events, _) = text.split_once("\n---\n").expect("three dashes");
    events.to_owned()
}

/// A recording of lines as of a scenario.
pub fn recorded(lines: &str) -> TempDir {
    let folder = TempDir::new().unwrap();
    let (script, beginning) = script::read(lines).unwrap_or_else(|error| panic!("{error}"));
    record(script, beginning, folder.path());
    folder
}

/// A recording that takes seconds to read: connections that are refused, one after another.
pub fn long() -> TempDir {
    let (mut script, beginning) = script::read(&scenario("6.18/refused_ipv4")).unwrap();
    let events: Vec<Event> = script.events().map(|it| *it).collect();
    let steps = (0..REFUSED).flat_map(|number| {
        let later = events.iter().filter_map(move |event| match event {
            Event::Socket(it) => {
                let mut it = *it;
                it.time_ns += number * 10_000_000;
                let cookie = |it: Cookie| Cookie::new(it.0.get() + (number << 20));
                it.cookie = it.cookie.and_then(cookie);
                Some(Tell::Event(Event::Socket(it)))
            }
            _ => None,
        });
        later.collect::<Vec<_>>()
    });
    let folder = TempDir::new().unwrap();
    record(Script::of(steps), beginning, folder.path());
    folder
}

/// Situations of all kinds, each a part of one recording, some minutes apart.
pub const SITUATIONS: [&str; 26] = [
    "6.18/client_closes_first_ipv4",
    "6.18/client_closes_first_ipv6",
    "6.18/server_closes_first_ipv4",
    "6.18/fins_cross_ipv4",
    "6.18/half_closed_ipv6",
    "6.18/half_open_completes_ipv4",
    "6.18/half_open_times_out_ipv4",
    "6.18/orphans_time_is_over_ipv4",
    "6.18/refused_ipv4",
    "6.18/refused_ipv6",
    "6.18/reset_by_linger_ipv4",
    "6.18/reset_by_unread_data_ipv6",
    "6.18/syn_given_up_ipv4",
    "6.18/syn_unreachable_ipv4",
    "6.18/syns_cross_ipv4",
    "6.18/time_wait_expires_ipv4",
    "6.18/time_wait_overflow_ipv4",
    "6.18/time_wait_reused_by_connect_ipv4",
    "6.18/time_wait_reused_by_syn_ipv6",
    "invented/data_times_out",
    "invented/keepalive_times_out",
    "invented/killed_socket_keeps_its_owner",
    "invented/lost_events_leave_times_unknown",
    "invented/older_connection_closes_with_unknown_time",
    "invented/half_open_on_two_links_are_two",
    "invented/time_wait_of_unknown_end",
];

/// A recording of all of them.
pub fn rich() -> TempDir {
    let folder = TempDir::new().unwrap();
    for (number, name) in (0..).zip(SITUATIONS) {
        let (script, beginning) = script::read(&scenario(name)).unwrap();
        let later = script.later(number * 300_000_000_000);
        record(later, beginning, folder.path());
    }
    folder
}

/// Recordings that kernels made.
pub fn kept() -> Vec<PathBuf> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/recordings");
    let entries = fs::read_dir(folder).unwrap().flatten();
    let folders: Vec<PathBuf> = entries
        .map(|it| it.path())
        .filter(|it| it.is_dir())
        .collect();
    assert!(folders.len() >= 4, "{folders:?}");
    folders
}
