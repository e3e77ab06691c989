//! Figures as CSV: a line a state, of all and of each group.

use std::io::{self, Write};

use crate::{
    aggregate::stats::{By, Period, StateFigures},
    host::Clock,
    model::State,
    output::{
        Context, Scratch, Start, View,
        csv::CsvLines,
        rows::{GroupValue, ShownGroup, StateLine},
    },
};

/// Writes CSV. What is unknown is an empty field.
pub struct StatsCsv<W: Write> {
    lines: CsvLines<W>,
    scratch: Scratch,
}

impl<W: Write> StatsCsv<W> {
    /// Writes to `out`.
    pub fn new(out: W) -> Self {
        Self {
            lines: CsvLines::new(out),
            scratch: Scratch::default(),
        }
    }

    fn line(
        &mut self,
        period: &Period<'_>,
        around: &Context<'_>,
        group: Option<(By, &GroupValue)>,
        (state, figures): (State, &StateFigures),
        now: Option<u64>,
    ) -> io::Result<()> {
        let held = &figures.held;
        self.lines.row(&StateLine {
            time: self.scratch.time.of(around.clock.wall(period.to_ns)),
            span: period.span,
            period_ns: period.ns(),
            by: group.map(|(by, _)| by),
            value: group.map(|(_, value)| value),
            state,
            entered: figures.entered,
            left: figures.left,
            retried: figures.retried,
            now,
            held_p50_ns: held.quantile(0.5),
            held_p90_ns: held.quantile(0.9),
            held_p99_ns: held.quantile(0.99),
            held_max_ns: held.max(),
        })
    }
}

impl<W: Write> View<Period<'_>> for StatsCsv<W> {
    fn start(&mut self, _: &Start, _: &Clock) -> io::Result<()> {
        self.lines.header::<StateLine<'_>>()?;
        self.lines.flush()
    }

    fn show(&mut self, period: &Period<'_>, around: &mut Context<'_>) -> io::Result<()> {
        for (state, figures) in period.figures.states.iter() {
            let now = period.now.map(|now| now.now(state));
            self.line(period, around, None, (state, figures), now)?;
        }
        let Some(by) = period.figures.by else {
            return Ok(());
        };
        for it in ShownGroup::all(period, around.cgroups) {
            for (state, figures) in it.figures.states.iter() {
                let now = period.now.map(|now| it.now(now, state));
                let group = Some((by, &it.value));
                self.line(period, around, group, (state, figures), now)?;
            }
        }
        Ok(())
    }

    fn flush(&mut self) -> io::Result<()> {
        self.lines.flush()
    }
}
