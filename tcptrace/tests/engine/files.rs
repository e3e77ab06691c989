//! The files of `tests/scenarios`, and lines of JSON in their words.

use std::{fs, path::Path};

use serde_json::Value;

use crate::script::LINK;

/// A scenario.
pub struct Scenario {
    /// Its folder and name.
    pub name: String,
    /// What happens.
    pub events: String,
    /// The transitions that follow, each in words.
    pub transitions: Vec<Vec<String>>,
    /// The flows that `flows --time-wait` makes of them.
    pub flows: Vec<Vec<String>>,
    /// The run ends with the last event; otherwise what still waits then is not in the file.
    pub ends: bool,
}

/// All of them, but for those whose machine has less room than the option takes.
pub fn scenarios() -> Vec<Scenario> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/scenarios");
    let mut found = Vec::new();
    for folder in fs::read_dir(folder).expect("a folder").flatten() {
        if !folder.path().is_dir() {
            continue;
        }
        for file in fs::read_dir(folder.path()).expect("a folder").flatten() {
            let path = file.path();
            let text = fs::read_to_string(&path).expect("text");
            let (events, rest) = text.split_once("\n---\n").expect("three dashes");
            let (transitions, flows) = rest.split_once("===\n").unwrap_or((rest, ""));
            if events.contains(" flows=") || events.contains(" requests=") {
                continue;
            }
            found.push(Scenario {
                name: format!(
                    "{}/{}",
                    folder.file_name().display(),
                    file.file_name().display()
                ),
                events: events.to_owned(),
                transitions: transitions.lines().filter_map(words).collect(),
                flows: flows.lines().filter_map(words).collect(),
                ends: events.lines().any(|line| line == "end"),
            });
        }
    }
    found.sort_by(|one, other| one.name.cmp(&other.name));
    assert!(found.len() > 200, "{}", found.len());
    found
}

/// The words of a line, as far as JSON has them.
fn words(line: &str) -> Option<Vec<String>> {
    let mut words: Vec<String> = line.split_whitespace().map(str::to_owned).collect();
    words.retain(|it| it != "nothing-sent" && !it.starts_with("handshake="));
    for word in &mut words {
        // The port is not known; JSON does not tell the address then.
        if word.ends_with(":0") {
            *word = "-".to_owned();
        }
    }
    (!words.is_empty()).then_some(words)
}

/// A line of `watch` in the words of a scenario.
pub fn transition(it: &Value) -> Vec<String> {
    let mut words = vec![
        ms(&it["mono_ns"]).expect("a time"),
        cookie(it),
        end(it, "local"),
        direction(it),
        end(it, "remote"),
        text(&it["from"]),
        "->".to_owned(),
        text(&it["to"]),
        text(&it["reason"]),
        format!("held={}", ms(&it["held_ns"]).unwrap_or("-".to_owned())),
    ];
    if let Some(comm) = it["comm"].as_str() {
        let pid = it["pid"]
            .as_u64()
            .map_or("-".to_owned(), |pid| pid.to_string());
        words.push(format!("by={comm}/{pid}"));
    }
    more(&mut words, it, &["thread", "closer", "detail"]);
    if let Some(name) = it["interface"].as_str() {
        words.push(format!("link={}", name.trim_start_matches(LINK)));
    }
    if let Some(count @ 1..) = it["retransmits"].as_u64() {
        words.push(format!("retransmits={count}"));
    }
    words
}

/// A line of `flows` in the words of a scenario.
pub fn flow(it: &Value) -> Vec<String> {
    let mut words = vec![
        cookie(it),
        end(it, "local"),
        direction(it),
        end(it, "remote"),
    ];
    for stay in it["path"].as_array().expect("states") {
        words.push(text(&stay["state"]));
        words.push(ms(&stay["ns"]).unwrap_or("-".to_owned()));
    }
    words.push(format!("end={}", it["end"].as_str().unwrap_or("-")));
    let total = ms(&it["total_ns"]).unwrap_or("-".to_owned());
    words.push(format!("total={total}"));
    more(&mut words, it, &["closer", "detail", "time_wait_end"]);
    let bytes = (it["bytes_sent"].as_u64(), it["bytes_received"].as_u64());
    if let (Some(sent), Some(received)) = bytes
        && (sent, received) != (0, 0)
    {
        words.push(format!("sent={sent}"));
        words.push(format!("received={received}"));
    }
    words
}

fn more(words: &mut Vec<String>, it: &Value, fields: &[&str]) {
    for field in fields {
        if let Some(value) = it[field].as_str() {
            words.push(format!("{field}={value}"));
        }
    }
}

fn text(it: &Value) -> String {
    it.as_str().expect("text").to_owned()
}

fn cookie(it: &Value) -> String {
    format!("sk:{}", it["cookie"].as_str().unwrap_or("-"))
}

fn end(it: &Value, side: &str) -> String {
    let port = it[format!("{side}_port")].as_u64();
    match (it[format!("{side}_addr")].as_str(), port) {
        (Some(addr), Some(port)) => format!("{addr}:{port}"),
        _ => "-".to_owned(),
    }
}

fn direction(it: &Value) -> String {
    let sign = match it["opener"].as_str() {
        Some("local") => ">",
        Some(_) => "<",
        None => "?",
    };
    sign.to_owned()
}

/// Milliseconds, with at least two digits behind the point.
fn ms(ns: &Value) -> Option<String> {
    let ns = ns.as_u64()?;
    let text = format!("{}.{:06}", ns / 1_000_000, ns % 1_000_000);
    let digits = text.len() - text.trim_end_matches('0').len();
    Some(text[..text.len() - digits.min(4)].to_owned())
}
