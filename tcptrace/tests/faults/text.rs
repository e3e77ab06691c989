//! Text that others choose: it can't write control characters, and breaks neither CSV nor JSON.

use std::{
    ffi::OsString,
    fs,
    io::{Read as _, Write as _},
    net::TcpListener,
    path::PathBuf,
    process::{Command, Stdio},
    sync::{Mutex, MutexGuard, PoisonError, mpsc::channel},
    thread::{self, sleep},
    time::{Duration, Instant},
};

use nix::{
    sys::signal::{Signal, kill},
    unistd::Pid,
};
use serde_json::Value;

use crate::{
    Family,
    namespace::Namespace,
    run::{ended, run},
    schema,
    trace::{Trace, binary},
};

/// Names that a program gives itself, and how they are shown.
const NAMES: [(&[u8], &str); 7] = [
    (b"\x1b[31mred", "?[31mred"),
    (b"two\nlines\r", "two?lines?"),
    (b"a,\"b\";'c\\", "a,\"b\";'c\\"),
    (b"\xff\xfe,\xc3", "??,?"),
    ("größe\u{202e}".as_bytes(), "größe?"),
    // The kernel cuts through its last but one character.
    ("a数据库的服务".as_bytes(), "a数据库的?"),
    (b"=1+1", "=1+1"),
];

fn assert_harmless(text: &str) {
    let control = |it: char| (it.is_control() && it != '\n') || it == '\u{202e}';
    assert!(!text.contains(control), "{text:?}");
}

/// Held while a test calls this process something, which is all tests'.
static NAMED: Mutex<()> = Mutex::new(());

fn alone() -> MutexGuard<'static, ()> {
    NAMED.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Calls this process so.
fn call(name: &[u8]) {
    fs::write("/proc/self/comm", name).unwrap();
}

/// A connection that is opened and closed by this thread.
fn connection(net: &Namespace) {
    let (client, server) = net.connect(Family::V4);
    drop(client);
    sleep(Duration::from_millis(20));
    drop(server);
}

#[test]
fn names_of_programs_are_harmless_in_json_and_csv() {
    let _alone = alone();
    let net = Namespace::new();
    let json = Trace::of(&net).start_raw();
    let csv = Trace::of(&net).start_csv();
    let flows = Trace::of(&net).subcommand("flows").start_raw();
    for (name, _) in NAMES {
        call(name);
        connection(&net);
    }
    sleep(Duration::from_millis(300));

    let names = NAMES.map(|(_, shown)| shown);
    let told = json.stop();
    assert_harmless(&told);
    let lines: Vec<Value> = told.lines().map(|it| schema::read(it).unwrap()).collect();
    let opened = |it: &&Value| it["to"] == "SYN_SENT";
    let comms: Vec<_> = lines.iter().filter(opened).map(|it| &it["comm"]).collect();
    assert_eq!(comms, names, "{told}");

    let told = flows.stop();
    assert_harmless(&told);
    let lines: Vec<Value> = told.lines().map(|it| schema::read(it).unwrap()).collect();
    for name in names {
        assert!(lines.iter().any(|it| it["comm"] == name), "{name}: {told}");
    }

    let text = csv.first.clone() + &csv.stop();
    assert_harmless(&text);
    let mut reader = csv::Reader::from_reader(text.as_bytes());
    let headers = reader.headers().unwrap();
    let column = |name: &str| headers.iter().position(|it| it == name).unwrap();
    let (to, comm) = (column("to"), column("comm"));
    let records: Vec<_> = reader.records().map(Result::unwrap).collect();
    let opened = records.iter().filter(|it| it[to] == *"SYN_SENT");
    let comms: Vec<&str> = opened.map(|it| &it[comm]).collect();
    // A spreadsheet shall not compute it.
    let names = names.map(|it| if it == "=1+1" { "'=1+1" } else { it });
    assert_eq!(comms, names, "{text}");
}

#[test]
fn names_of_programs_are_harmless_in_tables() {
    let _alone = alone();
    let net = Namespace::new();
    for arguments in [
        &["watch"][..],
        &["flows"],
        &["stats", "-i", "500ms"],
        &["stats", "-i", "500ms", "--by", "comm"],
    ] {
        let mut child = Command::new(binary())
            .args(arguments)
            .args(["--netns", "self", "-d", "60s"])
            .env("LC_ALL", "C.UTF-8")
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let (send, pieces) = channel();
        let mut stdout = child.stdout.take().unwrap();
        let reader = thread::spawn(move || {
            let mut bytes = [0; 4096];
            while let Ok(read @ 1..) = stdout.read(&mut bytes) {
                let _ = send.send(bytes[..read].to_vec());
            }
        });
        let mut told = Vec::new();
        let deadline = Instant::now() + Duration::from_secs(30);
        let is_shown = |told: &[u8], shown: &str| String::from_utf8_lossy(told).contains(shown);
        for (name, shown) in NAMES {
            call(name);
            while !is_shown(&told, shown) {
                assert!(
                    Instant::now() < deadline,
                    "{shown} is missing in {arguments:?}: {}",
                    String::from_utf8_lossy(&told)
                );
                connection(&net);
                sleep(Duration::from_millis(100));
                told.extend(pieces.try_iter().flatten());
            }
        }
        kill(Pid::from_raw(child.id() as i32), Signal::SIGTERM).unwrap();
        assert!(child.wait().unwrap().success());
        reader.join().unwrap();
        told.extend(pieces.try_iter().flatten());
        assert_harmless(&String::from_utf8(told).expect("UTF-8"));
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
    let shown = format!("/tcptrace-test-{}-\\x1b[31m\\x0d,\"q\"", std::process::id());
    let cgroup = Cgroup::new(&name);
    let listener = net.listen(Family::V4);
    let json = Trace::of(&net).start_raw();
    let csv = Trace::of(&net).start_csv();
    let mut stats = Command::new(binary());
    stats
        .args(["stats", "--netns", "self", "-d", "5s", "--by", "cgroup"])
        .env("LC_ALL", "C")
        .stdout(Stdio::piped())
        .stderr(Stdio::piped());
    let stats = stats.spawn().unwrap();
    // The filter takes it by its real name.
    let path = cgroup.0.to_str().unwrap();
    let filtered = Trace::of(&net).with(["--cgroup", path]).start_raw();
    sleep(Duration::from_secs(1));
    for _ in 0..5 {
        connect_within(&cgroup, &listener);
        sleep(Duration::from_millis(500));
    }
    sleep(Duration::from_millis(300));

    for told in [json.stop(), filtered.stop()] {
        assert_harmless(&told);
        let found = told.lines().any(|line| {
            let line = schema::read(line).unwrap();
            line["cgroup"] == *shown
        });
        assert!(found, "{told}");
    }
    let text = csv.first.clone() + &csv.stop();
    assert_harmless(&text);
    let mut reader = csv::Reader::from_reader(text.as_bytes());
    assert!(
        reader
            .records()
            .map(Result::unwrap)
            .any(|it| it.iter().any(|field| field == shown)),
        "{text}"
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
    let _alone = alone();
    let net = Namespace::new();
    call(b"a\x1bb");
    let mut trace = Trace::of(&net).with(["-c", "a?b", "-n", "1"]).start();
    let _connection = net.connect(Family::V4);
    trace.until(|it| it.comm.as_deref() == Some("a?b"));
    trace.ended();
}
