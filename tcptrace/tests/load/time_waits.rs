//! Two hundred thousand TIME_WAITs that are there already.

use std::{
    ffi::OsStr,
    mem::MaybeUninit,
    process::{Command, Stdio},
    time::{Duration, Instant},
};

use crate::{
    load,
    loop_back::Loopback,
    memory::{MIB, mib},
    namespace::Namespace,
    traced::Traced,
};

/// TIME_WAIT takes 60 s: what is to be exact must be done before.
const SOON: Duration = Duration::from_secs(55);
/// A start must not take longer, nor a listing.
const LIMIT: Duration = Duration::from_secs(10);

/// What a run of tcptrace said, how long it took, and what it used at the most, bytes.
#[expect(
    clippy::zombie_processes,
    reason = "wait4() waits, and tells what it used"
)]
fn run(arguments: &[&str]) -> (String, Duration, u64) {
    let binary =
        std::env::var_os("TCPTRACE_BIN").unwrap_or_else(|| env!("CARGO_BIN_EXE_tcptrace").into());
    let file = tempfile::NamedTempFile::new().expect("a file");
    let began = Instant::now();
    let child = Command::new::<&OsStr>(&binary)
        .args(arguments)
        .stdin(Stdio::null())
        .stdout(file.reopen().expect("the file"))
        .spawn()
        .expect("tcptrace starts");
    let mut usage = MaybeUninit::<libc::rusage>::zeroed();
    let mut status = 0;
    // SAFETY: a child that nobody else waits for; both are as large as the call writes.
    let waited = unsafe { libc::wait4(child.id() as i32, &raw mut status, 0, usage.as_mut_ptr()) };
    assert_eq!(waited, child.id() as i32, "wait");
    assert_eq!(status, 0, "{arguments:?}");
    // SAFETY: zeroed before, and written by the kernel: integers throughout.
    let usage = unsafe { usage.assume_init() };
    let took = began.elapsed();
    let said = std::fs::read_to_string(file.path()).expect("the file");
    let most = usage.ru_maxrss as u64 * 1024;
    eprintln!("{}: {took:.2?}, {}", arguments.join(" "), mib(most));
    (said, took, most)
}

#[test]
fn many_time_waits_are_listed_and_counted_exactly_and_soon() {
    let net = Namespace::new();
    let all = load(200_000);
    net.set("tcp_max_tw_buckets", 2 * all);
    // On loopback, connect() would take the port of one rather than look for another.
    net.set("tcp_tw_reuse", 0);
    let loopback = Loopback::new();
    let began = Instant::now();
    for number in 0..all {
        loopback.finish(number);
    }
    eprintln!("{all} TIME_WAITs within {:.1?}", began.elapsed());

    let (summary, took, most) = run(&["list", "-s", "-o", "json"]);
    let line = summary.lines().find(|line| line.contains("TIME_WAIT"));
    let line: serde_json::Value = serde_json::from_str(line.expect("a line")).expect("JSON");
    assert_eq!(line["sockets"], all, "{line}");
    // A socket is 200 bytes or so, in two lists while they are joined.
    let enough = 64 * MIB + all * 512;
    assert!(took < LIMIT && most < enough, "{took:?}, {}", mib(most));

    let (lines, took, most) = run(&["list", "-o", "json", "--state", "time-wait"]);
    assert_eq!(lines.lines().count() as u64, all);
    assert!(took < LIMIT && most < enough, "{took:?}, {}", mib(most));

    let arguments = ["stats", "-o", "json", "--netns", "self"];
    let traced = Traced::start(&net.outside(), &arguments);
    eprintln!("stats started within {:.2?}", traced.took);
    assert!(traced.took < LIMIT, "{:?}", traced.took);
    let (_, most) = crate::memory::resident(traced.pid());
    // The ring buffer, which is mapped twice.
    assert!(most < enough + 16 * MIB, "{}", mib(most));
    let told = traced.stop();
    let run = told.run.as_ref().expect("a line of the whole run");
    told.assert_whole();
    let now = &run["states"]["TIME_WAIT"]["now"];
    // After a loss, that is unknown.
    assert!(told.lost > 0 || *now == all, "{run}");
    assert!(
        began.elapsed() < SOON,
        "the machine is too slow for this test"
    );
}
