//! Writes what is shown: one file for each format, all behind [`View`].

mod address;
mod append;
mod cells;
mod colour;
mod csv;
mod doctor;
mod duration;
mod explain;
mod flows;
mod holders;
mod json;
mod known;
mod line;
mod message;
mod owner;
mod process;
mod row;
pub mod schema;
mod sockets;
mod stats;
mod stdout;
mod stuck;
mod table;
pub mod terminal;
mod time;
mod typed;

use std::{io, time::Duration};

use serde::Serialize;

pub(crate) use self::line::cut;
pub use self::{
    colour::{Colour, Palette},
    csv::Csv,
    explain::{Look, contents, page},
    flows::{FlowCsv, FlowJson, FlowTable, Keepalive, ShownFlow},
    json::Json,
    message::say,
    sockets::{Counts, ShownSockets, SocketLayout, sockets_csv, sockets_json, sockets_table},
    stats::{StatsCsv, StatsJson, StatsTable},
    stdout::{Stdout, writes},
    stuck::{ShownStuck, StuckCsv, StuckJson, StuckTable},
    table::{Layout, Table},
    time::TimeFormat,
};
use crate::{
    host::{Cgroups, Clock, Links},
    model::Degraded,
};

/// What helps to write an event: the outside world, as of now.
pub struct Surroundings<'a> {
    /// Tells wall-clock time.
    pub clock: &'a Clock,
    /// Knows the paths of cgroups.
    pub cgroups: &'a mut Cgroups,
    /// Knows the names of network interfaces.
    pub links: &'a mut Links,
}

/// Tracing has begun.
#[derive(Clone, Debug, Serialize)]
pub struct Start {
    /// tcptrace's.
    pub version: &'static str,
    /// As `uname -r` prints it.
    pub kernel: String,
    /// Inode number of the network namespace of tcptrace; `None` if it can't be told.
    pub netns: Option<u32>,
    /// When: CLOCK_MONOTONIC, ns.
    pub mono_ns: u64,
    /// What can't be seen, and why.
    pub degraded: Vec<Degraded>,
}

/// Tracing is over.
#[derive(Clone, Copy, Debug)]
pub struct End {
    /// Transitions shown.
    pub transitions: u64,
    /// Events that were lost.
    pub lost: u64,
    /// Connections that were forgotten because too many were open.
    pub forgotten: u64,
    /// How long tracing went on.
    pub duration: Duration,
}

/// A way to write to standard output what a live command shows: transitions, flows, …
pub trait View<T> {
    /// Tracing has begun.
    ///
    /// # Errors
    /// Whatever writing fails with; the same below.
    fn start(&mut self, start: &Start, clock: &Clock) -> io::Result<()>;

    /// One of them.
    ///
    /// # Errors
    /// See [`start`](Self::start).
    fn show(&mut self, it: &T, around: &mut Surroundings<'_>) -> io::Result<()>;

    /// So many events were lost just now. Diagnostics of tables and CSV are not for standard
    /// output.
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
