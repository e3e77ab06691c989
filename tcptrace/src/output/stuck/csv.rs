//! Connections that are stuck as CSV, with a header line. The fields are those of JSON.

use std::io::{self, Write};

use super::{
    ShownStuck,
    row::{HEADER, StuckRow},
};
use crate::{
    host::Clock,
    output::{Start, Surroundings, TimeFormat, View, cells::Cells, csv::io_error, holders::flat},
};

/// Writes CSV. What is unknown is an empty field.
pub struct StuckCsv<W: Write> {
    out: ::csv::Writer<Cells<W>>,
    time: TimeFormat,
}

impl<W: Write> StuckCsv<W> {
    /// Writes to `out`.
    pub fn new(out: W) -> Self {
        let out = ::csv::WriterBuilder::new()
            .has_headers(false)
            .from_writer(Cells::new(out));
        Self {
            out,
            time: TimeFormat::rfc3339(),
        }
    }
}

impl<W: Write> View<ShownStuck> for StuckCsv<W> {
    fn start(&mut self, _: &Start, _: &Clock) -> io::Result<()> {
        self.out.write_record(HEADER)?;
        self.flush()
    }

    fn show(&mut self, it: &ShownStuck, around: &mut Surroundings<'_>) -> io::Result<()> {
        self.out
            .serialize(StuckRow::new(it, flat(&it.holders), around, &mut self.time))
            .map_err(io_error)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.out.flush()
    }
}
