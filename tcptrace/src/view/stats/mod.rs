//! Writes figures: one file for each format, all behind [`StatsView`].

mod csv;
mod json;
mod report;
mod sections;
mod spark;
mod states;
mod table;

use std::io;

pub use self::{csv::StatsCsv, json::StatsJson, table::StatsTable};
use super::{End, Start, Surroundings};
use crate::{kernel::Clock, stats::Period};

/// A way to write figures to standard output.
pub trait StatsView {
    /// Tracing has begun.
    ///
    /// # Errors
    /// Whatever writing fails with; the same below.
    fn start(&mut self, start: &Start, clock: &Clock) -> io::Result<()>;
    /// The figures of a period.
    ///
    /// # Errors
    /// See [`start`](Self::start).
    fn report(&mut self, period: &Period<'_>, around: &mut Surroundings<'_>) -> io::Result<()>;
    /// So many events were lost just now.
    ///
    /// # Errors
    /// See [`start`](Self::start).
    fn lost(&mut self, _events: u64) -> io::Result<()> {
        Ok(())
    }
    /// Whether a loss was written where the reader of the output sees it.
    fn tells_losses(&self) -> bool {
        false
    }
    /// Tracing is over.
    ///
    /// # Errors
    /// See [`start`](Self::start).
    fn end(&mut self, _end: &End) -> io::Result<()> {
        Ok(())
    }
    /// Hands over what is buffered.
    ///
    /// # Errors
    /// See [`start`](Self::start).
    fn flush(&mut self) -> io::Result<()>;
}
