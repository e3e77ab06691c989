//! Output that goes nowhere, or has no room.

use std::{
    fs::File,
    process::{Command, Stdio},
    thread::sleep,
    time::{Duration, Instant},
};

use crate::{
    Family,
    namespace::Namespace,
    run::{after_mounting, ended},
    trace::binary,
};

/// Commands that write something at once, or at their end.
const WRITING: [&[&str]; 13] = [
    &["--netns", "self", "-o", "json", "-d", "100ms"],
    &["--netns", "self", "-o", "csv", "-d", "100ms"],
    &["flows", "--netns", "self", "-o", "json", "-d", "100ms"],
    &["stats", "--netns", "self", "-d", "100ms"],
    &["stats", "--netns", "self", "-o", "csv", "-d", "100ms"],
    &["stuck", "--netns", "self", "-o", "csv", "-d", "0s"],
    &["list"],
    &["list", "-s", "-o", "json"],
    &["explain"],
    &["doctor"],
    &["schema"],
    &["--help"],
    &["--version"],
];

fn full() -> File {
    File::options()
        .write(true)
        .open("/dev/full")
        .expect("/dev/full")
}

fn tcptrace(arguments: &[&str]) -> Command {
    let mut command = Command::new(binary());
    command
        .args(arguments)
        .stdin(Stdio::null())
        .stderr(Stdio::piped());
    command
}

#[test]
fn a_full_disk_is_a_failure_that_names_the_cause() {
    let net = Namespace::new();
    // Something to list.
    let _listener = net.listen(Family::V4);
    for arguments in WRITING {
        let ran = ended(tcptrace(arguments).stdout(full()).spawn().unwrap());
        assert_eq!(ran.status, Some(1), "{arguments:?}");
        let said = ran.refusal(1);
        assert!(
            said.contains("standard output") && said.contains("No space left"),
            "{arguments:?}: {said}"
        );
    }
}

#[test]
fn a_disk_that_gets_full_ends_it_with_the_cause() {
    let net = Namespace::new();
    let folder = tempfile::tempdir().unwrap();
    let mount = format!(
        "mount -t tmpfs -o size=16k none {0}; exec > {0}/out",
        folder.path().display()
    );
    let words = after_mounting(&mount);
    let mut child = Command::new(&words[0])
        .args(&words[1..])
        .arg(binary())
        .args(["-o", "csv"])
        .stdin(Stdio::null())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    let deadline = Instant::now() + Duration::from_secs(30);
    while child.try_wait().unwrap().is_none() && Instant::now() < deadline {
        drop(net.connect(Family::V4));
        sleep(Duration::from_millis(5));
    }
    let ran = ended(child);
    let said = ran.refusal(1);
    assert!(said.contains("No space left"), "{said}");
}

#[test]
fn closed_streams_are_no_failure() {
    let _net = Namespace::new();
    for closed in ["<&-", ">&-", "2>&-", "<&- >&- 2>&-"] {
        for arguments in WRITING {
            let script = format!("exec {closed}; exec \"$@\"");
            let mut command = Command::new("sh");
            command
                .args(["-c", &script, "sh"])
                .arg(binary())
                .args(arguments)
                .stdin(Stdio::null())
                .stdout(Stdio::piped())
                .stderr(Stdio::piped());
            ended(command.spawn().unwrap()).succeeded();
        }
    }
}

#[test]
fn a_reader_that_has_gone_is_no_failure() {
    let _net = Namespace::new();
    for arguments in WRITING {
        let (reader, writer) = std::io::pipe().unwrap();
        drop(reader);
        let mut child = tcptrace(arguments);
        // As `2>&1 | true` has it: not even messages are read.
        child.stderr(writer.try_clone().unwrap()).stdout(writer);
        let ran = ended(child.spawn().unwrap());
        assert_eq!(ran.status, Some(0), "{arguments:?}");
    }
}

#[test]
fn messages_that_nobody_can_hear_change_no_status() {
    let _net = Namespace::new();
    for (arguments, status) in [
        (&["--port", "0"][..], 2),
        (&["explain", "nothing"], 2),
        (&["flows", "--idle-table", "/nonexistent"], 2),
        (&["-d", "1ms", "--", "/nonexistent"], 127),
        (&["-vvv", "--netns", "self", "-d", "100ms"], 0),
    ] {
        let mut child = tcptrace(arguments);
        child.stdout(Stdio::null()).stderr(full());
        let ran = ended(child.spawn().unwrap());
        assert_eq!(ran.status, Some(status), "{arguments:?}");
    }
}
