//! JSON: one object a line.

use std::io::{self, Write};

use super::{
    Context, End, Scratch, Shown, Start, View,
    row::Row,
    rows::{EndRow, LostRow, StartRow},
};
use crate::host::Clock;

/// So many bytes are handed over at once, or a few more.
const BLOCK: usize = 1 << 16;

/// Writes rows as objects. They are made one behind the other in one place, which is handed over
/// when it is full: the fields of a line are many, and small.
pub struct JsonLines<W: Write> {
    out: W,
    lines: Vec<u8>,
}

impl<W: Write> JsonLines<W> {
    /// Writes to `out`. What is left comes with [`flush`](Self::flush), or in the end: then no
    /// error is told.
    pub fn new(out: W) -> Self {
        let lines = Vec::new();
        Self { out, lines }
    }

    /// Writes a row.
    ///
    /// # Errors
    /// Whatever writing fails with.
    #[inline]
    pub fn row<R: Row>(&mut self, row: &R) -> io::Result<()> {
        self.lines.extend_from_slice(R::BEGIN.as_bytes());
        row.members(&mut self.lines);
        self.lines.extend_from_slice(b"}\n");
        if self.lines.len() < BLOCK {
            return Ok(());
        }
        self.hand_over()
    }

    fn hand_over(&mut self) -> io::Result<()> {
        let written = self.out.write_all(&self.lines);
        // What could not be written is not written twice.
        self.lines.clear();
        written
    }

    /// Hands over what there is.
    ///
    /// # Errors
    /// Whatever writing fails with.
    pub fn flush(&mut self) -> io::Result<()> {
        self.hand_over()?;
        self.out.flush()
    }
}

impl<W: Write> Drop for JsonLines<W> {
    fn drop(&mut self) {
        let _ = self.hand_over();
    }
}

/// Writes what is shown as lines of JSON.
pub struct Json<W: Write> {
    lines: JsonLines<W>,
    scratch: Scratch,
}

impl<W: Write> Json<W> {
    /// Writes to `out`, which should be buffered.
    pub fn new(out: W) -> Self {
        Self {
            lines: JsonLines::new(out),
            scratch: Scratch::default(),
        }
    }
}

impl<W: Write, T: Shown> View<T> for Json<W> {
    fn start(&mut self, start: &Start, clock: &Clock) -> io::Result<()> {
        let row = StartRow::new(start, clock, &mut self.scratch);
        self.lines.row(&row)?;
        self.lines.flush()
    }

    fn show(&mut self, it: &T, around: &mut Context<'_>) -> io::Result<()> {
        self.lines.row(&it.row(around, &mut self.scratch))
    }

    fn lost(&mut self, events: u64) -> io::Result<()> {
        self.lines.row(&LostRow { events })
    }

    fn tells_losses(&self) -> bool {
        true
    }

    fn end(&mut self, end: &End) -> io::Result<()> {
        self.lines.row(&EndRow::new(end))
    }

    fn flush(&mut self) -> io::Result<()> {
        self.lines.flush()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        model::Transition,
        output::tests::{Taken, start},
    };

    /// Fails once.
    struct Full {
        taken: Taken,
        failed: bool,
    }

    impl Write for Full {
        fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
            if !std::mem::replace(&mut self.failed, true) {
                return Err(io::ErrorKind::StorageFull.into());
            }
            self.taken.write(bytes)
        }

        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }

    #[test]
    fn a_script_that_waits_for_the_first_line_gets_it() {
        let taken = Taken::default();
        let mut view = Json::new(taken.clone());
        View::<Transition>::start(&mut view, &start(), &Clock::ahead_by(0)).unwrap();
        assert!(taken.text().starts_with(r#"{"type":"start","#));
        assert!(View::<Transition>::tells_losses(&view));
    }

    #[test]
    fn many_lines_are_handed_over_before_anybody_asks() {
        let taken = Taken::default();
        let mut lines = JsonLines::new(taken.clone());
        for events in 0..10_000 {
            lines.row(&LostRow { events }).unwrap();
        }
        let before = taken.text().lines().count();
        assert!((1..10_000).contains(&before), "{before}");
        drop(lines);
        assert_eq!(taken.text().lines().count(), 10_000);
    }

    #[test]
    fn what_could_not_be_written_is_not_written_later() {
        let taken = Taken::default();
        let mut lines = JsonLines::new(Full {
            taken: taken.clone(),
            failed: false,
        });
        lines.row(&LostRow { events: 1 }).unwrap();
        lines.flush().unwrap_err();
        lines.row(&LostRow { events: 2 }).unwrap();
        lines.flush().unwrap();
        assert_eq!(taken.text(), "{\"type\":\"lost\",\"events\":2}\n");
    }
}
