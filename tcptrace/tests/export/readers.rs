//! Files of Parquet, in the programs that they are for.

use std::{
    collections::BTreeMap,
    env, fs,
    path::{Path, PathBuf},
    process::Command,
    thread,
    time::Duration,
};

use nix::sched::{CloneFlags, unshare};
use serde_json::Value;
use tempfile::TempDir;

use super::{export, files, host, of_type, read, recording, shown, told};

const READERS: [&str; 3] = ["duckdb", "datafusion", "polars"];

fn tests() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/export")
}

/// Runs a program of Python in a folder; it writes JSON.
fn python(program: &str, argument: &Path, folder: &Path) -> Value {
    let installed = Path::new(env!("CARGO_MANIFEST_DIR")).join("../.tools/python/bin/python");
    let python = env::var_os("TCPTRACE_PYTHON").map_or(installed, PathBuf::from);
    assert!(
        python.exists(),
        "{} is not there: cargo xtask test puts it there",
        python.display()
    );
    let mut command = Command::new(python);
    command.arg(tests().join(program)).arg(argument);
    let told = told(command.current_dir(folder));
    serde_json::from_str(&told).unwrap_or_else(|error| panic!("{error}: {told}"))
}

fn rows(of: &Value) -> &Vec<Value> {
    of.as_array().unwrap_or_else(|| panic!("no rows: {of}"))
}

#[test]
fn duckdb_datafusion_and_polars_add_up_to_what_stats_says() {
    let (folder, to) = (recording::several_segments(), TempDir::new().unwrap());
    for rows in ["flows", "transitions"] {
        told(&mut export(folder.path(), to.path(), "parquet", rows));
    }
    let sums = python("sums.py", to.path(), to.path());
    let shown = shown("stats", folder.path(), "json");
    let stats: Value = serde_json::from_str(of_type(&shown, "stats").last().unwrap()).unwrap();
    assert!(stats["transitions"].as_u64().unwrap() > 1000);
    for reader in READERS {
        let sums = &sums[reader];
        for name in ["transitions", "ends", "time_wait_ends"] {
            assert_eq!(sums[name], stats[name], "{reader}: {name}");
        }
        for (state, expected) in stats["states"].as_object().unwrap() {
            let held = &expected["held_ns"];
            let sum = |name: &str| match &sums["states"][state][name] {
                Value::Null if name != "longest" => Value::from(0),
                it => it.clone(),
            };
            assert_eq!(sum("entered"), expected["entered"], "{reader}: {state}");
            assert_eq!(sum("left"), expected["left"], "{reader}: {state}");
            let count = held["count"].as_u64().unwrap_or(0);
            assert_eq!(sum("known"), count, "{reader}: {state}");
            assert_eq!(sum("longest"), held["max"], "{reader}: {state}");
        }
    }
}

/// A recording that a machine of that name made, where this process may change names.
fn made_on(host: &str) -> TempDir {
    let host = host.to_owned();
    let thread = thread::spawn(move || {
        // The name is this thread's alone.
        if unshare(CloneFlags::CLONE_NEWUTS).is_ok() {
            rustix::system::sethostname(host.as_bytes()).unwrap();
        }
        recording::with_segments_of(Duration::from_secs(3600))
    });
    thread.join().unwrap()
}

/// The rows that JSON has of what was exported.
fn as_json(recording: &Path, side: &[&str], rows: &str) -> Vec<Value> {
    let to = TempDir::new().unwrap();
    told(export(recording, to.path(), "json", rows).args(side));
    let lines = read(&files(to.path()));
    lines
        .lines()
        .map(|line| serde_json::from_str(line).unwrap())
        .collect()
}

fn key(row: &Value, names: &[&str]) -> String {
    let values: Vec<String> = names.iter().map(|it| row[it].to_string()).collect();
    values.join(" ")
}

#[test]
fn the_queries_that_the_document_has_tell_what_it_says() {
    let (client, server) = (made_on("web-1"), made_on("db-1"));
    let (client, server) = (client.path(), server.path());
    // All is on one machine: each host has its side of it.
    let client_side = ["--local-addr", "127.0.0.1"];
    let server_side = ["--remote-addr", "127.0.0.1"];
    let folder = TempDir::new().unwrap();
    let to = folder.path().join("exported");
    for rows in ["flows", "transitions"] {
        told(export(client, &to, "parquet", rows).args(client_side));
        told(export(server, &to, "parquet", rows).args(server_side));
    }
    let page = Path::new(env!("CARGO_MANIFEST_DIR")).join("../docs/export.md");
    let page = fs::canonicalize(page).unwrap();
    let answers = python("document.py", &page, folder.path());

    let mut flows = as_json(client, &client_side, "flows");
    let opened = flows.len();
    assert!(opened >= 200, "{opened}");
    flows.extend(as_json(server, &server_side, "flows"));

    // Who makes the TIME_WAITs.
    let mut made = BTreeMap::<String, u64>::new();
    for (recording, side) in [(client, &client_side), (server, &server_side)] {
        let host = Value::from(host(recording)).to_string();
        for it in as_json(recording, side, "transitions") {
            if it["to"] == "TIME_WAIT" {
                let who = key(&it, &["comm", "remote_addr"]);
                *made.entry(format!("{host} {who}")).or_default() += 1;
            }
        }
    }
    assert!(made.len() > 3, "{made:?}");
    for (reader, of) in [
        ("duckdb", "Who makes the TIME_WAITs, by hour"),
        ("datafusion", "Who makes the TIME_WAITs, by hour"),
        ("polars", "time_waits"),
    ] {
        let rows = rows(&answers[reader][of]);
        let told: BTreeMap<String, u64> = rows
            .iter()
            .map(|it| {
                let who = key(it, &["host", "comm", "remote_addr"]);
                (who, it["time_waits"].as_u64().unwrap())
            })
            .collect();
        assert_eq!(told, made, "{reader}");
        let hour = rows[0]["hour"].as_i64().unwrap();
        assert_eq!(hour % 3_600_000_000_000, 0, "{reader}");
    }

    for reader in ["duckdb", "datafusion"] {
        let answer = |heading: &str| rows(&answers[reader][heading]);
        let ends = answer("Both ends of one connection");
        assert_eq!(ends.len(), opened, "{reader}");
        for it in ends {
            assert_eq!(it["client"], host(client), "{reader}");
            assert_eq!(it["server"], host(server), "{reader}");
        }

        let destinations = answer("p99 of the handshake, by destination");
        assert!(!destinations.is_empty(), "{reader}");
        for it in destinations {
            let to = key(it, &["remote_addr", "remote_port"]);
            let mut handshakes: Vec<f64> = flows
                .iter()
                .filter(|it| {
                    it["opener"] == "local" && key(it, &["remote_addr", "remote_port"]) == to
                })
                .filter_map(|it| it["handshake_ns"].as_f64())
                .collect();
            assert_eq!(it["connections"], handshakes.len(), "{reader}");
            handshakes.sort_by(f64::total_cmp);
            let place = 0.99 * (handshakes.len() - 1) as f64;
            let (below, above) = (
                handshakes[place as usize],
                handshakes[place.ceil() as usize],
            );
            let expected = (below + (above - below) * place.fract()) / 1e6;
            let told = it["p99_ms"].as_f64().unwrap();
            assert!(
                (told / expected - 1.0).abs() < 1e-3,
                "{reader}: {told}, not {expected}"
            );
        }

        let total = |heading: &str, name: &str| -> f64 {
            answer(heading)
                .iter()
                .map(|it| it[name].as_f64().unwrap())
                .sum()
        };
        let all = flows.len() as f64;
        assert_eq!(
            total("How connections end, and who ends them", "connections"),
            all
        );
        let short = flows
            .iter()
            .filter(|it| it["opener"] == "local" && it["length"] == "short");
        let said = total("Who opens a connection for each request", "short");
        assert_eq!(said, short.count() as f64, "{reader}");
        assert_eq!(answer("Which program closes late").len(), 1, "{reader}");
    }
}
