//! `tcptrace doctor` where tracing is possible.

use std::{
    ffi::OsString,
    net::{TcpListener, TcpStream},
    process::Command,
    thread,
    time::Duration,
};

use landlock::{AccessFs, Ruleset, RulesetAttr as _, RulesetStatus};
use serde_json::Value;
use socket2::SockRef;

use crate::{Family, namespace::Namespace, schema};

/// Asks in the namespace of this thread.
fn doctor() -> Value {
    let (text, _) = said(&["doctor", "-o", "json"]);
    schema::read(&text).expect("one object")
}

/// What tcptrace says that this thread runs, with this thread's rights: on stdout and stderr.
fn said(words: &[&str]) -> (String, String) {
    let binary = std::env::var_os("TCPTRACE_BIN")
        .unwrap_or_else(|| OsString::from(env!("CARGO_BIN_EXE_tcptrace")));
    let output = Command::new(binary).args(words).output().expect("tcptrace");
    let said = String::from_utf8_lossy(&output.stderr);
    assert_eq!(output.status.code(), Some(0), "{said}");
    (
        String::from_utf8(output.stdout).expect("UTF-8"),
        said.into_owned(),
    )
}

fn named<'a>(list: &'a Value, name: &str) -> &'a Value {
    list.as_array()
        .unwrap()
        .iter()
        .find(|it| it["name"] == name)
        .unwrap_or_else(|| panic!("{name} is missing in {list}"))
}

fn warning<'a>(report: &'a Value, setting: &str) -> Option<&'a str> {
    report["warnings"]
        .as_array()?
        .iter()
        .find(|it| it["setting"] == setting)?["text"]
        .as_str()
}

#[test]
fn every_hook_is_tried() {
    let _net = Namespace::new();
    let report = doctor();
    assert_eq!(report["can_trace"], true);
    for hook in [
        "/sys/kernel/btf/vmlinux",
        "/proc/kallsyms",
        "CAP_BPF",
        "load",
        "inet_sock_set_state",
        "timer_start",
        "timer_cancel",
        "timer_expire_entry",
        "kfree_skb",
        "tcp_send_reset",
        "cgroup_mkdir",
        "sched_process_fork",
        "sock_diag",
    ] {
        assert_eq!(named(&report["checks"], hook)["status"], "ok", "{hook}");
    }
}

#[test]
fn who_accepts_is_told_or_it_is_said_what_stands_in() {
    let _net = Namespace::new();
    let report = doctor();
    let check = named(&report["checks"], "inet_csk_accept");
    match check["status"].as_str() {
        Some("ok") => assert!(check["detail"].is_null()),
        Some("degraded") => {
            let why = check["detail"].as_str().expect("why");
            assert!(why.contains("is looked for instead"), "{why}");
        }
        status => panic!("{status:?}"),
    }
}

#[test]
fn settings_are_those_of_the_own_network_namespace() {
    let net = Namespace::new();
    net.set("tcp_fin_timeout", 70);
    net.set("ip_local_port_range", "50000 50099");
    let report = doctor();
    let fin_timeout = named(&report["settings"], "tcp_fin_timeout");
    assert_eq!(fin_timeout["value"], 70);
    assert_eq!(fin_timeout["default"], 60);
    assert!(warning(&report, "tcp_fin_timeout").is_some_and(|it| it.contains("really 20 s")));
    assert!(warning(&report, "ip_local_port_range").is_some_and(|it| it.contains("100 ports")));
    // That one is the machine's, and not to be seen in here.
    assert!(named(&report["settings"], "tcp_max_orphans")["value"].is_null());
}

#[test]
fn time_waits_are_counted_and_told_when_near_their_limit() {
    let net = Namespace::new();
    assert_eq!(warning(&doctor(), "tcp_max_tw_buckets"), None);
    net.set("tcp_max_tw_buckets", 1);
    let (client, server) = net.connect(Family::V4);
    drop(client);
    std::thread::sleep(Duration::from_millis(200));
    drop(server);
    std::thread::sleep(Duration::from_millis(200));
    let report = doctor();
    assert!(warning(&report, "tcp_max_tw_buckets").is_some_and(|it| it.contains("1 of 1")));
    assert!(named(&report["counters"], "TW")["value"].as_u64() >= Some(1));
    assert_eq!(named(&report["counters"], "TWRecycled")["value"], 0);
}

#[test]
fn a_listener_whose_queue_is_full_is_named() {
    let net = Namespace::new();
    let listener = net.listen(Family::V4);
    let addr = listener.local_addr().unwrap();
    SockRef::from(&listener).listen(1).unwrap();
    assert_eq!(warning(&doctor(), "somaxconn"), None);
    // A backlog of 1 lets two wait.
    let _waiting = [(); 2].map(|()| TcpStream::connect(addr).expect("connect"));
    std::thread::sleep(Duration::from_millis(100));
    let report = doctor();
    let told = warning(&report, "somaxconn").expect("a warning");
    assert!(told.contains(&addr.to_string()), "{told}");
}

/// What a security module hides, here Landlock: that lets nobody look into processes outside.
#[test]
fn descriptors_that_are_hidden_in_spite_of_capabilities_are_told() {
    let _net = Namespace::new();
    let hidden = |report: &Value| {
        let check = named(&report["checks"], "CAP_SYS_PTRACE").clone();
        (check["status"].as_str() == Some("degraded")).then_some(check["detail"].clone())
    };
    let unseen = || {
        let (lines, _) = said(&["watch", "-o", "json", "-d", "100ms"]);
        let start: Value = serde_json::from_str(lines.lines().next().unwrap()).unwrap();
        let degraded = start["degraded"].as_array().unwrap().clone();
        degraded.into_iter().find(|it| it["what"] == "/proc/PID/fd")
    };
    assert_eq!((hidden(&doctor()), unseen()), (None, None));
    // What a thread gives up, others keep.
    let (hidden, unseen) = thread::scope(|scope| {
        let confined = scope.spawn(|| {
            let rules = Ruleset::default().handle_access(AccessFs::MakeBlock);
            let status = rules.unwrap().create().unwrap().restrict_self().unwrap();
            assert_ne!(status.ruleset, RulesetStatus::NotEnforced);
            let _listener = TcpListener::bind("127.0.0.1:0").unwrap();
            let (_, listed) = said(&["list", "--netns", "self"]);
            assert!(listed.contains("whose 1 of the sockets"), "{listed}");
            (hidden(&doctor()), unseen())
        });
        confined.join().unwrap()
    });
    let why = unseen.unwrap()["why"].clone();
    assert!(why.as_str().unwrap().contains("AppArmor"), "{why}");
    assert_eq!(hidden, Some(why));
}
