//! What tcptrace tells: its lines, and the path of a connection as the tests write it.

use std::time::Duration;

use serde::Deserialize;

/// One end of a connection, by its ports; 0 where there is none.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct End {
    pub local: u16,
    pub remote: u16,
}

impl End {
    /// The same connection as the peer has it.
    pub fn peer(self) -> Self {
        Self {
            local: self.remote,
            remote: self.local,
        }
    }
}

/// A line of JSON.
#[derive(Clone, Debug, Deserialize)]
#[serde(tag = "type", rename_all = "snake_case")]
pub(crate) enum Line {
    Start {},
    Transition(Box<Transition>),
    Lost {
        events: u64,
    },
    End {
        transitions: u64,
        lost: u64,
        duration_ns: u64,
    },
}

/// A transition as tcptrace tells it.
#[derive(Clone, Debug, Deserialize)]
pub struct Transition {
    pub time: String,
    pub mono_ns: u64,
    pub cookie: Option<String>,
    pub netns: u32,
    pub family: String,
    pub local_addr: String,
    pub local_port: Option<u16>,
    pub remote_addr: Option<String>,
    pub remote_port: Option<u16>,
    pub interface: Option<String>,
    pub from: String,
    pub to: String,
    pub held_ns: Option<u64>,
    pub reason: String,
    pub detail: Option<String>,
    pub opener: Option<String>,
    pub closer: Option<String>,
    pub retransmits: Option<u32>,
    pub pid: Option<u32>,
    pub comm: Option<String>,
    pub uid: Option<u32>,
    pub cgroup: Option<String>,
    pub container: Option<serde_json::Value>,
    pub pod: Option<serde_json::Value>,
    pub unit: Option<String>,
    pub thread: Option<String>,
}

impl Transition {
    /// The end of the connection that it is of.
    pub fn end(&self) -> End {
        End {
            local: self.local_port.unwrap_or(0),
            remote: self.remote_port.unwrap_or(0),
        }
    }

    /// How long the state that it leaves was held.
    pub fn held(&self) -> Option<Duration> {
        self.held_ns.map(Duration::from_nanos)
    }
}

/// The reason, and the detail where there is one.
pub fn label(it: &Transition) -> String {
    match &it.detail {
        Some(detail) => format!("{}:{detail}", it.reason),
        None => it.reason.clone(),
    }
}

/// A path as [`render`] writes it, however it is wrapped.
pub fn normal(path: &str) -> String {
    path.split_whitespace().collect::<Vec<_>>().join(" ")
}

/// Writes transitions as [`Tracing::expect`](crate::trace::Tracing::expect) takes them.
pub fn render(path: &[&Transition]) -> String {
    let mut text = String::new();
    let mut at = "";
    for it in path {
        if it.from != at {
            let gap = if at.is_empty() { "" } else { " | " };
            text += &format!("{gap}{}", it.from);
        }
        text += &format!(" -{}-> {}", label(it), it.to);
        at = &it.to;
    }
    text
}
