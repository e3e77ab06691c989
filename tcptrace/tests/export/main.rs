//! `tcptrace export`, and what other programs make of its files: DuckDB, polars and DataFusion. Those
//! are in `.tools/python`, where `cargo xtask test` puts them; `TCPTRACE_PYTHON` names another Python
//! that has them.

#[path = "../scenarios/notation.rs"]
#[expect(dead_code, reason = "the scenarios need more of it")]
mod notation;
#[cfg(feature = "parquet")]
mod readers;
mod recording;
#[path = "../engine/script.rs"]
#[expect(dead_code, reason = "the tests of the engine need more of it")]
mod script;

use std::{
    fs,
    path::{Path, PathBuf},
    process::{Child, Command, Output},
    thread,
    time::{Duration, Instant},
};

use nix::{
    sys::signal::{Signal, kill},
    unistd::Pid,
};
use serde_json::Value;
use tempfile::TempDir;

fn tcptrace() -> Command {
    Command::new(env!("CARGO_BIN_EXE_tcptrace"))
}

/// Runs it, and gives what it writes to standard output.
fn told(command: &mut Command) -> String {
    let Output {
        status,
        stdout,
        stderr,
    } = command.output().unwrap();
    let stderr = String::from_utf8_lossy(&stderr);
    assert!(status.success(), "{command:?}: {status}: {stderr}");
    String::from_utf8(stdout).unwrap()
}

fn export(recording: &Path, to: &Path, form: &str, rows: &str) -> Command {
    let mut command = tcptrace();
    command.arg("export").arg("-r").arg(recording);
    command.args(["--to", form, "--rows", rows, "-o"]).arg(to);
    command
}

/// What another command writes of the same recording.
fn shown(command: &str, recording: &Path, form: &str) -> String {
    let mut it = tcptrace();
    told(it.arg(command).arg("-r").arg(recording).args(["-o", form]))
}

/// The machine that a recording is of.
fn host(recording: &Path) -> String {
    let report = told(tcptrace().arg("info").arg(recording).args(["-o", "json"]));
    let report: Value = serde_json::from_str(&report).unwrap();
    report["host"].as_str().unwrap().to_owned()
}

/// The files below a folder, in the order of their segments.
fn files(folder: &Path) -> Vec<PathBuf> {
    let mut found = Vec::new();
    let mut folders = vec![folder.to_owned()];
    while let Some(folder) = folders.pop() {
        for entry in fs::read_dir(folder).into_iter().flatten() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                folders.push(path);
            } else {
                found.push(path);
            }
        }
    }
    found.sort();
    found
}

fn read(files: &[PathBuf]) -> String {
    files
        .iter()
        .map(|it| fs::read_to_string(it).unwrap())
        .collect()
}

/// The lines of a type.
fn of_type<'a>(lines: &'a str, name: &str) -> Vec<&'a str> {
    let begin = format!("{{\"type\":\"{name}\"");
    lines.lines().filter(|it| it.starts_with(&begin)).collect()
}

#[test]
fn files_have_what_flows_and_watch_write_of_the_recording() {
    let (folder, to) = (recording::several_segments(), TempDir::new().unwrap());
    for (rows, command, name) in [
        ("flows", "flows", "flow"),
        ("transitions", "watch", "transition"),
    ] {
        told(&mut export(folder.path(), to.path(), "json", rows));
        let exported = read(&files(to.path()));
        let shown = shown(command, folder.path(), "json");
        let expected = of_type(&shown, name);
        assert!(expected.len() >= 200, "{}", expected.len());
        assert_eq!(exported.lines().collect::<Vec<_>>(), expected);
        for file in files(to.path()) {
            fs::remove_file(file).unwrap();
        }
    }
    told(&mut export(folder.path(), to.path(), "csv", "flows"));
    let exported = read(&files(to.path()));
    let shown = shown("flows", folder.path(), "csv");
    let header = shown.lines().next().unwrap();
    let rows = exported.lines().filter(|it| *it != header);
    assert!(rows.eq(shown.lines().skip(1)));
}

#[test]
fn each_segment_becomes_a_file_in_the_folder_of_its_machine_and_day() {
    let (folder, to) = (recording::several_segments(), TempDir::new().unwrap());
    let segments = files(folder.path());
    assert!(segments.len() >= 3, "{}", segments.len());
    told(&mut export(folder.path(), to.path(), "json", "transitions"));
    let host = host(folder.path());
    let expected: Vec<PathBuf> = segments
        .iter()
        .map(|segment| {
            let stem = segment.file_stem().unwrap().to_str().unwrap();
            to.path().join(format!(
                "host={host}/date=2026-11-22/{stem}.transitions.json"
            ))
        })
        .collect();
    let files = files(to.path());
    assert_eq!(files, expected);
    let filled = files.iter().filter(|it| it.metadata().unwrap().len() > 0);
    assert!(filled.count() >= 3);
}

#[test]
fn what_is_damaged_is_exported_as_far_as_it_can_be_read() {
    let (folder, to) = (recording::several_segments(), TempDir::new().unwrap());
    let segments = files(folder.path());
    for later in &segments[3..] {
        fs::remove_file(later).unwrap();
    }
    let last = &segments[2];
    let length = last.metadata().unwrap().len();
    let file = fs::OpenOptions::new().write(true).open(last).unwrap();
    file.set_len(length * 2 / 3).unwrap();
    // Connections that are open where it is cut are told with what is known.
    for (rows, command, name) in [
        ("flows", "flows", "flow"),
        ("transitions", "watch", "transition"),
    ] {
        let to = to.path().join(rows);
        told(&mut export(folder.path(), &to, "json", rows));
        let shown = shown(command, folder.path(), "json");
        let exported = read(&files(&to));
        let lines: Vec<&str> = exported.lines().collect();
        assert_eq!(lines, of_type(&shown, name));
        assert!(rows != "flows" || exported.contains("\"closed_at\":null"));
    }
}

/// Waits until it is so.
fn until(what: &str, mut is_so: impl FnMut() -> bool) {
    let began = Instant::now();
    while !is_so() {
        assert!(began.elapsed() < Duration::from_secs(30), "{what}");
        thread::sleep(Duration::from_millis(50));
    }
}

/// Ends it as Ctrl-C does.
fn interrupt(mut child: Child) {
    kill(Pid::from_raw(child.id().cast_signed()), Signal::SIGINT).unwrap();
    assert!(child.wait().unwrap().success());
}

#[test]
fn segments_that_are_closed_later_follow() {
    let recorded = recording::several_segments();
    let segments = files(recorded.path());
    let (folder, to) = (TempDir::new().unwrap(), TempDir::new().unwrap());
    // As the recorder makes them: seen when they begin, and whole when another one follows.
    let copy = |index: usize, part: u64| {
        let from: &PathBuf = &segments[index];
        let hidden = folder.path().join(".hidden");
        fs::copy(from, &hidden).unwrap();
        let file = fs::OpenOptions::new().write(true).open(&hidden).unwrap();
        let length = file.metadata().unwrap().len();
        file.set_len(length * part / 100).unwrap();
        fs::rename(hidden, folder.path().join(from.file_name().unwrap())).unwrap();
    };
    let child = export(folder.path(), to.path(), "json", "flows")
        .arg("--follow")
        .spawn()
        .unwrap();
    let whole = || {
        let all = files(to.path());
        all.iter()
            .filter(|it| it.extension().unwrap() == "json")
            .count()
    };
    copy(0, 100);
    // It may have more to tell until it is known what follows.
    until("it is read", || files(to.path()).len() == 1);
    assert_eq!(whole(), 0);
    copy(1, 60);
    until("the first one is whole", || whole() == 1);
    copy(1, 100);
    copy(2, 60);
    until("the second one is whole", || whole() == 2);
    interrupt(child);
    let all = files(to.path());
    // What was not closed is left out.
    assert_eq!(all.len(), 2, "{all:?}");
    let before: Vec<_> = all
        .iter()
        .map(|it| it.metadata().unwrap().modified().unwrap())
        .collect();

    // Begun anew, it goes on where it was.
    copy(2, 100);
    copy(3, 60);
    let child = export(folder.path(), to.path(), "json", "flows")
        .arg("--follow")
        .spawn()
        .unwrap();
    until("the third one is whole", || whole() == 3);
    interrupt(child);
    let all = files(to.path());
    let after = all
        .iter()
        .map(|it| it.metadata().unwrap().modified().unwrap());
    assert!(after.take(2).eq(before));
    let shown = shown("flows", recorded.path(), "json");
    let exported = read(&all);
    let lines: Vec<&str> = exported.lines().collect();
    assert!(lines.len() > 10);
    assert_eq!(lines, of_type(&shown, "flow")[..lines.len()]);
}

#[test]
fn who_interrupts_it_finds_no_half_of_a_file() {
    let recorded = recording::several_segments();
    let (folder, to) = (TempDir::new().unwrap(), TempDir::new().unwrap());
    let first = &files(recorded.path())[0];
    fs::copy(first, folder.path().join(first.file_name().unwrap())).unwrap();
    let child = export(folder.path(), to.path(), "json", "flows")
        .arg("--follow")
        .spawn()
        .unwrap();
    until("it is read", || !files(to.path()).is_empty());
    interrupt(child);
    assert_eq!(files(to.path()), Vec::<PathBuf>::new());
}

#[test]
fn what_can_not_be_is_told_in_a_line() {
    let folder = TempDir::new().unwrap();
    let path = folder.path();
    for (arguments, code, words) in [
        (&["--follow"][..], 2, "--follow takes one folder"),
        (&[], 1, "there is no recording"),
    ] {
        let mut command = export(path, path, "json", "flows");
        if code == 2 {
            command.arg("-r").arg(path);
        }
        let output = command.args(arguments).output().unwrap();
        let said = String::from_utf8_lossy(&output.stderr);
        assert_eq!(output.status.code(), Some(code), "{said}");
        assert!(said.contains(words), "{said}");
        assert_eq!(said.lines().count(), 1, "{said}");
    }
}

#[test]
fn anonymized_files_have_the_same_rows_with_other_addresses_and_names() {
    let (folder, to) = (recording::several_segments(), TempDir::new().unwrap());
    for (rows, command, name) in [
        ("flows", "flows", "flow"),
        ("transitions", "watch", "transition"),
    ] {
        let to = to.path().join(rows);
        told(export(folder.path(), &to, "json", rows).arg("--anonymize"));
        let exported = read(&files(&to));
        let shown = shown(command, folder.path(), "json");
        let real: Vec<Value> = of_type(&shown, name)
            .iter()
            .map(|line| serde_json::from_str(line).unwrap())
            .collect();
        let others: Vec<Value> = exported
            .lines()
            .map(|line| serde_json::from_str(line).unwrap())
            .collect();
        assert_eq!(real.len(), others.len());
        for (real, other) in real.iter().zip(&others) {
            for field in [
                "time",
                "cookie",
                "local_port",
                "remote_port",
                "closer",
                "pid",
            ] {
                assert_eq!(real[field], other[field], "{field}");
            }
            for field in ["local_addr", "remote_addr", "comm", "cgroup"] {
                let value = real[field].as_str().unwrap_or("127.0.0.1");
                let stays = value.starts_with("127.") || ["::1", "0.0.0.0", "::"].contains(&value);
                assert!(stays || real[field] != other[field], "{field}: {value}");
            }
        }
        let host = host(folder.path());
        let named = files(&to)[0].display().to_string();
        assert!(!named.contains(&format!("host={host}/")), "{named}");
    }
}
