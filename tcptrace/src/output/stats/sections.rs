//! The sections of a report below the states: who, where to, and why.

use std::io::{self, Write};

use anstyle::Style;

use super::states::Look;
use crate::{
    aggregate::stats::Period,
    explain,
    language::{Arg, table_words, why},
    model::FlowEnd,
    output::{
        Context, Table, TableLook, Tabled,
        line::Line,
        rows::{listeners, makers, ports, retried, services},
    },
};

/// So many rows of each.
const ROWS: usize = 10;
const COUNT: usize = 9;

/// What writes the sections.
pub(super) struct Sections<'a, W> {
    pub out: &'a mut W,
    pub line: &'a mut Line,
    pub look: Look,
}

impl<W: Write> Sections<'_, W> {
    /// Writes all that there is anything to tell of.
    pub fn write(&mut self, period: &Period<'_>, around: &mut Context<'_>) -> io::Result<()> {
        self.ends(period)?;
        self.failures(period)?;
        self.makers(period, around)?;
        self.ports(period, around)?;
        self.services(period, around)?;
        self.listeners(period, around)?;
        self.retried(period, around)
    }

    /// A heading that says how many there are.
    fn counted(&mut self, id: &str, count: u64) -> io::Result<()> {
        let text = table_words(self.look.language).say(id, many(count));
        self.heading(&text)
    }

    fn heading(&mut self, text: &str) -> io::Result<()> {
        self.out.write_all(b"\n")?;
        self.line.clear(self.look.width);
        self.line.column(self.look.palette.header(), 0, text);
        self.line.write(self.out)
    }

    fn begin(&mut self) {
        self.line.clear(self.look.width);
    }

    fn ends(&mut self, period: &Period<'_>) -> io::Result<()> {
        let words = table_words(self.look.language);
        let ends = &period.figures.ends;
        if ends.count() == 0 && ends.time_waits.is_empty() {
            return Ok(());
        }
        self.counted("connections-ended", ends.count())?;
        for ((end, detail), count) in &ends.connections {
            let (style, text) = match end {
                FlowEnd::Graceful => (Style::new(), words.word("fin-of-each")),
                FlowEnd::Reason(reason) => (
                    self.look.palette.reason(*reason),
                    why(*reason, *detail, words.language()),
                ),
            };
            self.begin();
            self.line.right(Style::new(), COUNT, count);
            let share = *count as f64 * 100.0 / ends.count() as f64;
            self.line
                .right(Style::new(), 6, format_args!("{share:.1}%"));
            self.line.column(style, 0, text);
            self.line.write(self.out)?;
        }
        for (reason, count) in &ends.time_waits {
            self.begin();
            self.line.right(Style::new(), COUNT, count);
            self.line.right(Style::new(), 6, "");
            let why = why(*reason, None, words.language());
            let text = words.say("time-wait-because", [("why", why.into())]);
            self.line.column(self.look.palette.faint(), 0, text);
            self.line.write(self.out)?;
        }
        Ok(())
    }

    fn failures(&mut self, period: &Period<'_>) -> io::Result<()> {
        let failures = &period.figures.ends.failed_handshakes;
        if failures.is_empty() {
            return Ok(());
        }
        let all: u64 = failures.values().sum();
        self.counted("handshakes-failed", all)?;
        for (failure, count) in failures {
            self.begin();
            self.line.right(Style::new(), COUNT, count);
            let state = self.look.palette.state(failure.state);
            self.line.column(state, 8, failure.state);
            let text = why(failure.reason, failure.detail, self.look.language);
            let style = self.look.palette.reason(failure.reason);
            self.line.column(style, explain::WIDTH, text);
            self.line.write(self.out)?;
        }
        Ok(())
    }

    fn makers(&mut self, period: &Period<'_>, around: &mut Context<'_>) -> io::Result<()> {
        let rows = makers(period, around.links, ROWS);
        let made = period.figures.time_waits_made();
        let words = table_words(self.look.language);
        let heading = match made {
            0 => words.word("makers-before"),
            all => words.say("makers", many(all)),
        };
        self.list(heading, &rows, period.figures.makers.len(), around)
    }

    fn ports(&mut self, period: &Period<'_>, around: &mut Context<'_>) -> io::Result<()> {
        let rows = ports(period, around.links, ROWS);
        let heading = table_words(self.look.language).word("ports-taken");
        self.list(heading, &rows, rows.len(), around)
    }

    fn services(&mut self, period: &Period<'_>, around: &mut Context<'_>) -> io::Result<()> {
        let rows = services(period, around.links, ROWS);
        let heading = table_words(self.look.language).word("short-connections");
        self.list(heading, &rows, period.figures.services.len(), around)
    }

    fn listeners(&mut self, period: &Period<'_>, around: &mut Context<'_>) -> io::Result<()> {
        let rows = listeners(period, around.links);
        let shown = &rows[..rows.len().min(ROWS)];
        let heading = table_words(self.look.language).word("syns-received");
        self.list(heading, shown, rows.len(), around)
    }

    fn retried(&mut self, period: &Period<'_>, around: &mut Context<'_>) -> io::Result<()> {
        let rows = retried(period, around.links, ROWS);
        let heading = table_words(self.look.language).word("needed-again");
        self.list(heading, &rows, period.figures.retried.len(), around)
    }

    /// Writes the rows that are shown of a list, and how many more there are; nothing, if none is.
    fn list<T: Tabled>(
        &mut self,
        heading: String,
        rows: &[T],
        all: usize,
        around: &mut Context<'_>,
    ) -> io::Result<()> {
        if rows.is_empty() {
            return Ok(());
        }
        self.heading(&heading)?;
        let look = TableLook {
            language: self.look.language,
            palette: self.look.palette,
            ascii: self.look.ascii,
            utc: true,
        };
        let terminal = (self.look.width != usize::MAX).then_some(self.look.width);
        let mut table = Table::new(&mut *self.out, look, move || terminal).part();
        table.lay_out_for(rows, around);
        table.lines(rows, around)?;
        if all > rows.len() {
            let more = (all - rows.len()).to_string();
            let words = table_words(look.language);
            table.note(words.say("and-more", [("count", more.into())]))?;
        }
        Ok(())
    }
}

/// A number that decides over the words around it, and stands there without commas.
fn many(count: u64) -> [(&'static str, Arg<'static>); 2] {
    [
        ("number", Arg::Count(count)),
        ("count", count.to_string().into()),
    ]
}
