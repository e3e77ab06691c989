//! What the loop hands to the screen, and what the screen wants to have.

use std::net::IpAddr;

use super::{rows::Rows, search::Search, tab::Tab};
use crate::{
    aggregate::{Beat, Traffic},
    host::Holder,
    model::{Cookie, State, Transition, Workload},
    output::ShownStuck,
};

/// How many rows of a table are handed over at the most: the first ones, as they are sorted.
pub const MOST_ROWS: usize = 5_000;

/// What there is to be shown, at a moment.
#[derive(Clone, Debug, Default)]
pub struct Snapshot {
    /// When: CLOCK_MONOTONIC, ns.
    pub now_ns: u64,
    /// When: ns since 1970.
    pub wall_ns: i64,
    /// When tracing began: CLOCK_MONOTONIC, ns.
    pub began_ns: u64,
    /// By state, in the order of [`State::ALL`].
    pub states: [Beat; State::ALL.len()],
    /// By way, the most taken one first.
    pub traffic: Vec<Traffic>,
    /// What is out of the ordinary.
    pub alarms: Alarms,
    /// Transitions so far.
    pub transitions: u64,
    /// Which table the rows are of, with what they were chosen by.
    pub of: Option<Tab>,
    /// The rows of that table.
    pub rows: Rows,
    /// How many rows there are in all that match.
    pub matching: u64,
    /// The life of the connection that is looked at.
    pub life: Option<Life>,
    /// What is shown, as lines of JSON, if that was asked for.
    pub lines: Option<Lines>,
    /// What became of a recording; `None`: it is this machine, now.
    pub replay: Option<ReplayState>,
    /// The transition of a recording that was told last.
    pub event: Option<Transition>,
    /// What was said meanwhile that would have gone to stderr.
    pub messages: Vec<String>,
}

/// Lines of JSON that were asked for.
#[derive(Clone, Debug)]
pub struct Lines {
    /// The lines.
    pub json: Vec<u8>,
    /// How many.
    pub count: u64,
}

/// What is out of the ordinary.
#[derive(Clone, Debug, Default)]
pub struct Alarms {
    /// Connections that are stuck.
    pub stuck: u64,
    /// Resets a second, either side's; `None`: not known yet.
    pub resets: Option<f64>,
    /// Connections that failed or timed out a second; `None`: not known yet.
    pub failures: Option<f64>,
    /// TIME_WAITs that were skipped a second; `None`: not known yet.
    pub overflows: Option<f64>,
    /// The destination for which the most local ports are taken.
    pub ports: Option<Ports>,
    /// Events that were lost.
    pub lost: u64,
    /// Connections that were forgotten for want of room.
    pub forgotten: u64,
}

/// Local ports taken for a destination.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Ports {
    /// The destination's address.
    pub remote: IpAddr,
    /// Its port.
    pub port: u16,
    /// How many are taken that connect() can't have.
    pub taken: u64,
    /// How many there are.
    pub available: u32,
    /// When none is left, s; `None`: not at this rate, or unknown.
    pub exhausted_in_s: Option<f64>,
}

impl Ports {
    /// The part that is taken, from 0 to 1.
    #[must_use]
    pub fn share(&self) -> f64 {
        self.taken as f64 / f64::from(self.available.max(1))
    }
}

/// One connection's life, as far as it was seen.
#[derive(Clone, Debug)]
pub struct Life {
    /// Whose.
    pub cookie: Cookie,
    /// Its transitions, the oldest first.
    pub steps: Vec<Transition>,
    /// The state that it is in, and since when (CLOCK_MONOTONIC, ns); `None`: it is over, or was
    /// forgotten.
    pub now: Option<(State, Option<u64>)>,
    /// Earlier transitions were seen, and are not remembered any more.
    pub cut: bool,
    /// All processes that hold it, as far as that was looked at; `None`: not yet, or it can't be.
    pub holders: Option<Vec<Holder>>,
    /// How long nothing had been sent or received at its last transition, ns; `None`: unknown.
    pub idle_ns: Option<u64>,
    /// The path of its owner's control group; `None`: unknown.
    pub cgroup: Option<String>,
    /// What runs there.
    pub workload: Workload,
    /// Why it does not go on, where it is stuck.
    pub stuck: Option<Box<ShownStuck>>,
}

/// Where in a recording it is.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct ReplayState {
    /// When the recording begins and ends: ns since 1970.
    pub from_ns: i64,
    /// See `from_ns`.
    pub to_ns: i64,
    /// So many times as fast as it happened; 0: it stands.
    pub speed: u32,
}

/// What the screen wants to be handed over next.
#[derive(Clone, Debug, Default)]
pub struct Wish {
    /// The table.
    pub tab: Tab,
    /// Which of its columns it is sorted by.
    pub sort: usize,
    /// The largest first.
    pub descending: bool,
    /// Which rows.
    pub search: Search,
    /// The connection whose life is looked at.
    pub opened: Option<Cookie>,
    /// Rows as lines of JSON, once.
    pub lines: bool,
    /// Nothing but counts: the screen stands.
    pub frozen: bool,
    /// How to go through a recording.
    pub travel: Option<Travel>,
    /// The screen is left.
    pub quit: bool,
}

/// A way through a recording.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Travel {
    /// So much later, or earlier: ns.
    By(i64),
    /// To the next event that is asked for.
    NextEvent,
    /// To the one before.
    EventBefore,
    /// Goes on by itself, so many times as fast as it happened; 0: stands.
    Play(u32),
}
