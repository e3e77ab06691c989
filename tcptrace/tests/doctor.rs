//! `tcptrace doctor` without root: what is missing is named, and what can be read is shown.

#[path = "faults/copied.rs"]
mod copied;
#[path = "view/schema.rs"]
mod schema;

use std::{
    os::unix::process::CommandExt as _,
    process::{Command, Output},
};

use serde_json::Value;

use copied::Copied;

/// As nobody: the answer must not depend on who runs the tests.
fn doctor(arguments: &[&str]) -> Output {
    let copy = Copied::of(env!("CARGO_BIN_EXE_tcptrace"));
    let mut command = Command::new(copy.path());
    command.current_dir("/").arg("doctor").args(arguments);
    if nix::unistd::geteuid().is_root() {
        command.uid(65_534).gid(65_534);
    }
    command.output().unwrap()
}

fn named<'a>(list: &'a Value, name: &str) -> &'a Value {
    list.as_array()
        .unwrap()
        .iter()
        .find(|it| it["name"] == name)
        .unwrap_or_else(|| panic!("{name} is missing in {list}"))
}

#[test]
fn without_capabilities_it_names_what_is_missing_with_status_3() {
    let output = doctor(&[]);
    let table = String::from_utf8(output.stdout).unwrap();
    assert_eq!(output.status.code(), Some(3), "{table}");
    assert!(output.stderr.is_empty());
    assert!(
        table.starts_with("Can this machine be traced? no\n"),
        "{table}"
    );
    for words in [
        "FAILED  CAP_BPF: ",
        "FAILED  load: not permitted",
        "-       inet_sock_set_state",
        "tcp_fin_timeout = ",
        "TCPTimeWaitOverflow ",
    ] {
        assert!(table.contains(words), "{words}\n{table}");
    }
    for line in table.lines() {
        assert!(line.chars().count() <= 80, "{line}");
    }
}

#[test]
fn json_is_one_object_with_values_as_numbers() {
    let output = doctor(&["-o", "json"]);
    let text = String::from_utf8(output.stdout).unwrap();
    assert_eq!(text.lines().count(), 1, "{text}");
    let object = schema::read(&text).unwrap();
    assert_eq!(object["type"], "doctor");
    assert_eq!(object["can_trace"], false);
    assert_eq!(named(&object["checks"], "load")["status"], "failed");
    assert_eq!(named(&object["checks"], "timer_start")["status"], "unknown");
    assert!(named(&object["settings"], "tcp_fin_timeout")["value"].is_u64());
    let range = &named(&object["settings"], "ip_local_port_range")["value"];
    assert_eq!(range.as_array().unwrap().len(), 2);
    assert!(named(&object["counters"], "TW")["value"].is_u64());
    assert!(object["warnings"].is_array());
}
