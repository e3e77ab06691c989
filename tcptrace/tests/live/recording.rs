//! `record`, and what is read of a recording: killed, without room, beside a live trace.

use std::{
    fs,
    io::Write as _,
    net::TcpStream,
    os::unix::fs::MetadataExt as _,
    path::{Path, PathBuf},
    process::{Child, Command, Output, Stdio},
    thread::sleep,
    time::{Duration, Instant},
};

use jiff::Timestamp;
use nix::{
    mount::{MntFlags, MsFlags, mount, umount2},
    sys::signal::{Signal, kill},
    unistd::Pid,
};
use serde_json::Value;
use socket2::SockRef;
use tempfile::TempDir;

use crate::{
    Family, in_both_families,
    namespace::Namespace,
    sockets::{await_reset, close_in_turn, reset},
    stats::dropped_syn,
    trace::{Trace, binary},
};

in_both_families!(stats_of_a_recording_tells_what_listeners_dropped_as_a_live_one_does);

/// What was told is written after so long.
const WRITTEN: Duration = Duration::from_millis(1600);

fn tcptrace() -> Command {
    Command::new(binary())
}

/// A `tcptrace record` at work.
pub struct Recording {
    /// Until its end is waited for.
    child: Option<Child>,
}

impl Drop for Recording {
    fn drop(&mut self) {
        if let Some(mut child) = self.child.take() {
            let _ = child.kill();
            let _ = child.wait();
        }
    }
}

impl Recording {
    /// Starts it, and waits until it records.
    pub fn start(net: &Namespace, folder: &Path, arguments: &[&str]) -> Self {
        let mut command = tcptrace();
        command.args(["record", "--netns", &net.inode().to_string(), "-o"]);
        command.arg(folder).args(arguments);
        Self::run(command, folder)
    }

    fn run(command: Command, folder: &Path) -> Self {
        let before = files(folder).len();
        let mut it = Self::begin(command);
        until("it records", || {
            assert!(!it.is_over(), "it ended");
            files(folder).len() > before
        });
        it
    }

    fn begin(mut command: Command) -> Self {
        let child = command.stderr(Stdio::piped()).spawn().expect("tcptrace");
        Self { child: Some(child) }
    }

    fn is_over(&mut self) -> bool {
        let child = self.child.as_mut().expect("it was started");
        child.try_wait().expect("a status").is_some()
    }

    fn signal(&self, signal: Signal) {
        let child = self.child.as_ref().expect("it was started");
        kill(Pid::from_raw(child.id() as i32), signal).expect("it is there");
    }

    /// Ends it as Ctrl-C does.
    pub fn stop(self) -> Output {
        self.signal(Signal::SIGINT);
        self.end()
    }

    fn end(mut self) -> Output {
        let child = self.child.take().expect("it was started");
        child.wait_with_output().expect("its end")
    }
}

fn until(what: &str, mut is_so: impl FnMut() -> bool) {
    let began = Instant::now();
    while !is_so() {
        assert!(began.elapsed() < Duration::from_secs(30), "{what}");
        sleep(Duration::from_millis(10));
    }
}

/// The names of the segments.
fn files(folder: &Path) -> Vec<String> {
    let mut names: Vec<String> = fs::read_dir(folder)
        .into_iter()
        .flatten()
        .map(|it| {
            it.expect("a file")
                .file_name()
                .to_string_lossy()
                .into_owned()
        })
        .filter(|it| it.ends_with(".tcptrace"))
        .collect();
    names.sort();
    names
}

/// What a command says of a recording: lines of JSON.
fn told(command: &str, folder: &Path) -> Vec<Value> {
    let mut it = tcptrace();
    it.args([command, "-o", "json", "-r"]).arg(folder);
    lines(&it.output().expect("tcptrace"))
}

fn info(folder: &Path) -> Value {
    let mut it = tcptrace();
    it.arg("info").arg(folder).args(["-o", "json"]);
    lines(&it.output().expect("tcptrace")).remove(0)
}

fn lines(output: &Output) -> Vec<Value> {
    let stderr = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{}: {stderr}", output.status);
    let text = String::from_utf8_lossy(&output.stdout);
    let read = |line: &str| serde_json::from_str(line).expect("JSON");
    text.lines().map(read).collect()
}

/// Makes so many connections, and closes them.
fn connections(net: &Namespace, count: usize) {
    let listener = net.listen(Family::V4);
    for _ in 0..count {
        let (client, server) = net.connect_to(&listener);
        close_in_turn(client, server);
    }
}

/// How many connections a recording tells to have been opened here.
fn opened(folder: &Path) -> usize {
    let lines = told("watch", folder);
    let opened = lines.iter().filter(|it| it["to"] == "SYN_SENT");
    opened.count()
}

/// What is the same for two traces of one connection, each with a clock reading of its own.
fn same(line: &Value) -> String {
    let fields = line.as_object().expect("an object").iter();
    let kept = fields.filter(|(name, _)| {
        // What a connection did is told more often where it is recorded.
        *name != "time" && *name != "retransmits" && !name.ends_with("_ns")
    });
    kept.map(|(name, value)| format!("{name}={value} "))
        .collect()
}

#[test]
fn what_is_recorded_is_what_a_live_trace_shows() {
    let net = Namespace::new();
    let folder = TempDir::new().expect("a folder");
    let live = Trace::of(&net).start_raw();
    let recording = Recording::start(&net, folder.path(), &[]);
    connections(&net, 20);
    let (client, server) = net.connect(Family::V6);
    reset(client);
    await_reset(&server);
    drop(server);
    sleep(Duration::from_millis(300));
    let output = recording.stop();
    assert!(output.status.success(), "{output:?}");
    let live: Vec<Value> = live
        .stop()
        .lines()
        .map(|line| serde_json::from_str(line).expect("JSON"))
        .collect();
    let sorted = |lines: &[Value]| {
        let transitions = lines.iter().filter(|it| it["type"] == "transition");
        let mut all: Vec<String> = transitions.map(same).collect();
        all.sort();
        all
    };
    let (live, recorded) = (sorted(&live), sorted(&told("watch", folder.path())));
    assert!(live.len() > 20 * 9, "{}", live.len());
    assert_eq!(live, recorded);
    assert_eq!(info(folder.path())["complete"], true);
}

fn stats_of_a_recording_tells_what_listeners_dropped_as_a_live_one_does(family: Family) {
    let net = Namespace::new();
    let folder = TempDir::new().expect("a folder");
    let full = net.listen(family);
    SockRef::from(&full).listen(0).unwrap();
    let _waiting = TcpStream::connect(full.local_addr().unwrap()).unwrap();
    // It is not sent again while one has begun and the other has not.
    drop(dropped_syn(&net, family, &full));
    let live = Trace::of(&net).subcommand("stats").start_raw();
    let recording = Recording::start(&net, folder.path(), &[]);
    let three = [(); 3].map(|()| dropped_syn(&net, family, &full));
    // Each is sent again every second: tcp_syn_linear_timeouts, of 6.5.
    sleep(Duration::from_millis(2200));
    let between = Timestamp::now().to_string();
    sleep(Duration::from_millis(1500));
    // Nothing more is sent while one ends before the other.
    drop(three);
    recording.stop();
    let live = live.stop();
    let dropped = |reports: &[Value]| {
        let run = reports.iter().find(|it| it["span"] == "run");
        let rows = run.expect("a report")["listeners"].as_array().unwrap();
        assert_eq!(rows.len(), 1, "{rows:?}");
        rows[0]["dropped"].clone()
    };
    let live: Vec<Value> = live
        .lines()
        .map(|line| serde_json::from_str(line).expect("JSON"))
        .collect();
    let of_all = dropped(&told("stats", folder.path()));
    assert!(of_all.as_u64() >= Some(9), "{of_all}");
    assert_eq!(of_all, dropped(&live));
    // What the look before tells was not dropped later.
    let mut later = tcptrace();
    later.args(["stats", "-o", "json", "-r"]).arg(folder.path());
    later.args(["--from", &between]);
    let later = lines(&later.output().expect("tcptrace"));
    let later = dropped(&later).as_u64().unwrap();
    assert!((3..9).contains(&later), "{later} of {of_all}");
}

#[test]
fn what_listeners_dropped_is_known_of_a_recorder_that_was_killed() {
    let net = Namespace::new();
    let folder = TempDir::new().expect("a folder");
    let full = net.listen(Family::V4);
    SockRef::from(&full).listen(0).unwrap();
    let _waiting = TcpStream::connect(full.local_addr().unwrap()).unwrap();
    let drop_for = |time: Duration| {
        let (mut dropped, began) = (0_u64, Instant::now());
        while began.elapsed() < time {
            drop(dropped_syn(&net, Family::V4, &full));
            dropped += 1;
            sleep(Duration::from_millis(80));
        }
        dropped
    };
    let recording = Recording::start(&net, folder.path(), &[]);
    let first = drop_for(Duration::from_secs(4));
    recording.signal(Signal::SIGKILL);
    recording.end();
    // Nobody sees these.
    let between = drop_for(Duration::from_secs(3));
    let recording = Recording::start(&net, folder.path(), &[]);
    let last = drop_for(Duration::from_secs(1));
    recording.stop();
    let reports = told("stats", folder.path());
    let run = reports.iter().find(|it| it["span"] == "run");
    let rows = run.expect("a report")["listeners"].as_array().unwrap();
    let dropped = rows[0]["dropped"].as_u64().expect("it is known");
    // It was killed two seconds at the most after the last look that is on the disk.
    let (first, between, last) = (first as f64, between as f64, last as f64);
    let most = first + last + between / 3.0;
    assert!((first / 3.0..most).contains(&(dropped as f64)), "{dropped}");
}

#[test]
fn what_was_written_before_a_kill_is_there() {
    let net = Namespace::new();
    for pause in [0, 400, 900] {
        let folder = TempDir::new().expect("a folder");
        let recording = Recording::start(&net, folder.path(), &["--sync", "100ms"]);
        connections(&net, 50);
        sleep(WRITTEN);
        connections(&net, 50);
        sleep(Duration::from_millis(pause));
        recording.signal(Signal::SIGKILL);
        assert!(!recording.end().status.success());
        let opened = opened(folder.path());
        assert!((50..=100).contains(&opened), "{opened} after {pause} ms");
        let info = info(folder.path());
        assert_eq!(info["complete"], false, "{info}");
        // And another run goes on behind it.
        let recording = Recording::start(&net, folder.path(), &[]);
        connections(&net, 5);
        recording.stop();
        assert_eq!(self::opened(folder.path()), opened + 5);
    }
}

#[test]
fn two_do_not_record_in_one_folder() {
    let net = Namespace::new();
    let folder = TempDir::new().expect("a folder");
    let first = Recording::start(&net, folder.path(), &[]);
    let mut second = tcptrace();
    second.args(["record", "-o"]).arg(folder.path());
    let mut second = Recording::begin(second);
    until("it ends by itself", || second.is_over());
    let output = second.end();
    assert_eq!(output.status.code(), Some(1));
    let said = String::from_utf8_lossy(&output.stderr);
    assert_eq!(said.lines().count(), 1, "{said}");
    assert!(said.contains("another tcptrace does already"), "{said}");
    first.stop();
}

#[test]
fn a_recording_is_of_who_called_sudo_alone() {
    let net = Namespace::new();
    let above = TempDir::new().expect("a folder");
    let record = |folder: &Path| {
        let mut command = tcptrace();
        command.args(["record", "--netns", &net.inode().to_string(), "-o"]);
        command.arg(folder);
        command.env("SUDO_UID", "12345").env("SUDO_GID", "23456");
        Recording::run(command, folder).stop();
        folder.join(&files(folder)[0])
    };
    let is_theirs = |path: &Path, mode| {
        let about = fs::metadata(path).expect("it is there");
        assert_eq!((about.uid(), about.gid()), (12345, 23456), "{path:?}");
        assert_eq!(about.mode() & 0o777, mode, "{path:?}");
    };
    let made = above.path().join("made");
    is_theirs(&record(&made), 0o600);
    is_theirs(&made, 0o700);
    // A folder that is there stays whose it is.
    let roots = above.path().join("roots");
    fs::create_dir(&roots).expect("a folder");
    is_theirs(&record(&roots), 0o600);
    assert_eq!(fs::metadata(&roots).expect("it is there").uid(), 0);
}

#[test]
fn the_file_in_which_it_happened_is_spared() {
    let net = Namespace::new();
    let folder = TempDir::new().expect("a folder");
    let recording = Recording::start(&net, folder.path(), &["--spare", "reset_by_peer"]);
    connections(&net, 3);
    sleep(WRITTEN);
    let spared = || {
        files(folder.path())
            .iter()
            .any(|it| it.contains(".spared."))
    };
    assert!(!spared());
    let (client, server) = net.connect(Family::V4);
    reset(client);
    await_reset(&server);
    drop(server);
    until("it is spared", spared);
    recording.stop();
    // It is read under its other name, too.
    assert!(opened(folder.path()) >= 4);
}

#[test]
fn the_traced_commands_status_is_that_of_record() {
    let net = Namespace::new();
    let folder = TempDir::new().expect("a folder");
    let mut command = tcptrace();
    command.args(["record", "--netns", &net.inode().to_string(), "-o"]);
    command.arg(folder.path());
    command.args(["--", "sh", "-c", "exit 7"]);
    let output = command.output().expect("tcptrace");
    assert_eq!(output.status.code(), Some(7), "{output:?}");
    assert_eq!(info(folder.path())["complete"], true);
}

/// A small disk, in memory.
struct Disk(TempDir);

impl Disk {
    fn of(size: &str) -> Self {
        let folder = TempDir::new().expect("a folder");
        let options = format!("size={size}");
        let flags = MsFlags::empty();
        let tmpfs = Some("tmpfs");
        mount(tmpfs, folder.path(), tmpfs, flags, Some(&*options)).expect("tmpfs");
        Self(folder)
    }

    /// Fills it up.
    fn fill(&self) -> PathBuf {
        let path = self.0.path().join("filler");
        let mut file = fs::File::create(&path).expect("an empty file");
        while file.write_all(&[1; 4096]).is_ok() {}
        path
    }
}

impl Drop for Disk {
    fn drop(&mut self) {
        let _ = umount2(self.0.path(), MntFlags::MNT_DETACH);
    }
}

#[test]
fn a_full_disk_is_said_once_and_recording_goes_on_when_there_is_room() {
    let net = Namespace::new();
    let disk = Disk::of("4M");
    let folder = disk.0.path();
    let recording = Recording::start(&net, folder, &[]);
    connections(&net, 10);
    sleep(WRITTEN);
    let filler = disk.fill();
    // More than what is left of the last page of the file.
    connections(&net, 2000);
    sleep(WRITTEN);
    connections(&net, 10);
    sleep(WRITTEN);
    fs::remove_file(filler).expect("it is there");
    until("another file is begun", || files(folder).len() == 2);
    connections(&net, 10);
    let output = recording.stop();
    let said = String::from_utf8_lossy(&output.stderr);
    let lines = said
        .lines()
        .filter(|it| it.contains("cannot write the recording"));
    assert_eq!(lines.count(), 1, "{said}");
    let info = info(folder);
    // Twelve events a connection: each is there, or told to be lost.
    let count = |name: &str| info[name].as_u64().expect("a number");
    assert!(count("lost") > 0, "{info}");
    assert!(count("events") + count("lost") >= 2030 * 12, "{info}");
    assert_eq!(
        info["damage"].as_array().expect("a list").len(),
        0,
        "{info}"
    );
    let opened = opened(folder);
    assert!((20..2030).contains(&opened), "{opened}");
    let end = told("watch", folder).pop().expect("a line");
    assert_eq!(end["lost"], info["lost"]);
}
