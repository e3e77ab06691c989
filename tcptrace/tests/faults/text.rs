//! Text that others choose: it can't write control characters, and breaks neither CSV nor JSON.

use std::{
    ffi::{CString, OsString},
    fs,
    io::Write as _,
    net::TcpListener,
    path::PathBuf,
    process::{Command, Stdio},
    thread::sleep,
    time::Duration,
};

use nix::sys::prctl;
use serde_json::Value;

use crate::{
    Family,
    namespace::Namespace,
    run::{ended, run},
    schema,
    trace::{Trace, binary},
};

/// Names that a program gives itself, and how they are shown.
const NAMES: [(&[u8], &str); 5] = [
    (b"\x1b[31mred", "?[31mred"),
    (b"two\nlines\r", "two?lines?"),
    (b"a,\"b\";'c\\", "a,\"b\";'c\\"),
    (b"\xff\xfe,\xc3", "??,?"),
    ("größe\u{202e}".as_bytes(), "gr????e???"),
];

fn assert_harmless(text: &str) {
    let control = |it: char| (it.is_control() && it != '\n') || it == '\u{202e}';
    assert!(!text.contains(control), "{text:?}");
}

/// Calls this thread so.
fn call(name: &[u8]) {
    let name = CString::new(name).unwrap();
    prctl::set_name(&name).unwrap();
}

/// A connection that is opened and closed by this thread.
fn connection(net: &Namespace) {
    let (client, server) = net.connect(Family::V4);
    drop(client);
    sleep(Duration::from_millis(20));
    drop(server);
}

#[test]
fn names_of_programs_are_harmless_in_every_format() {
    let net = Namespace::new();
    for (name, shown) in NAMES {
        let json = Trace::of(&net).start_raw();
        let csv = Trace::of(&net).start_csv();
        let flows = Trace::of(&net).subcommand("flows").start_raw();
        let tables = ["watch", "flows", "stats"].map(|command| {
            let mut child = Command::new(binary());
            child
                .args([command, "--netns", "self", "-d", "2s"])
                .env("LC_ALL", "C.UTF-8")
                .stdout(Stdio::piped())
                .stderr(Stdio::piped());
            child.spawn().unwrap()
        });
        sleep(Duration::from_secs(1));
        call(name);
        connection(&net);
        sleep(Duration::from_millis(300));

        let told = json.stop();
        assert_harmless(&told);
        let comms: Vec<Value> = told
            .lines()
            .map(|line| schema::read(line).unwrap())
            .filter(|line| line["type"] == "transition" && line["to"] == "SYN_SENT")
            .map(|line| line["comm"].clone())
            .collect();
        assert_eq!(comms, [shown], "{told}");
        assert!(flows.stop().lines().any(|line| {
            let line = schema::read(line).unwrap();
            line["comm"] == shown
        }));

        let header = csv.first.clone();
        let rows = csv.stop();
        assert_harmless(&rows);
        let text = header + &rows;
        let mut reader = csv::Reader::from_reader(text.as_bytes());
        let column = reader
            .headers()
            .unwrap()
            .iter()
            .position(|it| it == "comm")
            .unwrap();
        let records: Vec<_> = reader.records().map(Result::unwrap).collect();
        assert!(records.len() >= 5, "{rows}");
        assert!(records.iter().any(|it| it[column] == *shown), "{rows}");

        for table in tables {
            let ran = ended(table);
            let told = ran.succeeded();
            assert_harmless(told);
            assert!(told.contains(shown), "{shown} is missing in {told}");
        }
    }
}

/// A cgroup, removed in the end.
struct Cgroup(PathBuf);

impl Cgroup {
    fn new(name: &OsString) -> Self {
        let mounts = fs::read_to_string("/proc/self/mounts").expect("mounts");
        let mount = mounts
            .lines()
            .map(|line| line.split(' ').collect::<Vec<_>>())
            .find(|words| words.get(2) == Some(&"cgroup2"))
            .expect("cgroup v2 is needed: mount -t cgroup2 none /sys/fs/cgroup");
        let folder = PathBuf::from(mount[1]).join(name);
        fs::create_dir(&folder).expect("a cgroup");
        Self(folder)
    }
}

impl Drop for Cgroup {
    fn drop(&mut self) {
        for _ in 0..50 {
            if fs::remove_dir(&self.0).is_ok() {
                return;
            }
            sleep(Duration::from_millis(50));
        }
    }
}

#[test]
fn names_of_cgroups_are_harmless_in_every_format() {
    let net = Namespace::new();
    let mut name = OsString::from(format!("tcptrace-test-{}", std::process::id()));
    name.push("-\x1b[31m\r,\"q\"");
    let shown = format!(
        "/tcptrace-test-{}-\\x1b[31m\\x0d,\"q\"",
        std::process::id()
    );
    let cgroup = Cgroup::new(&name);
    let listener = net.listen(Family::V4);
    let json = Trace::of(&net).start_raw();
    let csv = Trace::of(&net).start_csv();
    let mut stats = Command::new(binary());
    stats
        .args(["stats", "--netns", "self", "-d", "2s", "--by", "cgroup"])
        .env("LC_ALL", "C")
        .stdout(Stdio::piped())
        .stderr(Stdio::piped());
    let stats = stats.spawn().unwrap();
    // The filter takes it by its real name.
    let path = cgroup.0.to_str().unwrap();
    let filtered = Trace::of(&net).with(["--cgroup", path]).start_raw();
    sleep(Duration::from_secs(1));
    connect_within(&cgroup, &listener);
    sleep(Duration::from_millis(300));

    for told in [json.stop(), filtered.stop()] {
        assert_harmless(&told);
        let found = told.lines().any(|line| {
            let line = schema::read(line).unwrap();
            line["cgroup"] == *shown
        });
        assert!(found, "{told}");
    }
    let header = csv.first.clone();
    let rows = csv.stop();
    assert_harmless(&rows);
    let text = header + &rows;
    let mut reader = csv::Reader::from_reader(text.as_bytes());
    assert!(
        reader
            .records()
            .map(Result::unwrap)
            .any(|it| it.iter().any(|field| field == shown)),
        "{rows}"
    );
    let ran = ended(stats);
    assert_harmless(ran.succeeded());
    assert!(ran.stdout.contains(&shown), "{}", ran.stdout);
}

/// A process of that cgroup connects.
fn connect_within(cgroup: &Cgroup, listener: &TcpListener) {
    let addr = listener.local_addr().unwrap();
    let script = format!(
        "read go; exec 3<>/dev/tcp/{}/{}; exec 3>&-",
        addr.ip(),
        addr.port()
    );
    let mut child = Command::new("bash")
        .args(["-c", &script])
        .stdin(Stdio::piped())
        .spawn()
        .unwrap();
    fs::write(cgroup.0.join("cgroup.procs"), child.id().to_string()).expect("into the cgroup");
    writeln!(child.stdin.take().unwrap(), "go").unwrap();
    let (server, _) = listener.accept().unwrap();
    assert!(child.wait().unwrap().success());
    drop(server);
}

#[test]
fn arguments_and_paths_in_messages_are_harmless_and_bounded() {
    let net = Namespace::new();
    let nasty = "/nonexistent/\x1b[31m\r\n\x07\u{9b}\u{202e}\"',";
    let long = format!("/{}", "x".repeat(100_000));
    for word in [nasty, &long] {
        for arguments in [
            &["--netns", word][..],
            &["--cgroup", word],
            &["--port", word],
            &["flows", "--idle-table", word],
            &["explain", word],
            &["schema", word],
            &["-o", word],
            &[word],
        ] {
            let ran = run(arguments);
            let said = ran.refusal(2);
            assert_harmless(said);
            assert!(said.len() < 2500, "{} bytes: {arguments:?}", said.len());
        }
        let trace = Trace::of(&net).with(["-d", "10s"]).command([word]).start();
        let seen = trace.ended();
        assert!(matches!(seen.status.code(), Some(126 | 127)));
        let ran = run(["-d", "10s", "-o", "csv", "--", word]);
        assert_harmless(&ran.stderr);
        assert_eq!(ran.stderr.lines().count(), 1, "{}", ran.stderr);
        assert!(ran.stderr.len() < 2500, "{} bytes", ran.stderr.len());
    }
}

#[test]
fn a_name_is_found_by_what_is_shown_of_it() {
    let net = Namespace::new();
    call(b"a\x1bb");
    let trace = Trace::of(&net).with(["-c", "a?b", "-n", "1"]).start();
    let _connection = net.connect(Family::V4);
    let seen = trace.ended();
    assert_eq!(seen.transitions[0].comm.as_deref(), Some("a?b"));
}
