//! `serve`: what is asked for is what happened, whoever asks, and however badly.

mod served;

use std::{
    collections::BTreeMap,
    fs,
    io::Write as _,
    net::{TcpListener, TcpStream},
    os::{
        fd::OwnedFd,
        unix::net::{UnixListener, UnixStream},
    },
    path::{Path, PathBuf},
    process::{Command, Stdio},
    thread::{self, sleep},
    time::{Duration, Instant},
};

use nix::{
    sys::signal::{Signal, kill},
    unistd::Pid,
};
use serde_json::Value;
use tempfile::TempDir;

use self::served::{Answer, Figures, Served, ask, until};
use crate::{
    Family,
    namespace::Namespace,
    patience::patient,
    sockets::{await_reset, close_in_turn, reset},
    trace::{Trace, binary},
};

/// Connections that end in several ways.
fn connections(net: &Namespace, count: usize) {
    let listener = net.listen(Family::V4);
    for _ in 0..count {
        let (client, server) = net.connect_to(&listener);
        close_in_turn(client, server);
        let (client, server) = net.connect(Family::V6);
        reset(client);
        await_reset(&server);
        drop(server);
    }
}

#[test]
fn counters_are_what_watch_tells_one_by_one() {
    let net = Namespace::new();
    let served = Served::of(&net, &[]);
    let watch = Trace::of(&net).start_raw();
    connections(&net, 50);
    sleep(Duration::from_millis(300));
    let figures = served.figures();
    let told = watch.stop();
    let mut counts: BTreeMap<String, f64> = BTreeMap::new();
    for line in told.lines() {
        let line: Value = serde_json::from_str(line).expect("JSON");
        if line["type"] == "transition" {
            let word = |name: &str| line[name].as_str().expect("a word").to_owned();
            let name = format!(
                "tcptrace_transitions_total{{from=\"{}\",to=\"{}\",reason=\"{}\"}}",
                word("from"),
                word("to"),
                word("reason")
            );
            *counts.entry(name).or_default() += 1.0;
        }
    }
    assert!(counts.len() >= 10, "{counts:?}");
    let transitions = figures.0.iter();
    let transitions =
        transitions.filter(|(name, _)| name.starts_with("tcptrace_transitions_total"));
    let transitions: BTreeMap<_, _> = transitions.map(|(a, b)| (a.clone(), *b)).collect();
    assert_eq!(transitions, counts);
    let closed =
        |labels: &str| figures.of(&format!("tcptrace_connections_closed_total{{{labels}}}"));
    assert_eq!(closed("end=\"graceful\",closer=\"local\""), Some(50.0));
    assert_eq!(closed("end=\"graceful\",closer=\"remote\""), Some(50.0));
    assert_eq!(closed("end=\"reset_by_us\",closer=\"local\""), Some(50.0));
    let resets = |way: &str| figures.of(&format!("tcptrace_resets_total{{direction=\"{way}\"}}"));
    assert_eq!(
        (resets("sent"), resets("received")),
        (Some(50.0), Some(50.0))
    );
    assert_eq!(
        figures.sum("tcptrace_handshake_seconds_count", "opener=\"local\""),
        100.0
    );
    assert_eq!(
        figures.sum("tcptrace_handshake_seconds_count", "opener=\"remote\""),
        100.0
    );
    assert_eq!(figures.of("tcptrace_events_lost_total"), Some(0.0));
    served.stop();
}

#[test]
fn gauges_are_what_there_is_and_what_was_there_before() {
    let net = Namespace::new();
    let before = net.connect(Family::V4);
    let listener = net.listen(Family::V6);
    let served = Served::of(&net, &[]);
    let state = |state: &str| served.figures().in_state(state);
    assert_eq!(state("ESTABLISHED"), Some(2.0));
    let during = net.connect_to(&listener);
    until("it is counted", || state("ESTABLISHED") == Some(4.0));
    close_in_turn(during.0, during.1);
    until("it is gone", || state("ESTABLISHED") == Some(2.0));
    assert_eq!(state("TIME_WAIT"), Some(1.0));
    assert_eq!(state("CLOSED"), None, "no connection is in it");
    drop(before.0);
    until("it waits", || state("FIN_WAIT2") == Some(1.0));
    assert_eq!(state("CLOSE_WAIT"), Some(1.0));
    // Each change is told when it happened, and not when all are counted next.
    let began = Instant::now();
    let mut held = Vec::new();
    for count in 1..=4 {
        held.push(net.connect_to(&listener));
        let now = f64::from(2 * count);
        until("it is told", || state("ESTABLISHED") == Some(now));
    }
    assert!(began.elapsed() < patient(Duration::from_secs(10)));
    served.stop();
}

#[test]
fn a_gauge_that_is_unknown_after_a_loss_goes_and_comes_back_right() {
    let net = Namespace::new();
    let listener = net.listen(Family::V4);
    let served = Served::of(&net, &["--buffer-size", "16K"]);
    assert!(served.figures().in_state("ESTABLISHED").is_some());
    let asking = served.socket();
    served.signal(Signal::SIGSTOP);
    let mut held = Vec::new();
    for _ in 0..300 {
        held.push(net.connect_to(&listener));
    }
    served.signal(Signal::SIGCONT);
    let began = Instant::now();
    let mut unknown = 0;
    let back = loop {
        let stream = UnixStream::connect(&asking).expect("it listens");
        let answer = ask(stream, "/metrics", "").expect("an answer");
        let figures = Figures::read(&answer.text());
        if figures.of("tcptrace_events_lost_total") > Some(0.0) {
            match figures.in_state("ESTABLISHED") {
                None => unknown += 1,
                Some(now) => break now,
            }
        }
        assert!(
            began.elapsed() < Duration::from_secs(20),
            "it stays unknown"
        );
    };
    assert_eq!(back, 600.0, "unknown {unknown} times before");
    assert!(
        unknown > 0,
        "it was said to be known though events were lost"
    );
    served.stop();
}

#[test]
fn each_form_is_had_by_asking_for_it() {
    let net = Namespace::new();
    let served = Served::of(&net, &[]);
    let watch = Trace::of(&net).start_raw();
    connections(&net, 3);
    sleep(Duration::from_millis(300));
    let kind = |answer: &Answer| {
        let lines = answer.head.lines();
        let mut kinds = lines.filter_map(|it| it.strip_prefix("content-type: "));
        kinds.next().expect("a type").to_owned()
    };
    let text = served.ask("*/*");
    assert!(
        kind(&text).starts_with("text/plain; version=0.0.4"),
        "{}",
        text.head
    );
    assert!(!text.text().contains(" # {"), "no exemplars in this form");
    let open = served.ask("application/openmetrics-text;version=1.0.0,text/plain;q=0.5");
    assert!(
        kind(&open).starts_with("application/openmetrics-text"),
        "{}",
        open.head
    );
    assert!(open.text().ends_with("# EOF\n"));
    // As Prometheus asks where native histograms are switched on.
    let bytes = served.ask(
        "application/vnd.google.protobuf;proto=io.prometheus.client.MetricFamily;\
         encoding=delimited;q=0.7,application/openmetrics-text;version=1.0.0;q=0.6",
    );
    assert!(
        kind(&bytes).starts_with("application/vnd.google.protobuf"),
        "{}",
        bytes.head
    );
    let name = b"tcptrace_state_duration_seconds";
    assert!(bytes.body.windows(name.len()).any(|it| it == name));
    let cookies: Vec<String> = watch
        .stop()
        .lines()
        .filter_map(|line| serde_json::from_str::<Value>(line).ok())
        .filter_map(|line| Some(line["cookie"].as_str()?.to_owned()))
        .collect();
    let text = open.text();
    let exemplar = |line: &str| {
        let (_, rest) = line.split_once(" # {cookie=\"")?;
        Some(rest.split('"').next()?.to_owned())
    };
    let exemplars: Vec<String> = text.lines().filter_map(exemplar).collect();
    assert!(!exemplars.is_empty());
    for cookie in exemplars {
        assert!(cookies.contains(&cookie), "{cookie} is of no connection");
    }
    served.stop();
}

#[test]
fn counters_by_whose_they_are_have_the_same_sums_and_a_bound() {
    let net = Namespace::new();
    let all = Served::of(&net, &[]);
    let by_port = Served::of(&net, &["--by", "port"]);
    let few = Served::of(&net, &["--by", "port", "--max-series", "10"]);
    for _ in 0..3 {
        connections(&net, 2);
    }
    sleep(Duration::from_millis(300));
    let (all, by_port, few) = (all.figures(), by_port.figures(), few.figures());
    for metric in [
        "tcptrace_transitions_total",
        "tcptrace_connections_closed_total",
    ] {
        let sum = all.sum(metric, "");
        assert!(sum > 0.0);
        assert_eq!(by_port.sum(metric, "port="), sum);
        assert_eq!(few.sum(metric, "port="), sum);
    }
    assert_eq!(
        by_port.sum("tcptrace_transitions_total", "port=\"other\""),
        0.0
    );
    let folded = few.sum("tcptrace_series_folded_total", "tcptrace_transitions_total");
    assert!(folded > 0.0);
    assert_eq!(
        few.sum("tcptrace_transitions_total", "port=\"other\""),
        folded
    );
}

#[test]
fn whoever_hangs_or_reads_slowly_keeps_nobody_from_the_figures_and_costs_no_event() {
    let net = Namespace::new();
    let served = Served::of(&net, &["--strict"]);
    let say_nothing: Vec<UnixStream> = (0..100)
        .filter_map(|_| UnixStream::connect(served.socket()).ok())
        .collect();
    assert!(say_nothing.len() > 64, "more than are answered at once");
    let asked = Instant::now();
    connections(&net, 20);
    let figures = served.figures();
    let took = asked.elapsed();
    assert!(took < Duration::from_secs(25), "{took:?}");
    assert_eq!(figures.of("tcptrace_events_lost_total"), Some(0.0));
    // One that asks, and does not read.
    let mut unread = UnixStream::connect(served.socket()).expect("it listens");
    for _ in 0..50 {
        let _ = unread.write_all(b"GET /metrics HTTP/1.1\r\nhost: x\r\n\r\n");
    }
    served.figures();
    drop(say_nothing);
    let output = served.stop();
    assert!(output.status.success(), "{output:?}");
}

#[test]
fn thousands_of_scrapes_at_once_are_answered_and_cost_no_event() {
    let net = Namespace::new();
    let served = Served::of(&net, &["--strict"]);
    let path = served.socket();
    let scrapers: Vec<_> = (0..50)
        .map(|_| {
            let path = path.clone();
            thread::spawn(move || {
                let once = || ask(UnixStream::connect(&path).ok()?, "/metrics", "");
                (0..200)
                    .filter(|_| once().is_some_and(|it| it.status == 200))
                    .count()
            })
        })
        .collect();
    connections(&net, 200);
    let answered: usize = scrapers
        .into_iter()
        .map(|it| it.join().expect("no panic"))
        .sum();
    assert_eq!(answered, 10_000);
    let output = served.stop();
    assert!(output.status.success(), "{output:?}");
}

#[test]
fn the_socket_is_gone_when_it_has_ended_and_who_asks_late_is_told() {
    let net = Namespace::new();
    let served = Served::of(&net, &[]);
    let path = served.socket();
    let missing = served.try_ask("/nothing", "").expect("an answer");
    assert_eq!(missing.status, 404);
    let explained = served.try_ask("/", "").expect("an answer");
    assert!(explained.text().contains("/metrics"));
    let healthy = served.try_ask("/-/healthy", "").expect("an answer");
    assert_eq!(healthy.status, 200);
    // The loop stands still: it is not healthy.
    let output = served.stop();
    assert!(output.status.success(), "{output:?}");
    let said = String::from_utf8_lossy(&output.stderr).into_owned();
    assert_eq!(
        said.trim(),
        format!("tcptrace: metrics are at unix:{}", path.display())
    );
}

#[test]
fn a_socket_that_a_service_manager_hands_over_is_served() {
    let net = Namespace::new();
    let folder = TempDir::new().expect("a folder");
    let path = folder.path().join("handed-over");
    let listener = UnixListener::bind(&path).expect("a socket");
    let mut child = Command::new("sh")
        .arg("-c")
        .arg("exec 3<&0 </dev/null; LISTEN_PID=$$ LISTEN_FDS=1 exec \"$0\" serve --netns \"$1\"")
        .arg(binary())
        .arg(net.inode().to_string())
        .stdin(OwnedFd::from(listener))
        .stderr(Stdio::piped())
        .spawn()
        .expect("sh");
    // Who asks before tracing begins waits for it, and is told where that takes too long.
    let asked = || {
        let stream = UnixStream::connect(&path).expect("it listens from the beginning");
        ask(stream, "/metrics", "").is_some_and(|it| it.status == 200)
    };
    until("it is served", asked);
    kill(Pid::from_raw(child.id() as i32), Signal::SIGTERM).expect("it is there");
    assert!(child.wait().expect("its end").success());
    assert!(path.exists(), "it is the service manager's");
}

#[test]
fn what_is_wrong_is_told_in_one_line() {
    let net = Namespace::new();
    let taken = TcpListener::bind("127.0.0.1:0").expect("a port");
    let port = taken.local_addr().expect("an address").port();
    let taken = format!("127.0.0.1:{port}");
    let netns = net.inode().to_string();
    let wrong: [(&[&str], i32, &str); 6] = [
        (&["--listen", &taken], 1, "another tcptrace serve"),
        (&["--listen", "9465"], 2, "127.0.0.1:9465"),
        (
            &["--listen", "unix:/nowhere/s"],
            1,
            "the folder must be there",
        ),
        (&["--otlp", "collector:4317"], 2, "http://HOST:4318"),
        (&["--otlp-flows"], 2, "--otlp URL"),
        (&["--keep", "1G"], 2, "--record"),
    ];
    for (arguments, status, told) in wrong {
        let mut command = Command::new(binary());
        // If it took that, it would not end.
        command.args(["serve", "-d", "10s", "--netns", &netns]);
        command.args(arguments);
        let output = command.output().expect("tcptrace");
        let said = String::from_utf8_lossy(&output.stderr);
        assert_eq!(output.status.code(), Some(status), "{arguments:?}: {said}");
        assert_eq!(said.lines().count(), 1, "{arguments:?}: {said}");
        assert!(said.contains(told), "{arguments:?}: {said}");
    }
}

#[test]
fn the_thread_that_serves_has_no_privilege_and_can_open_nothing() {
    let net = Namespace::new();
    let served = Served::of(&net, &[]);
    let tasks = format!("/proc/{}/task", served.pid());
    let threads: Vec<PathBuf> = fs::read_dir(tasks)
        .expect("its threads")
        .filter_map(|it| Some(it.ok()?.path()))
        .collect();
    let read = |path: &Path, name: &str| fs::read_to_string(path.join(name)).unwrap_or_default();
    let mut metrics = threads
        .iter()
        .filter(|it| read(it, "comm").trim() == "metrics");
    let thread = metrics.next().expect("a thread that serves");
    let status = read(thread, "status");
    for set in ["CapEff", "CapPrm", "CapInh", "CapBnd", "CapAmb"] {
        let line = status.lines().find(|it| it.starts_with(set)).expect(set);
        assert!(line.ends_with("0000000000000000"), "{line}");
    }
    assert!(status.contains("NoNewPrivs:\t1"), "{status}");
    served.stop();
}

#[test]
fn one_tracer_serves_and_records() {
    let net = Namespace::new();
    let folder = TempDir::new().expect("a folder");
    let path = folder.path().display().to_string();
    let served = Served::of(&net, &["--record", &path, "--spare", "reset_by_peer"]);
    connections(&net, 10);
    sleep(Duration::from_millis(300));
    let figures = served.figures();
    assert!(figures.of("tcptrace_recorded_events_total") > Some(100.0));
    assert_eq!(figures.of("tcptrace_recorder_lost_total"), Some(0.0));
    assert!(served.stop().status.success());
    let mut stats = Command::new(binary());
    stats.args(["watch", "-o", "json", "-r", &path]);
    let output = stats.output().expect("tcptrace");
    let lines = String::from_utf8_lossy(&output.stdout).into_owned();
    let connects = lines
        .lines()
        .filter(|it| it.contains("\"reason\":\"connect\""))
        .count();
    assert_eq!(connects, 20);
    let names = fs::read_dir(&path).expect("the folder");
    let mut names = names.filter_map(|it| it.ok()?.file_name().into_string().ok());
    assert!(names.any(|it| it.contains(".spared.")), "a reset was told");
}

#[test]
fn what_a_full_listener_drops_is_a_counter() {
    let net = Namespace::new();
    let socket = net.socket(Family::V4);
    let loopback = std::net::SocketAddr::from(([127, 0, 0, 1], 0));
    socket.bind(&loopback.into()).expect("a port");
    socket.listen(1).expect("a small backlog");
    let at = socket.local_addr().expect("an address");
    let at = at.as_socket().expect("an address");
    net.listeners().add(at.port());
    let served = Served::of(&net, &[]);
    let drops = || {
        served
            .figures()
            .sum("tcptrace_listener_drops_total", &at.to_string())
    };
    assert_eq!(drops(), 0.0);
    let full: Vec<TcpStream> = (0..8)
        .filter_map(|_| TcpStream::connect_timeout(&at, Duration::from_millis(100)).ok())
        .collect();
    until("they are told", || drops() > 0.0);
    drop(full);
    served.stop();
}
