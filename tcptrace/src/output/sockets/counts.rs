//! How many sockets are in each state.

use std::io::{self, Write};

use crate::{
    host::Socket,
    language::{Language, heading, table_words},
    model::{SocketKind, State},
    output::{Palette, csv::CsvLines, json::JsonLines, line::Line, rows::CountRow},
};

/// Counts by state.
pub struct Counts(Vec<CountRow>);

impl Counts {
    /// Nothing yet. `states` are those that are told of, even if none is in them; all if empty.
    #[must_use]
    pub fn new(states: &[State]) -> Self {
        let told_of = |state: &State| states.is_empty() || states.contains(state);
        let none = |state| CountRow {
            state,
            sockets: 0,
            orphans: 0,
            minisocks: 0,
        };
        Self(State::ALL.into_iter().filter(told_of).map(none).collect())
    }

    /// Counts sockets.
    pub fn add(&mut self, sockets: &[Socket]) {
        for socket in sockets {
            if let Some(count) = self.0.iter_mut().find(|it| it.state == socket.state) {
                count.sockets += 1;
                count.orphans += usize::from(socket.orphan == Some(true));
                count.minisocks += usize::from(socket.kind == SocketKind::Minisock);
            }
        }
    }

    /// Writes JSON: one object a state.
    ///
    /// # Errors
    /// Whatever writing fails with; the same below.
    pub fn json(&self, out: &mut impl Write) -> io::Result<()> {
        let mut lines = JsonLines::new(out);
        self.0.iter().try_for_each(|count| lines.row(count))?;
        lines.flush()
    }

    /// Writes CSV, with a header line.
    ///
    /// # Errors
    /// See [`json`](Self::json).
    pub fn csv(&self, out: &mut impl Write) -> io::Result<()> {
        let mut lines = CsvLines::new(out);
        lines.header::<CountRow>()?;
        self.0.iter().try_for_each(|count| lines.row(count))?;
        lines.flush()
    }

    /// Writes a table, with the sums.
    ///
    /// # Errors
    /// See [`json`](Self::json).
    pub fn table(
        &self,
        out: &mut impl Write,
        palette: Palette,
        language: Language,
    ) -> io::Result<()> {
        let bold = palette.header();
        let mut line = Line::default();
        line.clear(usize::MAX);
        line.column(bold, 11, heading("STATE", language));
        for name in ["SOCKETS", "ORPHANS", "MINISOCKS"] {
            line.right(bold, 9, heading(name, language));
        }
        line.write(out)?;
        let all = self.0.iter().fold([0; 3], |sums, count| {
            [
                sums[0] + count.sockets,
                sums[1] + count.orphans,
                sums[2] + count.minisocks,
            ]
        });
        let sum = table_words(language).word("sum");
        let states = self.0.iter().map(|count| {
            (
                palette.state(count.state),
                count.state.name().to_owned(),
                [count.sockets, count.orphans, count.minisocks],
            )
        });
        for (style, name, numbers) in states.chain([(bold, sum, all)]) {
            line.clear(usize::MAX);
            line.column(style, 11, name);
            for number in numbers {
                line.right(anstyle::Style::new(), 9, number);
            }
            line.write(out)?;
        }
        Ok(())
    }
}
