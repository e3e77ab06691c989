//! Recordings of other kernels, and what `watch` told there at the same time: the whole program reads
//! them back, as a user does, without privileges. `cargo xtask capture --recordings` makes them anew.

#[path = "view/schema.rs"]
mod schema;

use std::{
    collections::BTreeMap,
    fs,
    path::{Path, PathBuf},
    process::Command,
};

use jiff::Timestamp;
use serde_json::Value;

/// An emulated CPU may be taken away from a guest between two readings of the clock, ns.
const APART_NS: u64 = 1_000_000_000;

/// How many of something there are, by name.
type Counts = BTreeMap<String, u64>;

/// A kernel's folder.
struct Kept {
    /// The first two numbers of its version.
    kernel: String,
    folder: PathBuf,
}

/// All that are kept.
fn kept() -> Vec<Kept> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/recordings");
    let files = fs::read_dir(&folder).expect("tests/recordings").flatten();
    let mut all: Vec<Kept> = files
        .filter(|it| it.path().is_dir())
        .map(|it| Kept {
            kernel: it.file_name().to_string_lossy().into_owned(),
            folder: it.path(),
        })
        .collect();
    all.sort_by(|one, other| one.kernel.cmp(&other.kernel));
    let kernels: Vec<_> = all.iter().map(|it| it.kernel.as_str()).collect();
    for kernel in ["6.1", "6.12", "6.16", "6.18", "7"] {
        let of_it = |it: &&str| *it == kernel || it.starts_with("7.") && kernel == "7";
        assert!(
            kernels.iter().any(of_it),
            "no recording of {kernel}: `cargo xtask capture --recordings {kernel}`"
        );
    }
    all
}

impl Kept {
    /// What a command says of it: lines of JSON, each as the schema says.
    fn said(&self, command: &str, arguments: &[&str]) -> Vec<Value> {
        let mut it = Command::new(env!("CARGO_BIN_EXE_tcptrace"));
        it.args([command, "-o", "json"]).args(arguments);
        if command != "info" {
            it.arg("-r");
        }
        let output = it.arg(&self.folder).output().expect("tcptrace");
        let stderr = String::from_utf8_lossy(&output.stderr);
        assert!(
            output.status.success(),
            "{it:?}: {}: {stderr}",
            output.status
        );
        assert_eq!(stderr, "", "{it:?}");
        let text = String::from_utf8(output.stdout).expect("UTF-8");
        let read = |line| schema::read(line).unwrap_or_else(|error| panic!("{it:?}: {error}"));
        text.lines().map(read).collect()
    }

    /// The transitions that are read back.
    fn transitions(&self) -> Vec<Value> {
        of_type(self.said("watch", &[]), "transition")
    }

    /// The lines that `watch` wrote when it was recorded.
    fn told(&self) -> Vec<Value> {
        let text = fs::read_to_string(self.folder.join("watch.json")).expect("watch.json");
        let read = |line| serde_json::from_str(line).expect("JSON");
        text.lines().map(read).collect()
    }
}

fn of_type(mut lines: Vec<Value>, name: &str) -> Vec<Value> {
    lines.retain(|line| line["type"] == name);
    lines
}

fn text(value: &Value) -> String {
    value.as_str().expect("text").to_owned()
}

fn number(value: &Value) -> u64 {
    value.as_u64().expect("a number")
}

/// When a line happened, ns since 1970.
fn at(line: &Value) -> i128 {
    let time: Timestamp = text(&line["time"]).parse().expect("a time");
    time.as_nanosecond()
}

/// How often each value of a field that is not null occurs.
fn counted(lines: &[Value], field: &str) -> Counts {
    let mut counts = Counts::new();
    let values = lines.iter().map(|line| &line[field]);
    for value in values.filter(|value| !value.is_null()) {
        *counts.entry(text(value)).or_default() += 1;
    }
    counts
}

fn counts(object: &Value) -> Counts {
    let entries = object.as_object().expect("an object").iter();
    let named = entries.map(|(name, count)| (name.clone(), number(count)));
    named.filter(|(_, count)| *count > 0).collect()
}

/// Whether a line says what another one did, which two tracers with clock readings of their own
/// wrote. A field that did not exist then is not compared.
fn says(line: &Value, kept: &Value) -> Result<(), String> {
    for (name, value) in kept.as_object().expect("an object") {
        let read = &line[name];
        let same = match name.as_str() {
            "time" => at(line).abs_diff(at(kept)) < u128::from(APART_NS),
            name if name.ends_with("_ns") => match (read.as_u64(), value.as_u64()) {
                (Some(read), Some(value)) => read.abs_diff(value) < APART_NS,
                (read, value) => read == value,
            },
            // What a connection did is told more often where it is recorded.
            "retransmits" => value.is_null() || read == value,
            _ => read == value,
        };
        if !same {
            return Err(format!("{name} is {read} in {line}, and was in {kept}"));
        }
    }
    Ok(())
}

#[test]
fn a_recording_of_each_kernel_tells_what_watch_told_there() {
    for it in kept() {
        let (read, told) = (it.transitions(), of_type(it.told(), "transition"));
        assert!(told.len() > 50, "{}: {}", it.kernel, told.len());
        for (at, (line, kept)) in read.iter().zip(&told).enumerate() {
            let same = says(line, kept);
            same.unwrap_or_else(|error| panic!("{}, line {}: {error}", it.kernel, at + 1));
        }
        assert_eq!(read.len(), told.len(), "{}", it.kernel);
    }
}

#[test]
fn each_recording_has_what_it_was_made_for() {
    for it in kept() {
        let read = it.transitions();
        for (family, reason) in ["ipv4", "ipv6"].iter().flat_map(|family| {
            let reasons = [
                "listen",
                "listener_closed",
                "connect",
                "syn_received",
                "handshake_complete",
                "fin_sent",
                "fin_received",
                "fin_acked",
                "expired",
                "refused",
                "reset_by_us",
                "reset_by_peer",
            ];
            reasons.map(|reason| (family, reason))
        }) {
            let is_it = |line: &Value| line["family"] == *family && line["reason"] == reason;
            assert!(
                read.iter().any(is_it),
                "{}: no {reason} over {family}: {:?}",
                it.kernel,
                counted(&read, "reason")
            );
        }
    }
}

#[test]
fn flows_of_a_recording_go_through_the_states_of_its_transitions() {
    for it in kept() {
        let (read, flows) = (it.transitions(), it.said("flows", &["--time-wait"]));
        let flows = of_type(flows, "flow");
        for flow in &flows {
            let path = flow["path"].as_array().expect("states").iter();
            let path: Vec<String> = path.map(|stay| text(&stay["state"])).collect();
            let of_it = read.iter().filter(|line| line["cookie"] == flow["cookie"]);
            let states = of_it.map(|line| text(&line["to"]));
            let states: Vec<String> = states.filter(|it| it != "CLOSED").collect();
            // While it is a request it has no socket.
            let without = |path: &[String]| match path {
                [first, rest @ ..] if first == "SYN_RECV" => rest.to_vec(),
                _ => path.to_vec(),
            };
            if !flow["cookie"].is_null() {
                assert_eq!(without(&path), without(&states), "{}: {flow}", it.kernel);
            }
            assert_eq!(flow["complete"], true, "{}: {flow}", it.kernel);
        }
        let opened = |line: &&Value| ["SYN_SENT", "SYN_RECV"].iter().any(|it| line["to"] == *it);
        assert_eq!(
            flows.len(),
            read.iter().filter(opened).count(),
            "{}",
            it.kernel
        );
    }
}

#[test]
fn stats_of_a_recording_are_sums_of_its_transitions_and_flows() {
    for it in kept() {
        let read = it.transitions();
        let flows = of_type(it.said("flows", &["--time-wait"]), "flow");
        let stats = of_type(it.said("stats", &[]), "stats");
        let [report] = &stats[..] else {
            panic!("{}: {} reports", it.kernel, stats.len());
        };
        assert_eq!(report["transitions"], read.len(), "{}", it.kernel);
        assert_eq!(report["lost"], 0, "{}", it.kernel);
        let entered = counted(&read, "to");
        // A listener goes on listening.
        let mut leaving = read.clone();
        leaving.retain(|it| it["from"] != "LISTEN" || it["to"] != "SYN_RECV");
        let left = counted(&leaving, "from");
        for (state, figures) in report["states"].as_object().expect("states") {
            let figures = (number(&figures["entered"]), number(&figures["left"]));
            let of = |counts: &Counts| counts.get(state).copied().unwrap_or(0);
            assert_eq!(figures, (of(&entered), of(&left)), "{}: {state}", it.kernel);
        }
        let ends = counts(&report["ends"]);
        assert_eq!(ends, counted(&flows, "end"), "{}", it.kernel);
        let ends = counts(&report["time_wait_ends"]);
        assert_eq!(ends, counted(&flows, "time_wait_end"), "{}", it.kernel);
    }
}

#[test]
fn list_of_a_recording_has_the_sockets_that_were_there_at_that_time() {
    // For so long it is not decided whether a half-open connection is asked once more.
    const UNDECIDED_NS: i128 = 100_000_000;
    for it in kept() {
        let mut read = it.transitions();
        read.sort_by_key(at);
        let mut there = Counts::new();
        let mut decided = i128::MIN;
        let mut looked = 0;
        for pair in read.windows(2) {
            let [line, next] = pair else {
                unreachable!("two")
            };
            let (from, to) = (text(&line["from"]), text(&line["to"]));
            if (from.as_str(), to.as_str()) == ("SYN_RECV", "CLOSED") {
                decided = at(line) + UNDECIDED_NS;
            }
            if from != "CLOSED" && (from.as_str(), to.as_str()) != ("LISTEN", "SYN_RECV") {
                *there.get_mut(&from).expect("it was in it") -= 1;
            }
            if to != "CLOSED" {
                *there.entry(to).or_default() += 1;
            }
            let middle = (at(line) + at(next)) / 2;
            if middle == at(line) || middle < decided {
                continue;
            }
            looked += 1;
            let moment = Timestamp::from_nanosecond(middle).expect("a time");
            let listed = it.said("list", &["--to", &moment.to_string()]);
            let listed = counted(&of_type(listed, "socket"), "state");
            there.retain(|_, count| *count > 0);
            assert_eq!(listed, there, "{} at {moment}", it.kernel);
        }
        assert!(looked > 70, "{}: {looked}", it.kernel);
    }
}

#[test]
fn info_of_a_recording_says_that_nothing_is_missing() {
    for it in kept() {
        let info = &it.said("info", &[])[0];
        let kernel = text(&info["kernel"]);
        let series: Vec<&str> = kernel.split('.').take(2).collect();
        assert_eq!(series.join("."), it.kernel);
        assert_eq!(info["segments"], 1, "{info}");
        assert_eq!(info["complete"], true, "{info}");
        assert_eq!(info["lost"], 0, "{info}");
        assert_eq!(info["damage"], serde_json::json!([]), "{info}");
        assert_eq!(info["host"], "recorded", "{info}");
        let transitions = it.transitions().len() as u64;
        assert!(number(&info["events"]) >= transitions, "{info}");
    }
}
