//! Figures as JSON: one object a report.

use std::io::{self, Write};

use super::report::Report;
use crate::{
    aggregate::stats::Period,
    host::Clock,
    output::{End, Json, Start, Surroundings, TimeFormat, View},
};

/// Writes JSON lines.
pub struct StatsJson<W: Write> {
    /// What all live commands write alike.
    json: Json<W>,
    time: TimeFormat,
}

impl<W: Write> StatsJson<W> {
    /// Writes to `out`, which should be buffered.
    pub fn new(out: W) -> Self {
        Self {
            json: Json::new(out),
            time: TimeFormat::rfc3339(),
        }
    }
}

impl<W: Write> View<Period<'_>> for StatsJson<W> {
    fn start(&mut self, start: &Start, clock: &Clock) -> io::Result<()> {
        self.json.start(start, clock)
    }

    fn show(&mut self, period: &Period<'_>, around: &mut Surroundings<'_>) -> io::Result<()> {
        let report = Report::new(period, around, &mut self.time);
        self.json.line("stats", &report)
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
