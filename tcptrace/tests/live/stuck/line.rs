//! What `tcptrace stuck` says.

use std::time::Duration;

use serde::Deserialize;

use crate::{
    namespace::Namespace,
    schema,
    trace::{End, Raw, Trace},
};

/// Too long, for these tests: shorter than any threshold of tcptrace's own.
pub const TOO_LONG: Duration = Duration::from_millis(300);

/// A process that holds it.
#[derive(Clone, Debug, Deserialize, PartialEq, Eq)]
#[serde(deny_unknown_fields)]
pub struct Holder {
    #[serde(deserialize_with = "Option::deserialize")]
    pub pid: Option<u32>,
    pub comm: String,
    pub fd: u32,
}

/// A line of JSON. All of its fields must be there, and no others.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
#[expect(dead_code, reason = "all are there, so that a missing one fails")]
pub struct Line {
    pub r#type: String,
    pub time: String,
    pub mono_ns: u64,
    #[serde(deserialize_with = "Option::deserialize")]
    pub cookie: Option<String>,
    pub netns: u32,
    pub family: String,
    pub local_addr: String,
    #[serde(deserialize_with = "Option::deserialize")]
    pub local_port: Option<u16>,
    #[serde(deserialize_with = "Option::deserialize")]
    pub remote_addr: Option<String>,
    #[serde(deserialize_with = "Option::deserialize")]
    pub remote_port: Option<u16>,
    #[serde(deserialize_with = "Option::deserialize")]
    pub interface: Option<String>,
    pub state: String,
    #[serde(deserialize_with = "Option::deserialize")]
    pub held_ns: Option<u64>,
    pub held_at_least: bool,
    pub held_estimated: bool,
    #[serde(deserialize_with = "Option::deserialize")]
    pub reason: Option<String>,
    pub verdict: String,
    pub verdict_text: String,
    #[serde(deserialize_with = "Option::deserialize")]
    pub pid: Option<u32>,
    #[serde(deserialize_with = "Option::deserialize")]
    pub comm: Option<String>,
    #[serde(deserialize_with = "Option::deserialize")]
    pub uid: Option<u32>,
    #[serde(deserialize_with = "Option::deserialize")]
    pub cgroup: Option<String>,
    #[serde(deserialize_with = "Option::deserialize")]
    pub container: Option<serde_json::Value>,
    #[serde(deserialize_with = "Option::deserialize")]
    pub pod: Option<serde_json::Value>,
    #[serde(deserialize_with = "Option::deserialize")]
    pub unit: Option<String>,
    #[serde(deserialize_with = "Option::deserialize")]
    pub fd: Option<u32>,
    pub holders: Vec<Holder>,
    pub orphan: bool,
    #[serde(deserialize_with = "Option::deserialize")]
    pub setting: Option<String>,
    #[serde(deserialize_with = "Option::deserialize")]
    pub setting_value: Option<u32>,
    #[serde(deserialize_with = "Option::deserialize")]
    pub timer: Option<String>,
    #[serde(deserialize_with = "Option::deserialize")]
    pub remaining_ns: Option<u64>,
    #[serde(deserialize_with = "Option::deserialize")]
    pub retries: Option<u32>,
    #[serde(deserialize_with = "Option::deserialize")]
    pub most_retries: Option<u32>,
    #[serde(deserialize_with = "Option::deserialize")]
    pub unread_bytes: Option<u32>,
    #[serde(deserialize_with = "Option::deserialize")]
    pub unsent_bytes: Option<u32>,
    #[serde(deserialize_with = "Option::deserialize")]
    pub unacked_bytes: Option<u32>,
    #[serde(deserialize_with = "Option::deserialize")]
    pub zero_window: Option<bool>,
    #[serde(deserialize_with = "Option::deserialize")]
    pub accept_queue: Option<u32>,
    #[serde(deserialize_with = "Option::deserialize")]
    pub backlog: Option<u32>,
    pub advice: String,
}

impl Line {
    /// The end of the connection that it is of.
    pub fn end(&self) -> End {
        End {
            local: self.local_port.unwrap_or(0),
            remote: self.remote_port.unwrap_or(0),
        }
    }

    /// How long it was in its state.
    pub fn held(&self) -> Option<Duration> {
        self.held_ns.map(Duration::from_nanos)
    }

    /// How long the kernel still waits.
    pub fn left(&self) -> Duration {
        Duration::from_nanos(self.remaining_ns.expect("its end can be told"))
    }

    /// The setting and its value.
    pub fn setting(&self) -> (Option<&str>, Option<u32>) {
        (self.setting.as_deref(), self.setting_value)
    }

    /// Fails unless this process has it, by this descriptor.
    pub fn expect_ours(&self, descriptor: Option<i32>) {
        assert_eq!(self.pid, Some(std::process::id()), "{self:#?}");
        assert!(self.comm.is_some(), "{self:#?}");
        assert_eq!(
            self.fd,
            descriptor.map(|fd| fd.try_into().unwrap()),
            "{self:#?}"
        );
    }

    /// Fails if it has anything that could end it.
    pub fn expect_no_end(&self) {
        assert_eq!(self.setting(), (None, None), "{self:#?}");
        assert_eq!(self.remaining_ns, None, "{self:#?}");
    }
}

/// The connections that an output tells of.
fn lines(output: &str) -> Vec<Line> {
    let (mut lines, mut end) = (Vec::new(), None);
    for text in output.lines() {
        assert!(end.is_none(), "a line behind the last: {text}");
        let value = schema::read(text).unwrap_or_else(|error| panic!("{error}"));
        match value["type"].as_str() {
            Some("stuck") => lines
                .push(serde_json::from_str(text).unwrap_or_else(|error| panic!("{error}: {text}"))),
            Some("end") => end = value["transitions"].as_u64(),
            _ => panic!("no line of it: {text}"),
        }
    }
    assert_eq!(end, Some(lines.len() as u64), "lines in the last line");
    lines
}

fn only(lines: Vec<Line>, end: End) -> Line {
    match &lines[..] {
        [line] if line.end() == end => line.clone(),
        other => panic!("only {end:?} is stuck, but {other:#?}"),
    }
}

/// What one look says.
pub fn look(net: &Namespace, arguments: &[&str]) -> Vec<Line> {
    let trace = Trace::of(net).subcommand("stuck");
    lines(&trace.with(["-d", "0"]).with(arguments).start_raw().ended())
}

/// What one look says of the only connection that is stuck.
pub fn look_at(net: &Namespace, end: End) -> Line {
    let line = only(look(net, &["--for", "300ms"]), end);
    assert!(
        line.held_at_least || line.held_estimated,
        "nobody saw it begin: {line:#?}"
    );
    if let Some(held) = line.held() {
        assert!(held >= TOO_LONG, "{line:#?}");
    }
    line
}

/// Begins to follow, until one is stuck.
pub fn follow(net: &Namespace) -> Raw {
    follow_with(net, &["--for", "300ms", "-n", "1"])
}

/// The same with arguments.
pub fn follow_with(net: &Namespace, arguments: &[&str]) -> Raw {
    let trace = Trace::of(net).subcommand("stuck").with(arguments);
    // A test that fails must end, too.
    let limit = if arguments.contains(&"-d") {
        [].as_slice()
    } else {
        &["-d", "20s"]
    };
    trace.with(limit).start_raw()
}

/// What is told of the connection that got stuck since.
pub fn told(trace: Raw, end: End) -> Line {
    let line = only(lines(&trace.ended()), end);
    assert!(!line.held_at_least, "its begin was seen: {line:#?}");
    let held = line.held().expect("its begin was seen");
    assert!((TOO_LONG..TOO_LONG * 10).contains(&held), "{line:#?}");
    line
}

/// What is told of the only connection that is stuck, whenever that began.
pub fn told_of(trace: Raw, end: End) -> Line {
    only(lines(&trace.ended()), end)
}

/// All that was told.
pub fn all(trace: Raw) -> Vec<Line> {
    lines(&trace.ended())
}
