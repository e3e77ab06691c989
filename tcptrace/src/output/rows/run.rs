//! The lines that all live commands write: the first, the last, and those of losses.

use crate::{
    host::Clock,
    model::{Degraded, ns},
    output::{
        End, Scratch, Start,
        fields::Time,
        row::{line, object, row},
    },
};

row! {
    /// The first line.
    pub struct StartRow<'a> {
        /// tcptrace's version.
        version: &'a str,
        /// The kernel's release, as uname -r prints it.
        kernel: &'a str,
        /// Inode number of tcptrace's own network namespace; null if it can't be told.
        netns: Option<u32>,
        /// When tracing began: CLOCK_MONOTONIC, ns, as tcptrace's own time namespace has it.
        mono_ns: u64,
        /// What can't be seen on this machine, and why; empty if all can.
        degraded: Vec<DegradedRow<'a>>,
        /// When tracing began: RFC 3339 with nanoseconds, UTC.
        time: Time,
    }
}
line!(StartRow<'_> = "start", "Tracing has begun", "The first line of each live command: a script waits for it.");

row! {
    /// Something that can't be seen.
    pub struct DegradedRow<'a> {
        /// The hook, or the file.
        what: &'a str,
        /// Why, what is missing because of it, and what helps.
        why: String,
    }
}
object!(DegradedRow<'_>);

row! {
    /// Events were lost.
    pub struct LostRow {
        /// How many events were lost since the line before of this type: they came faster than they
        /// were read.
        events: u64,
    }
}
line!(
    LostRow = "lost",
    "Events were lost",
    "A line of each live command, as soon as it is known."
);

row! {
    /// The last line.
    pub struct EndRow {
        /// How many lines were shown: transitions of watch, connections of flows.
        transitions: u64,
        /// How many events were lost in all.
        lost: u64,
        /// How many connections were forgotten, as too many were open at once.
        forgotten: u64,
        /// How long tracing went on, ns.
        duration_ns: u64,
    }
}
line!(
    EndRow = "end",
    "Tracing is over",
    "The last line of each live command."
);

impl<'a> StartRow<'a> {
    pub fn new(start: &'a Start, clock: &Clock, scratch: &mut Scratch) -> Self {
        let row = |it: &'a Degraded| DegradedRow {
            what: &it.what,
            why: it.why.to_string(),
        };
        Self {
            version: start.version,
            kernel: &start.kernel,
            netns: start.netns,
            mono_ns: clock.own(start.mono_ns),
            degraded: start.degraded.iter().map(row).collect(),
            time: scratch.time.of(clock.wall(start.mono_ns)),
        }
    }
}

impl EndRow {
    pub fn new(end: &End) -> Self {
        Self {
            transitions: end.transitions,
            lost: end.lost,
            forgotten: end.forgotten,
            duration_ns: ns(end.duration),
        }
    }
}
