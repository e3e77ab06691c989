//! Writes connections that are stuck: one file for each format, all behind [`StuckView`].

mod csv;
mod json;
mod row;
mod table;

use std::io;

pub use self::{csv::StuckCsv, json::StuckJson, table::StuckTable};
use super::{End, Start, Surroundings};
use crate::{
    kernel::Clock,
    stuck::{Diagnosis, Held, Suspect},
    track::Connection,
};

/// A connection that is stuck, with all that is to be said of it.
#[derive(Clone, Debug)]
pub struct ShownStuck {
    /// When it was looked at: CLOCK_MONOTONIC, ns.
    pub mono_ns: u64,
    /// The connection, with its owner.
    pub connection: Connection,
    /// The owner's descriptor, if it has it still.
    pub descriptor: Option<u32>,
    /// How long it has been in its state.
    pub held: Held,
    /// What the kernel tells of it.
    pub suspect: Suspect,
    /// Who is to blame.
    pub diagnosis: Diagnosis,
}

/// A way to write connections that are stuck to standard output.
pub trait StuckView {
    /// Tracing has begun.
    ///
    /// # Errors
    /// Whatever writing fails with; the same below.
    fn start(&mut self, start: &Start, clock: &Clock) -> io::Result<()>;
    /// One connection.
    ///
    /// # Errors
    /// See [`start`](Self::start).
    fn stuck(&mut self, it: &ShownStuck, around: &mut Surroundings<'_>) -> io::Result<()>;
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
