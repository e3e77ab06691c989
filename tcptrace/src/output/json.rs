//! JSON: one object a line.

use std::{
    io::{self, Write},
    num::NonZeroU16,
};

use serde::Serialize;

use super::{
    End, Start, Surroundings, TimeFormat, View,
    append::{Append as _, Word, fields},
    owner::OwnerFields,
    typed::TypedLines,
};
use crate::{
    host::Clock,
    model::{Comm, Endpoint, Family, Transition},
};

/// Writes JSON lines.
pub struct Json<W: Write> {
    lines: TypedLines<W>,
    time: TimeFormat,
    owners: OwnerFields,
}

#[derive(Serialize)]
struct StartRow<'a> {
    #[serde(flatten)]
    start: &'a Start,
    time: &'a str,
}

#[derive(Serialize)]
struct LostRow {
    events: u64,
}

#[derive(Serialize)]
struct EndRow {
    transitions: u64,
    lost: u64,
    forgotten: u64,
    duration_ns: u64,
}

impl<W: Write> Json<W> {
    /// Writes to `out`, which should be buffered.
    pub fn new(out: W) -> Self {
        Self {
            lines: TypedLines::new(out),
            time: TimeFormat::rfc3339(),
            owners: OwnerFields::default(),
        }
    }

    /// Writes an object of another type.
    pub(super) fn line(&mut self, name: &str, row: &impl Serialize) -> io::Result<()> {
        self.lines.write(name, row)
    }
}

impl<W: Write> View<Transition> for Json<W> {
    fn start(&mut self, start: &Start, clock: &Clock) -> io::Result<()> {
        let time = self.time.write(clock.wall(start.mono_ns));
        let start = &Start {
            mono_ns: clock.own(start.mono_ns),
            ..start.clone()
        };
        self.lines.write("start", &StartRow { start, time })?;
        self.flush()
    }

    fn show(&mut self, it: &Transition, around: &mut Surroundings<'_>) -> io::Result<()> {
        let time = self.time.write(around.clock.wall(it.time_ns));
        let port = |end: &Endpoint| end.port.map(NonZeroU16::get);
        let (local, remote) = (&it.tuple.local, &it.tuple.remote);
        self.lines.write_by("transition", |line| {
            fields! { line,
                time = Word(time);
                mono_ns = around.clock.own(it.time_ns);
                cookie = it.cookie;
                netns = it.tuple.netns;
                family = Word(Family::of(local.addr).name());
                local_addr = local.addr;
                local_port = port(local);
                remote_addr = remote.port.map(|_| remote.addr);
                remote_port = port(remote);
                interface = around.links.name(&it.tuple);
                from = it.from;
                to = it.to;
                held_ns = it.held_ns;
                reason = it.reason;
                detail = it.detail;
                opener = it.opener;
                closer = it.closer;
                retransmits = it.retransmits;
            }
            self.owners.append(&it.owner, around.cgroups, line);
            fields! { line,
                thread = it.thread.as_ref().map(Comm::as_str);
            }
        })
    }

    fn lost(&mut self, events: u64) -> io::Result<()> {
        self.lines.write("lost", &LostRow { events })
    }

    fn tells_losses(&self) -> bool {
        true
    }

    fn end(&mut self, end: &End) -> io::Result<()> {
        let row = EndRow {
            transitions: end.transitions,
            lost: end.lost,
            forgotten: end.forgotten,
            duration_ns: u64::try_from(end.duration.as_nanos()).unwrap_or(u64::MAX),
        };
        self.lines.write("end", &row)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.lines.flush()
    }
}
