//! Flows as JSON: one object a line.

use std::io::{self, Write};

use super::{ShownFlow, row::FlowRow};
use crate::{
    host::Clock,
    output::{End, Json, Start, Surroundings, TimeFormat, View},
};

/// Writes JSON lines.
pub struct FlowJson<W: Write> {
    /// What all live commands write alike.
    json: Json<W>,
    time: TimeFormat,
}

impl<W: Write> FlowJson<W> {
    /// Writes to `out`, which should be buffered.
    pub fn new(out: W) -> Self {
        Self {
            json: Json::new(out),
            time: TimeFormat::rfc3339(),
        }
    }
}

impl<W: Write> View<ShownFlow<'_>> for FlowJson<W> {
    fn start(&mut self, start: &Start, clock: &Clock) -> io::Result<()> {
        self.json.start(start, clock)
    }

    fn show(&mut self, flow: &ShownFlow<'_>, around: &mut Surroundings<'_>) -> io::Result<()> {
        let row = FlowRow::new(flow, around, &mut self.time);
        self.json.line("flow", &row)
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
