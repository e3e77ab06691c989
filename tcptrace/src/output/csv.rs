//! CSV, with a header line.

use std::io::{self, Write};

use super::{Start, Surroundings, TimeFormat, View, cells::Cells, row::Row};
use crate::{host::Clock, model::Transition};

/// The fields of a transition, as [`Row`] has them.
const HEADER: [&str; 23] = [
    "time",
    "mono_ns",
    "cookie",
    "netns",
    "family",
    "local_addr",
    "local_port",
    "remote_addr",
    "remote_port",
    "interface",
    "from",
    "to",
    "held_ns",
    "reason",
    "detail",
    "opener",
    "closer",
    "retransmits",
    "pid",
    "comm",
    "uid",
    "cgroup",
    "thread",
];

/// Writes CSV. What is unknown is an empty field.
pub struct Csv<W: Write> {
    out: ::csv::Writer<Cells<W>>,
    time: TimeFormat,
}

impl<W: Write> Csv<W> {
    /// Writes to `out`.
    pub fn new(out: W) -> Self {
        // The header is there even if no transition follows.
        let out = ::csv::WriterBuilder::new()
            .has_headers(false)
            .from_writer(Cells::new(out));
        Self {
            out,
            time: TimeFormat::rfc3339(),
        }
    }
}

impl<W: Write> View<Transition> for Csv<W> {
    fn start(&mut self, _: &Start, _: &Clock) -> io::Result<()> {
        self.out.write_record(HEADER)?;
        self.flush()
    }

    fn show(&mut self, it: &Transition, around: &mut Surroundings<'_>) -> io::Result<()> {
        self.out
            .serialize(Row::new(it, around, &mut self.time))
            .map_err(io_error)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.out.flush()
    }
}

/// A closed pipe must be known as one.
pub(super) fn io_error(error: ::csv::Error) -> io::Error {
    match error.into_kind() {
        ::csv::ErrorKind::Io(error) => error,
        other => io::Error::other(format!("{other:?}")),
    }
}
