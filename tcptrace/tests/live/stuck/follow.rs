//! What is told when: each once, older ones, from outside, with filters, in all formats.

use std::{
    net::{Shutdown, TcpStream},
    os::{fd::AsRawFd as _, unix::process::CommandExt as _},
    process::Command,
    thread::sleep,
    time::Duration,
};

use nix::sys::resource::{Resource, getrlimit, setrlimit};

use super::line::{TOO_LONG, all, follow_with, look, told};
use crate::{
    Family,
    namespace::Namespace,
    output::field_of,
    patience::patient,
    sockets::{cookie, end},
    trace::Trace,
    wire::{ACK, FIN, Wire},
};

const SECOND: Duration = Duration::from_secs(1);

/// CAP_SYS_ADMIN, CAP_PERFMON and CAP_BPF (linux/capability.h).
const CAPABILITIES_OF_BPF: [libc::c_ulong; 3] = [21, 38, 39];

fn binary() -> Command {
    let binary =
        std::env::var_os("TCPTRACE_BIN").unwrap_or_else(|| env!("CARGO_BIN_EXE_tcptrace").into());
    Command::new(binary)
}

/// A connection in CLOSE_WAIT: the socket whose peer has closed, and nothing else that is stuck
/// for long.
fn close_wait(net: &Namespace) -> (TcpStream, TcpStream) {
    let (client, server) = net.connect(Family::V4);
    client.shutdown(Shutdown::Write).unwrap();
    (client, server)
}

#[test]
fn each_is_told_once_in_each_state() {
    let net = Namespace::new();
    let wire = Wire::new(&net, Family::V4);
    let trace = follow_with(&net, &["--for", "300ms", "-d", "4s"]);
    let (socket, mut peer) = wire.connected(&net);
    peer.send(FIN | ACK);
    peer.receive(ACK);
    sleep(SECOND * 3 / 2);
    drop(socket);
    let lines = all(trace);
    let told: Vec<_> = lines.iter().map(|line| &*line.state).collect();
    assert_eq!(told, ["CLOSE_WAIT", "LAST_ACK"], "{lines:#?}");
    assert!(lines.iter().all(|line| line.end() == peer.end()));
}

#[test]
fn what_passes_in_time_is_not_told() {
    let net = Namespace::new();
    let trace = follow_with(&net, &["--for", "1s", "-d", "2s"]);
    let (client, server) = close_wait(&net);
    sleep(TOO_LONG);
    drop(server);
    drop(client);
    assert!(all(trace).is_empty());
}

#[test]
fn an_older_one_that_is_overdue_is_told_at_once() {
    let net = Namespace::of_process();
    let (client, server) = close_wait(&net);
    sleep(SECOND);
    let trace = follow_with(&net, &["--for", "800ms", "-n", "1", "-s", "close-wait"]);
    let lines = all(trace);
    let [line] = &lines[..] else {
        panic!("one is stuck: {lines:#?}")
    };
    assert_eq!(line.end(), end(&server));
    assert_eq!(line.cookie, Some(cookie(&server)));
    assert!(line.held_at_least);
    assert!(line.held() >= Some(SECOND * 9 / 10), "{line:#?}");
    line.expect_ours(Some(server.as_raw_fd()));
    drop(client);
}

#[test]
fn an_older_one_that_is_not_overdue_is_told_when_it_is() {
    let net = Namespace::of_process();
    let (_client, server) = close_wait(&net);
    let limit = patient(SECOND * 3);
    let too_long = format!("{}s", limit.as_secs());
    let trace = follow_with(&net, &["--for", &too_long, "-n", "1", "-s", "close-wait"]);
    assert!(
        look(&net, &["--for", &too_long]).is_empty(),
        "{too_long} are not over"
    );
    let lines = all(trace);
    let [line] = &lines[..] else {
        panic!("one is stuck: {lines:#?}")
    };
    assert_eq!(line.end(), end(&server));
    assert!(line.held_at_least);
    let held = line.held().expect("at least since the first look");
    assert!((limit * 29 / 30..limit * 2).contains(&held), "{line:#?}");
}

#[test]
fn its_owner_and_settings_are_known_from_outside_its_namespace() {
    let net = Namespace::of_process();
    let _inhabitant = net.inhabitant();
    net.set("tcp_fin_timeout", 33);
    let trace = || Trace::of(&net).outside_of_it().subcommand("stuck");
    let live = trace()
        .with(["--for", "300ms", "-n", "2", "-d", "20s"])
        .start_raw();
    let (client, server) = net.connect(Family::V4);
    drop(client);
    let lines = all(live);
    let looked = all(trace().with(["-d", "0", "--for", "300ms"]).start_raw());
    for lines in [lines, looked] {
        assert_eq!(lines.len(), 2, "{lines:#?}");
        let of = |state: &str| lines.iter().find(|line| line.state == state).unwrap();
        of("CLOSE_WAIT").expect_ours(Some(server.as_raw_fd()));
        let (setting, value) = of("FIN_WAIT2").setting();
        assert_eq!((setting, value), (Some("tcp_fin_timeout"), Some(33)));
    }
}

#[test]
fn only_what_is_asked_for_is_told() {
    let net = Namespace::of_process();
    let (client, server) = close_wait(&net);
    let port = server.local_addr().unwrap().port().to_string();
    let pid = std::process::id().to_string();
    sleep(TOO_LONG * 2);
    let states = |arguments: &[&str]| {
        let lines = look(&net, &[&["--for", "300ms"], arguments].concat());
        lines.into_iter().map(|line| line.state).collect::<Vec<_>>()
    };
    assert_eq!(states(&[]), ["FIN_WAIT2", "CLOSE_WAIT"]);
    assert_eq!(states(&["-L", &port]), ["CLOSE_WAIT"]);
    assert_eq!(states(&["-s", "fin-wait-2"]), ["FIN_WAIT2"]);
    assert_eq!(states(&["-n", "1"]), ["FIN_WAIT2"]);
    assert_eq!(states(&["-p", &pid]).len(), 2);
    assert!(states(&["-p", "1"]).is_empty());
    assert!(states(&["-6"]).is_empty());
    drop(client);
}

#[test]
fn a_filter_by_process_works_live() {
    let net = Namespace::of_process();
    let pid = std::process::id().to_string();
    let ours = follow_with(
        &net,
        &["--for", "300ms", "-n", "1", "-s", "close-wait", "-p", &pid],
    );
    let others = follow_with(&net, &["--for", "300ms", "-d", "3s", "-p", "1"]);
    let (_client, server) = close_wait(&net);
    assert_eq!(told(ours, end(&server)).verdict, "not_read");
    assert!(all(others).is_empty());
}

#[test]
fn thousands_are_told_at_once() {
    let net = Namespace::of_process();
    let count = 2000;
    let (_, most) = getrlimit(Resource::RLIMIT_NOFILE).unwrap();
    setrlimit(Resource::RLIMIT_NOFILE, most, most).unwrap();
    let listener = net.listen(Family::V4);
    let trace = follow_with(
        &net,
        &["--for", "1s", "-s", "close-wait", "-n", &count.to_string()],
    );
    let pairs: Vec<_> = (0..count)
        .map(|_| {
            let pair = net.connect_to(&listener);
            pair.0.shutdown(Shutdown::Write).unwrap();
            pair
        })
        .collect();
    let mut told: Vec<_> = all(trace).iter().map(super::line::Line::end).collect();
    told.sort_by_key(|end| end.remote);
    told.dedup();
    assert_eq!(told.len(), count);
    drop(pairs);
}

#[test]
fn csv_has_the_fields_of_json() {
    let net = Namespace::of_process();
    let (_client, server) = close_wait(&net);
    sleep(TOO_LONG);
    let arguments = ["-d", "0", "--for", "300ms", "-s", "close-wait"];
    let raw = Trace::of(&net)
        .subcommand("stuck")
        .with(arguments)
        .start_csv();
    let header = raw.first.trim_end().to_owned();
    let rest = raw.ended();
    let json = Trace::of(&net)
        .subcommand("stuck")
        .with(arguments)
        .start_raw()
        .ended();
    let json: serde_json::Value = serde_json::from_str(json.lines().next().unwrap()).unwrap();
    let json = json.as_object().unwrap();
    let names: Vec<&str> = header.split(',').collect();
    let mut fields: Vec<&str> = names.iter().map(|it| field_of(it)).collect();
    fields.dedup();
    assert_eq!(fields.len(), json.len() - 1, "`type` is JSON's alone");
    for name in fields {
        assert!(json.contains_key(name), "{name}");
    }
    let mut reader = csv_fields(rest.lines().next().unwrap());
    assert_eq!(reader.len(), names.len());
    let at = |name: &str| names.iter().position(|each| *each == name).unwrap();
    assert_eq!(reader[at("verdict")], "not_read");
    let fd = server.as_raw_fd().to_string();
    assert_eq!(reader.swap_remove(at("fd")), fd);
}

/// The fields of a line.
fn csv_fields(line: &str) -> Vec<String> {
    let (mut fields, mut quoted) = (vec![String::new()], false);
    for letter in line.chars() {
        match letter {
            '"' => quoted = !quoted,
            ',' if !quoted => fields.push(String::new()),
            letter => fields.last_mut().unwrap().push(letter),
        }
    }
    fields
}

#[test]
fn when_nothing_is_stuck_one_line_says_so_and_not_on_stdout() {
    let net = Namespace::new();
    let run = |output: &str| {
        binary()
            .args(["stuck", "-d", "0", "--netns", "self", "-o", output])
            .output()
            .unwrap()
    };
    let said = run("table");
    assert!(said.status.success() && said.stdout.is_empty());
    assert_eq!(
        String::from_utf8_lossy(&said.stderr),
        "tcptrace: nothing is stuck\n"
    );
    let (_client, _server) = close_wait(&net);
    let said = run("table");
    assert!(
        String::from_utf8_lossy(&said.stderr).contains("2 connections are in states"),
        "{said:?}"
    );
    assert!(run("json").stderr.is_empty(), "scripts know by themselves");
}

#[test]
fn one_look_needs_no_bpf() {
    let net = Namespace::of_process();
    let (_client, server) = close_wait(&net);
    sleep(TOO_LONG);
    let run = |duration: &str| {
        let mut command = binary();
        command.args(["stuck", "--netns", "self", "--for", "300ms", "-o", "json"]);
        command.args(["-s", "close-wait", "-d", duration]);
        // SAFETY: bare system calls that take integers.
        unsafe {
            command.pre_exec(|| {
                for capability in CAPABILITIES_OF_BPF {
                    libc::prctl(libc::PR_CAPBSET_DROP, capability, 0, 0, 0);
                }
                Ok(())
            });
        }
        command.output().unwrap()
    };
    let said = run("0");
    assert_eq!(said.status.code(), Some(0), "{said:?}");
    let text = String::from_utf8(said.stdout).unwrap();
    let port = format!("\"local_port\":{},", server.local_addr().unwrap().port());
    assert!(text.contains(&port), "{text}");
    assert_eq!(run("1s").status.code(), Some(3), "tracing does");
}

#[test]
fn a_table_says_why_and_what_to_do() {
    let net = Namespace::of_process();
    let (_client, server) = close_wait(&net);
    sleep(TOO_LONG);
    let said = binary()
        .args(["stuck", "-d", "0", "--netns", "self", "--for", "300ms"])
        .args(["-s", "close-wait"])
        .env("LC_ALL", "C.UTF-8")
        .output()
        .unwrap();
    let text = String::from_utf8(said.stdout).unwrap();
    let port = format!(":{}", server.local_addr().unwrap().port());
    let words = text.split_whitespace().collect::<Vec<_>>().join(" ");
    for part in [
        "STATE HELD LOCAL REMOTE PROCESS FD",
        "CLOSE_WAIT ≥",
        &port,
        "not_read: The peer has closed",
        "No setting limits it.",
        "→ This program is busy",
    ] {
        assert!(words.contains(part), "{part} is missing in\n{text}");
    }
    assert!(look(&net, &["--for", "1h"]).is_empty());
}
