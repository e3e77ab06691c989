//! Writes flows: one file for each format, all behind [`FlowView`].

mod csv;
mod json;
mod layout;
mod row;
mod table;

use std::io;

pub use self::{csv::FlowCsv, json::FlowJson, table::FlowTable};
use super::{End, Start, Surroundings};
use crate::{
    flows::{Candidate, FlowRecord},
    kernel::Clock,
};

/// Keepalive as it is set for a connection.
#[derive(Clone, Copy, Debug, PartialEq, Eq, serde::Serialize)]
pub struct Keepalive {
    /// Idle time before the first probe, s.
    pub time_s: u32,
    /// Between probes, s.
    pub interval_s: u32,
    /// Probes without an answer until the peer is given up.
    pub probes: u32,
}

/// A flow, with what can be said about it.
#[derive(Clone, Copy, Debug)]
pub struct ShownFlow<'a> {
    /// The connection.
    pub record: &'a FlowRecord,
    /// How long neither side had sent data when the first one closed, ns.
    pub idle_before_close_ns: Option<u64>,
    /// What may have closed it after it was idle for so long.
    pub idle_candidates: &'a [&'a Candidate],
    /// `None`: off, or unknown.
    pub keepalive: Option<Keepalive>,
}

/// A way to write flows to standard output.
pub trait FlowView {
    /// Tracing has begun.
    ///
    /// # Errors
    /// Whatever writing fails with; the same below.
    fn start(&mut self, start: &Start, clock: &Clock) -> io::Result<()>;
    /// One flow.
    ///
    /// # Errors
    /// See [`start`](Self::start).
    fn flow(&mut self, flow: &ShownFlow<'_>, around: &mut Surroundings<'_>) -> io::Result<()>;
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
