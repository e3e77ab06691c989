//! JSON: one object a line.

use std::io::{self, Write};

use serde::Serialize;

use super::{End, Start, Surroundings, TimeFormat, View, row::Row};
use crate::{kernel::Clock, track::Transition};

/// Writes JSON lines.
pub struct Json<W: Write> {
    out: W,
    time: TimeFormat,
}

/// Each object says first what it is.
#[derive(Serialize)]
#[serde(tag = "type", rename_all = "snake_case")]
enum Line<'a> {
    Start {
        #[serde(flatten)]
        start: &'a Start,
        time: &'a str,
    },
    Lost {
        events: u64,
    },
    End {
        transitions: u64,
        lost: u64,
        forgotten: u64,
        duration_ns: u64,
    },
}

#[derive(Serialize)]
#[serde(tag = "type", rename = "transition")]
struct TransitionLine<'a> {
    #[serde(flatten)]
    row: Row<'a>,
}

impl<W: Write> Json<W> {
    /// Writes to `out`, which should be buffered.
    pub fn new(out: W) -> Self {
        Self {
            out,
            time: TimeFormat::rfc3339(),
        }
    }

    /// Writes an object.
    pub(super) fn line(&mut self, line: &impl Serialize) -> io::Result<()> {
        serde_json::to_writer(&mut self.out, line)?;
        self.out.write_all(b"\n")
    }
}

impl<W: Write> View for Json<W> {
    fn start(&mut self, start: &Start, clock: &Clock) -> io::Result<()> {
        let time = self.time.write(clock.wall(start.mono_ns)).to_owned();
        self.line(&Line::Start { start, time: &time })?;
        self.flush()
    }

    fn transition(&mut self, it: &Transition, around: &mut Surroundings<'_>) -> io::Result<()> {
        let row = Row::new(it, around, &mut self.time);
        serde_json::to_writer(&mut self.out, &TransitionLine { row })?;
        self.out.write_all(b"\n")
    }

    fn lost(&mut self, events: u64) -> io::Result<()> {
        self.line(&Line::Lost { events })
    }

    fn tells_losses(&self) -> bool {
        true
    }

    fn end(&mut self, end: &End) -> io::Result<()> {
        self.line(&Line::End {
            transitions: end.transitions,
            lost: end.lost,
            forgotten: end.forgotten,
            duration_ns: u64::try_from(end.duration.as_nanos()).unwrap_or(u64::MAX),
        })
    }

    fn flush(&mut self) -> io::Result<()> {
        self.out.flush()
    }
}
