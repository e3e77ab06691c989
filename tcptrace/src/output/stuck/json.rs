//! Connections that are stuck as JSON: one object a line.

use std::io::{self, Write};

use super::{ShownStuck, row::StuckRow};
use crate::{
    host::Clock,
    output::{End, Json, Start, Surroundings, TimeFormat, View, holders::rows},
};

/// Writes JSON lines.
pub struct StuckJson<W: Write> {
    /// What all live commands write alike.
    json: Json<W>,
    time: TimeFormat,
}

impl<W: Write> StuckJson<W> {
    /// Writes to `out`, which should be buffered.
    pub fn new(out: W) -> Self {
        Self {
            json: Json::new(out),
            time: TimeFormat::rfc3339(),
        }
    }
}

impl<W: Write> View<ShownStuck> for StuckJson<W> {
    fn start(&mut self, start: &Start, clock: &Clock) -> io::Result<()> {
        self.json.start(start, clock)
    }

    fn show(&mut self, it: &ShownStuck, around: &mut Surroundings<'_>) -> io::Result<()> {
        let row = StuckRow::new(it, rows(&it.holders), around, &mut self.time);
        self.json.line("stuck", &row)
    }

    fn lost(&mut self, events: u64) -> io::Result<()> {
        self.json.lost(events)
    }

    fn tells_losses(&self) -> bool {
        true
    }

    fn end(&mut self, end: &End) -> io::Result<()> {
        self.json.end(end)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.json.flush()
    }
}
