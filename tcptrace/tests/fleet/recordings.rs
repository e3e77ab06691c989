//! Recordings of many connections, made without a kernel: those that a kernel told once, again and
//! again, each time a little later.

use std::{
    fs::{self, File},
    io::Write as _,
    path::{Path, PathBuf},
    process::Command,
    time::Duration,
};

use nix::fcntl::{Flock, FlockArg};
use serde_json::Value;
use tcptrace::{
    consumers::Record,
    diagnose::Thresholds,
    engine::{Engine, RecordingOptions, RunOptions},
    filter::Filter,
    model::{Cookie, Event},
    record::Limits,
    source::{decode, live::Symbols},
};
use tempfile::TempDir;

use crate::{
    script::{self, Script, Tell},
    shipping::binary,
};

/// Each record behind its length: 100 connections that were closed by FIN and 100 by RST, both sides of
/// each, in 11 ms.
const CAPTURED: &[u8] = include_bytes!("../../benches/connections.records");
/// How long after one another they begin.
const APART: Duration = Duration::from_millis(20);

/// A recording of so many times these connections, in segments of that age.
pub fn repeated(times: u64, age: Duration) -> TempDir {
    spread(times, APART, age)
}

/// The same, so long after one another.
pub fn spread(times: u64, apart: Duration, age: Duration) -> TempDir {
    let folder = TempDir::new().expect("a folder");
    record(folder.path(), times, apart, age);
    folder
}

fn record(folder: &Path, times: u64, apart: Duration, age: Duration) {
    let apart = u64::try_from(apart.as_nanos()).expect("a short time");
    let (_, mut beginning) = script::read("").expect("a script");
    let events = events();
    beginning.mono_ns = events[0].time_ns();
    let all = (0..times).flat_map(|time| {
        let events = events.clone().into_iter();
        events.map(move |event| Tell::Event(later(event, time, apart)))
    });
    let options = RunOptions::of(Filter::default(), Vec::new());
    let recording = RecordingOptions {
        anonymize: false,
        folder: folder.to_owned(),
        limits: Limits {
            rotate_age: Some(age),
            sync: None,
            ..Limits::default()
        },
    };
    let engine = Engine::new(Script::of(all), beginning, &options)
        .recorded(&recording, &options)
        .expect("a recording");
    let thresholds = Thresholds::new(None, &[]).expect("thresholds");
    let runtime = tokio::runtime::Builder::new_current_thread().build();
    let record = Record::new(folder, &[], Filter::default(), thresholds);
    let run = runtime
        .expect("a runtime")
        .block_on(engine.run(&options, record));
    run.expect("it is recorded");
}

fn events() -> Vec<Event> {
    let symbols = Symbols::default();
    let mut events = Vec::new();
    let mut rest = CAPTURED;
    while let Some((length, behind)) = rest.split_first_chunk() {
        let length = u32::from_le_bytes(*length) as usize;
        let (record, behind) = behind.split_at(length);
        events.push(decode(record, &symbols).expect("a record"));
        rest = behind;
    }
    events
}

/// The same event, the so-many-th time: later, by that many times `apart`, ns, and of another socket.
fn later(mut event: Event, time: u64, apart: u64) -> Event {
    let by = time * apart;
    let other = |it: &mut Option<Cookie>| {
        *it = it.and_then(|it| Cookie::new(it.0.get() + time * 1_000_000));
    };
    match &mut event {
        Event::Socket(it) => {
            it.time_ns += by;
            other(&mut it.cookie);
        }
        Event::Minisock(it) => {
            it.time_ns += by;
            other(&mut it.cookie);
        }
        Event::Request(it) => it.time_ns += by,
        Event::ResetSent(it) => {
            it.time_ns += by;
            other(&mut it.cookie);
        }
        Event::FinDropped(it) => it.time_ns += by,
        Event::Forked(it) => it.time_ns += by,
        Event::Accepted(it) => {
            it.time_ns += by;
            other(&mut it.cookie);
        }
        Event::Syn(it) => {
            it.time_ns += by;
            other(&mut it.cookie);
        }
    }
    event
}

/// What tells a flow from others, of all that `flows -r` tells: its cookie (hexadecimal), its state and
/// its end.
pub fn flows(folder: &Path) -> Vec<String> {
    let told = Command::new(binary())
        .args(["flows", "-o", "json", "-r"])
        .arg(folder)
        .output()
        .expect("tcptrace");
    assert!(told.status.success(), "{told:?}");
    let lines = String::from_utf8(told.stdout).expect("UTF-8");
    let lines = lines
        .lines()
        .filter(|it| it.starts_with("{\"type\":\"flow\""));
    let mut flows: Vec<String> = lines
        .map(|line| {
            let flow: Value = serde_json::from_str(line).expect("JSON");
            let text = |name: &str| match &flow[name] {
                Value::String(text) => text.clone(),
                Value::Null => "-".to_owned(),
                other => other.to_string(),
            };
            let cookie = flow["cookie"].as_str().unwrap_or("0");
            let cookie = u64::from_str_radix(cookie, 16).expect("a cookie");
            format!(
                "{cookie} {} {} {} {}",
                text("local_port"),
                text("end"),
                text("bytes_sent"),
                text("established_ns")
            )
        })
        .collect();
    flows.sort();
    assert!(!flows.is_empty(), "the recording has flows");
    flows
}

/// The files of a recording, as they were made.
pub fn files(folder: &Path) -> Vec<PathBuf> {
    let all = fs::read_dir(folder).expect("a folder");
    let paths = all.map(|it| it.expect("a file").path());
    let mut files: Vec<PathBuf> = paths
        .filter(|it| it.extension().is_some_and(|it| it == "tcptrace"))
        .collect();
    files.sort();
    files
}

/// Writes a recording as it grows: another one, bit by bit.
pub struct Growing {
    folder: PathBuf,
    lock: Option<Flock<File>>,
    rest: Vec<(PathBuf, Vec<u8>)>,
}

impl Growing {
    /// Of the recording `of`, in a folder that is there.
    pub fn new(of: &Path, folder: &Path) -> Self {
        let lock = File::open(folder).expect("a folder");
        let lock = Flock::lock(lock, FlockArg::LockExclusiveNonblock).expect("a lock");
        let mut rest: Vec<_> = files(of)
            .into_iter()
            .map(|path| {
                (
                    folder.join(path.file_name().expect("a name")),
                    fs::read(path).expect("a file"),
                )
            })
            .collect();
        rest.reverse();
        Self {
            folder: folder.to_owned(),
            lock: Some(lock),
            rest,
        }
    }

    /// Writes so many bytes more, of one file at the most. False: all are written.
    pub fn grow(&mut self, bytes: usize) -> bool {
        let Some((path, rest)) = self.rest.last_mut() else {
            return false;
        };
        let now: Vec<u8> = rest.drain(..bytes.min(rest.len())).collect();
        let file = File::options().append(true).create(true).open(path);
        file.expect("a file").write_all(&now).expect("it has room");
        if rest.is_empty() {
            self.rest.pop();
        }
        true
    }

    /// Nobody records there any more.
    pub fn end(&mut self) {
        self.lock = None;
        assert!(self.folder.is_dir());
    }
}
