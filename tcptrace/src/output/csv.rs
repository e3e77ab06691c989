//! CSV, with a header line. What is unknown is an empty field.

use std::io::{self, Write};

use super::{
    Context, Scratch, Shown, Start, View,
    formulas::Harmless,
    row::{Cells, Fields},
};
use crate::host::Clock;

/// Writes rows as records.
pub struct CsvLines<W: Write> {
    out: ::csv::Writer<Harmless<W>>,
    cells: Cells,
}

impl<W: Write> CsvLines<W> {
    /// Writes to `out`.
    pub fn new(out: W) -> Self {
        let out = ::csv::WriterBuilder::new()
            .has_headers(false)
            .from_writer(Harmless::new(out));
        Self {
            out,
            cells: Cells::default(),
        }
    }

    /// Writes the header: it is there even if no record follows.
    ///
    /// # Errors
    /// Whatever writing fails with.
    pub fn header<R: Fields>(&mut self) -> io::Result<()> {
        let mut names = Vec::new();
        R::all_names("", &mut names);
        self.out.write_record(names).map_err(io_error)
    }

    /// Writes a record.
    ///
    /// # Errors
    /// Whatever writing fails with.
    pub fn row(&mut self, row: &impl Fields) -> io::Result<()> {
        self.cells.clear();
        row.all_cells(&mut self.cells);
        self.out.write_record(self.cells.iter()).map_err(io_error)
    }

    /// Hands over what there is.
    ///
    /// # Errors
    /// Whatever writing fails with.
    pub fn flush(&mut self) -> io::Result<()> {
        self.out.flush()
    }
}

/// A closed pipe must be known as one.
fn io_error(error: ::csv::Error) -> io::Error {
    match error.into_kind() {
        ::csv::ErrorKind::Io(error) => error,
        other => io::Error::other(format!("{other:?}")),
    }
}

/// Writes what is shown as CSV.
pub struct Csv<W: Write> {
    lines: CsvLines<W>,
    scratch: Scratch,
}

impl<W: Write> Csv<W> {
    /// Writes to `out`.
    pub fn new(out: W) -> Self {
        Self {
            lines: CsvLines::new(out),
            scratch: Scratch::default(),
        }
    }
}

impl<W: Write, T: Shown> View<T> for Csv<W> {
    fn start(&mut self, _: &Start, _: &Clock) -> io::Result<()> {
        self.lines.header::<T::Row<'_>>()?;
        self.lines.flush()
    }

    fn show(&mut self, it: &T, around: &mut Context<'_>) -> io::Result<()> {
        self.lines.row(&it.row(around, &mut self.scratch))
    }

    fn flush(&mut self) -> io::Result<()> {
        self.lines.flush()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::output::{
        row::row,
        tests::{Taken, start},
    };

    row! {
        /// A row of a test.
        struct Name<'a> {
            /// Its name.
            name: &'a str,
        }
    }

    /// Whoever reads the other end has gone.
    struct Closed;

    impl Write for Closed {
        fn write(&mut self, _: &[u8]) -> io::Result<usize> {
            Err(io::ErrorKind::BrokenPipe.into())
        }

        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }

    #[test]
    fn the_header_is_there_before_anything_happens() {
        let taken = Taken::default();
        let mut view = Csv::new(taken.clone());
        View::<crate::model::Transition>::start(&mut view, &start(), &Clock::ahead_by(0)).unwrap();
        assert!(taken.text().starts_with("time,mono_ns,cookie,"));
        assert!(taken.text().ends_with('\n'));
    }

    #[test]
    fn a_pipe_that_nobody_reads_any_more_is_known_as_one() {
        let mut lines = CsvLines::new(Closed);
        let name = Name { name: "nginx" };
        // The crate keeps some of it back.
        let error = (0..1 << 16).find_map(|_| lines.row(&name).err());
        assert_eq!(error.unwrap().kind(), io::ErrorKind::BrokenPipe);
    }

    #[test]
    fn what_a_program_calls_itself_is_no_formula() {
        let taken = Taken::default();
        let mut lines = CsvLines::new(taken.clone());
        lines.row(&Name { name: "=1+1" }).unwrap();
        lines.flush().unwrap();
        assert_eq!(taken.text(), "'=1+1\n");
    }
}
