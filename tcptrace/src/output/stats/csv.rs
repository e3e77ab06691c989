//! Figures as CSV: a line a state, of all and of each group.

use std::io::{self, Write};

use serde::Serialize;

use super::report::GroupValue;
use crate::{
    aggregate::stats::{Period, Span, StateFigures},
    host::Clock,
    model::State,
    output::{Start, Surroundings, TimeFormat, View, cells::Cells, csv::io_error},
};

/// Writes CSV. What is unknown is an empty field.
pub struct StatsCsv<W: Write> {
    out: ::csv::Writer<Cells<W>>,
    time: TimeFormat,
}

const HEADER: [&str; 14] = [
    "time",
    "span",
    "period_ns",
    "by",
    "value",
    "state",
    "entered",
    "left",
    "retried",
    "now",
    "held_p50_ns",
    "held_p90_ns",
    "held_p99_ns",
    "held_max_ns",
];

#[derive(Serialize)]
struct Row<'a> {
    time: &'a str,
    span: Span,
    period_ns: u64,
    by: Option<&'a str>,
    value: Option<&'a GroupValue>,
    state: State,
    entered: u64,
    left: u64,
    retried: u64,
    now: Option<u64>,
    p50: Option<u64>,
    p90: Option<u64>,
    p99: Option<u64>,
    max: Option<u64>,
}

impl<W: Write> StatsCsv<W> {
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

    fn line(
        &mut self,
        period: &Period<'_>,
        around: &Surroundings<'_>,
        group: Option<(&'static str, &GroupValue)>,
        (state, figures): (State, &StateFigures),
        now: Option<u64>,
    ) -> io::Result<()> {
        let held = &figures.held;
        let row = Row {
            time: self.time.write(around.clock.wall(period.to_ns)),
            span: period.span,
            period_ns: period.to_ns.saturating_sub(period.from_ns),
            by: group.map(|(by, _)| by),
            value: group.map(|(_, value)| value),
            state,
            entered: figures.entered,
            left: figures.left,
            retried: figures.retried,
            now,
            p50: held.quantile(0.5),
            p90: held.quantile(0.9),
            p99: held.quantile(0.99),
            max: held.max(),
        };
        self.out.serialize(row).map_err(io_error)
    }
}

impl<W: Write> View<Period<'_>> for StatsCsv<W> {
    fn start(&mut self, _: &Start, _: &Clock) -> io::Result<()> {
        self.out.write_record(HEADER)?;
        self.flush()
    }

    fn show(&mut self, period: &Period<'_>, around: &mut Surroundings<'_>) -> io::Result<()> {
        for (state, figures) in period.figures.states.iter() {
            let now = period.now.map(|now| now.now(state));
            self.line(period, around, None, (state, figures), now)?;
        }
        let Some(by) = period.figures.by else {
            return Ok(());
        };
        let groups = &period.figures.groups;
        for (group, it) in groups.top(groups.len(), |it| it.transitions) {
            let value = GroupValue::new(group, around.cgroups);
            for (state, figures) in it.states.iter() {
                let now = period.now.map(|now| now.now_of(group, state));
                let named = Some((by.name(), &value));
                self.line(period, around, named, (state, figures), now)?;
            }
        }
        Ok(())
    }

    fn flush(&mut self) -> io::Result<()> {
        self.out.flush()
    }
}
