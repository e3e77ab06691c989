//! The sections of a report below the states: who, where to, and why.

use std::{
    fmt,
    io::{self, Write},
};

use anstyle::Style;

use super::states::Look;
use crate::{
    aggregate::stats::Period,
    explain,
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

    fn heading(&mut self, text: fmt::Arguments<'_>) -> io::Result<()> {
        self.out.write_all(b"\n")?;
        self.line.clear(self.look.width);
        self.line.column(self.look.palette.header(), 0, text);
        self.line.write(self.out)
    }

    fn begin(&mut self) {
        self.line.clear(self.look.width);
    }

    fn ends(&mut self, period: &Period<'_>) -> io::Result<()> {
        let ends = &period.figures.ends;
        if ends.count() == 0 && ends.time_waits.is_empty() {
            return Ok(());
        }
        self.heading(format_args!("{} ended", Many(ends.count(), "connection")))?;
        for ((end, detail), count) in &ends.connections {
            let (style, text) = match end {
                FlowEnd::Graceful => (Style::new(), "FIN of each side"),
                FlowEnd::Reason(reason) => (
                    self.look.palette.reason(*reason),
                    explain::why(*reason, *detail),
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
            let text = format_args!("TIME_WAIT: {}", explain::why(*reason, None));
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
        self.heading(format_args!("{} failed", Many(all, "handshake")))?;
        for (failure, count) in failures {
            self.begin();
            self.line.right(Style::new(), COUNT, count);
            let state = self.look.palette.state(failure.state);
            self.line.column(state, 8, failure.state);
            let text = explain::why(failure.reason, failure.detail);
            let style = self.look.palette.reason(failure.reason);
            self.line.column(style, explain::WIDTH, text);
            self.line.write(self.out)?;
        }
        Ok(())
    }

    fn makers(&mut self, period: &Period<'_>, around: &mut Context<'_>) -> io::Result<()> {
        let rows = makers(period, around.links, ROWS);
        let made = period.figures.time_waits_made();
        let heading = match made {
            0 => "TIME_WAITs from before, by who made them".to_owned(),
            all => format!("{} made, by", Many(all, "TIME_WAIT")),
        };
        self.list(&heading, &rows, period.figures.makers.len(), around)
    }

    fn ports(&mut self, period: &Period<'_>, around: &mut Context<'_>) -> io::Result<()> {
        let rows = ports(period, around.links, ROWS);
        let heading = "Local ports taken, by destination";
        self.list(heading, &rows, rows.len(), around)
    }

    fn services(&mut self, period: &Period<'_>, around: &mut Context<'_>) -> io::Result<()> {
        let rows = services(period, around.links, ROWS);
        let heading = "Short connections (a request or two), by service";
        self.list(heading, &rows, period.figures.services.len(), around)
    }

    fn listeners(&mut self, period: &Period<'_>, around: &mut Context<'_>) -> io::Result<()> {
        let rows = listeners(period, around.links);
        let shown = &rows[..rows.len().min(ROWS)];
        self.list("SYNs received, by listener", shown, rows.len(), around)
    }

    fn retried(&mut self, period: &Period<'_>, around: &mut Context<'_>) -> io::Result<()> {
        let rows = retried(period, around.links, ROWS);
        let heading = "Handshakes that needed a SYN or SYN+ACK again, by service";
        self.list(heading, &rows, period.figures.retried.len(), around)
    }

    /// Writes the rows that are shown of a list, and how many more there are; nothing, if none is.
    fn list<T: Tabled>(
        &mut self,
        heading: &str,
        rows: &[T],
        all: usize,
        around: &mut Context<'_>,
    ) -> io::Result<()> {
        if rows.is_empty() {
            return Ok(());
        }
        self.heading(format_args!("{heading}"))?;
        let look = TableLook {
            language: crate::language::Language::English,
            palette: self.look.palette,
            ascii: self.look.ascii,
            utc: true,
        };
        let terminal = (self.look.width != usize::MAX).then_some(self.look.width);
        let mut table = Table::new(&mut *self.out, look, move || terminal).part();
        table.lay_out_for(rows, around);
        table.lines(rows, around)?;
        if all > rows.len() {
            table.note(format_args!("and {} more", all - rows.len()))?;
        }
        Ok(())
    }
}

/// So many of something: `1 connection`, `2 connections`.
struct Many(u64, &'static str);

impl fmt::Display for Many {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self(count, what) = self;
        let plural = if *count == 1 { "" } else { "s" };
        write!(f, "{count} {what}{plural}")
    }
}
