//! Figures for people: sections, each with what matters most first.

use std::io::{self, Write};

use super::{
    sections::Sections,
    states::{self, Look},
};
use crate::{
    aggregate::stats::{By, Period, Span},
    host::Clock,
    output::{
        Context, Palette, Start, TimeFormat, View,
        duration::Human,
        line::Line,
        process::Program,
        rows::{GroupValue, ShownGroup, began, overflowed},
    },
};

/// So many groups are shown.
const GROUPS: usize = 10;

/// Writes reports as text.
pub struct StatsTable<W: Write> {
    out: W,
    palette: Palette,
    ascii: bool,
    time: TimeFormat,
    columns: Box<dyn FnMut() -> Option<usize>>,
    line: Line,
    first: bool,
}

impl<W: Write> StatsTable<W> {
    /// Writes to `out`, which should be buffered. `columns` tells the width of the terminal,
    /// whenever asked.
    pub fn new(
        out: W,
        palette: Palette,
        ascii: bool,
        utc: bool,
        columns: impl FnMut() -> Option<usize> + 'static,
    ) -> Self {
        Self {
            out,
            palette,
            ascii,
            time: TimeFormat::clock(1, utc),
            columns: Box::new(columns),
            line: Line::default(),
            first: true,
        }
    }

    fn title(&mut self, period: &Period<'_>, clock: &Clock, look: Look) -> io::Result<()> {
        if !std::mem::take(&mut self.first) {
            self.out.write_all(b"\n")?;
        }
        let from = self.time.write(began(period, clock)).to_owned();
        let to = self.time.write(clock.wall(period.to_ns)).to_owned();
        let ns = period.ns();
        let length = Human {
            ns,
            ascii: self.ascii,
        };
        let what = match period.span {
            Span::Interval => "",
            Span::Run => "in all: ",
        };
        self.line.clear(look.width);
        let title = format_args!(
            "{what}{from} to {to} ({length}), {} transitions",
            period.figures.transitions
        );
        self.line.column(look.palette.header(), 0, title);
        self.line.write(&mut self.out)?;
        let events = period.figures.lost;
        if events > 0 {
            self.line.clear(look.width);
            let lost = format_args!("{events} events lost: all counts are too small");
            self.line.column(look.palette.trouble(), 0, lost);
            self.line.write(&mut self.out)?;
        }
        Ok(())
    }

    fn all_states(&mut self, period: &Period<'_>, look: Look) -> io::Result<()> {
        states::header(&mut self.out, &mut self.line, look)?;
        let mut told = false;
        for (state, figures) in period.figures.states.iter() {
            let now = period.now.map(|now| now.now(state));
            if states::is_told(figures, now) {
                told = true;
                states::one(&mut self.out, &mut self.line, look, state, figures, now)?;
            }
        }
        if !told {
            let nothing = match (period.figures.lost, period.now) {
                (0, Some(_)) => "no connections, and nothing happened",
                (0, None) => "nothing happened; what connections there are is not known",
                (_, Some(_)) => "no connections, and nothing that happened was seen",
                (_, None) => "nothing that happened was seen",
            };
            self.note(look, nothing)?;
        }
        Ok(())
    }

    fn groups(
        &mut self,
        period: &Period<'_>,
        around: &mut Context<'_>,
        look: Look,
    ) -> io::Result<()> {
        let Some(by) = period.figures.by else {
            return Ok(());
        };
        let groups = ShownGroup::all(period, around.cgroups);
        for it in groups.iter().take(GROUPS) {
            let value = match &it.value {
                GroupValue::Text(Some(text)) => text.clone(),
                GroupValue::Number(Some(number)) => number.to_string(),
                GroupValue::Text(None) | GroupValue::Number(None) => none(by).to_owned(),
            };
            let comm = it.comm.as_ref().map_or("", |it| it.as_str());
            self.out.write_all(b"\n")?;
            self.line.clear(look.width);
            let style = look.palette.header();
            let title = format_args!("{} {value} {comm}", by.name()).to_string();
            let title = Program {
                comm: &title,
                ascii: look.ascii,
            }
            .to_string();
            self.line.column(style, 0, title.trim_end());
            let ended = format_args!("({} transitions)", it.figures.transitions);
            self.line.column(look.palette.faint(), 0, ended);
            self.line.write(&mut self.out)?;
            for (state, figures) in it.figures.states.iter() {
                let now = period.now.map(|now| it.now(now, state));
                if states::is_told(figures, now) {
                    states::one(&mut self.out, &mut self.line, look, state, figures, now)?;
                }
            }
        }
        if groups.len() > GROUPS {
            self.note(look, &format!("and {} more", groups.len() - GROUPS))?;
        }
        Ok(())
    }

    fn note(&mut self, look: Look, text: &str) -> io::Result<()> {
        self.line.clear(look.width);
        self.line.column(look.palette.faint(), 0, text);
        self.line.write(&mut self.out)
    }
}

/// What is said where a group has no value.
fn none(by: By) -> &'static str {
    match by {
        // Or it is unknown.
        By::Container | By::Pod | By::Unit => "none",
        _ => "unknown",
    }
}

impl<W: Write> View<Period<'_>> for StatsTable<W> {
    fn start(&mut self, _: &Start, _: &Clock) -> io::Result<()> {
        Ok(())
    }

    fn show(&mut self, period: &Period<'_>, around: &mut Context<'_>) -> io::Result<()> {
        let look = Look {
            palette: self.palette,
            ascii: self.ascii,
            width: (self.columns)().unwrap_or(usize::MAX),
        };
        self.title(period, around.clock, look)?;
        self.all_states(period, look)?;
        self.groups(period, around, look)?;
        Sections {
            out: &mut self.out,
            line: &mut self.line,
            look,
        }
        .write(period, around)?;
        let full = overflowed(period);
        if !full.is_empty() {
            let text = format!("too many to tell all apart: {}", full.join(", "));
            self.note(look, &text)?;
        }
        Ok(())
    }

    fn flush(&mut self) -> io::Result<()> {
        self.out.flush()
    }
}
