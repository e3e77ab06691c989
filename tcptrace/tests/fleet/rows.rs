//! The rows of a recording, as ship sends them.

use std::{path::Path, process::Command};

use serde_json::{Map, Value};

/// A line for each flow, in the order of the recording, as the flows of a host.
pub fn of(recording: &Path) -> Vec<String> {
    let mut command = Command::new(crate::shipping::binary());
    let told = |command: &mut Command| {
        let output = command.output().expect("tcptrace");
        assert!(output.status.success(), "{command:?}");
        String::from_utf8(output.stdout).expect("text")
    };
    let flows = told(command.args(["flows", "-o", "json", "-r"]).arg(recording));
    let mut command = Command::new(crate::shipping::binary());
    let info = told(command.args(["info", "-o", "json"]).arg(recording));
    let info: Value = serde_json::from_str(&info).expect("JSON");
    let lines = flows
        .lines()
        .map(|line| serde_json::from_str(line).expect("JSON"));
    let flows = lines.filter(|it: &Map<String, Value>| it["type"] == "flow");
    flows
        .map(|flow| {
            let mut row = Map::new();
            for name in ["host", "boot"] {
                row.insert(name.to_owned(), info[name].clone());
            }
            row.insert("run".to_owned(), "1".into());
            row.insert("segment".to_owned(), 1.into());
            row.insert("batch".to_owned(), 0.into());
            for (name, value) in flow {
                add(&name, value, &mut row);
            }
            Value::from(row).to_string()
        })
        .collect()
}

fn add(name: &str, value: Value, row: &mut Map<String, Value>) {
    let value = match (name, value) {
        ("type", _) | (_, Value::Null) => return,
        ("time" | "opened_at" | "closed_at", Value::String(time)) => nanoseconds(&time).into(),
        ("cookie", Value::String(digits)) => {
            u64::from_str_radix(&digits, 16).expect("a cookie").into()
        }
        ("path", Value::Array(path)) => {
            for part in ["state", "ns"] {
                let all: Vec<Value> = path.iter().map(|it| it[part].clone()).collect();
                row.insert(format!("path.{part}"), all.into());
            }
            return;
        }
        (_, Value::Object(parts)) => {
            for (part, value) in parts {
                add(&format!("{name}_{part}"), value, row);
            }
            return;
        }
        (_, value) => value,
    };
    row.insert(name.to_owned(), value);
}

/// Since 1970, as text.
fn nanoseconds(time: &str) -> String {
    let part = |from: usize, to: usize| time[from..to].parse::<i64>().expect("a number");
    let (year, month, day) = (part(0, 4), part(5, 7), part(8, 10));
    // Days since 1970 in the Gregorian calendar, with years that begin in March.
    let (year, month) = if month > 2 {
        (year, month - 3)
    } else {
        (year - 1, month + 9)
    };
    let days =
        365 * year + year / 4 - year / 100 + year / 400 + (153 * month + 2) / 5 + day - 1 - 719_468;
    let seconds = ((days * 24 + part(11, 13)) * 60 + part(14, 16)) * 60 + part(17, 19);
    format!("{seconds}{}", &time[20..29])
}
