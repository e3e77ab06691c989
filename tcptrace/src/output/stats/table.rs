//! Figures for people: sections, each with what matters most first.

use std::io::{self, Write};

use super::{
    sections::Sections,
    states::{self, Look},
};
use crate::{
    aggregate::stats::{By, Period, Span},
    host::Clock,
    language::{Language, table_words},
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
    language: Language,
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
        language: Language,
        utc: bool,
        columns: impl FnMut() -> Option<usize> + 'static,
    ) -> Self {
        Self {
            out,
            palette,
            ascii,
            language,
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
        let words = table_words(self.language);
        let title = words.say(
            "period",
            [
                ("from", from.into()),
                ("to", to.into()),
                ("length", length.to_string().into()),
                ("count", period.figures.transitions.to_string().into()),
            ],
        );
        let title = match period.span {
            Span::Interval => title,
            Span::Run => words.say("in-all", [("what", title.into())]),
        };
        self.line.clear(look.width);
        self.line.column(look.palette.header(), 0, title);
        self.line.write(&mut self.out)?;
        let events = period.figures.lost;
        if events > 0 {
            self.line.clear(look.width);
            let lost = words.say("lost-events", [("count", events.to_string().into())]);
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
                (0, Some(_)) => "nothing-at-all",
                (0, None) => "nothing-happened-unknown",
                (_, Some(_)) => "nothing-seen",
                (_, None) => "nothing-seen-unknown",
            };
            self.note(look, &table_words(self.language).word(nothing))?;
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
        let words = table_words(self.language);
        let groups = ShownGroup::all(period, around.cgroups);
        for it in groups.iter().take(GROUPS) {
            let value = match &it.value {
                GroupValue::Text(Some(text)) => text.clone(),
                GroupValue::Number(Some(number)) => number.to_string(),
                GroupValue::Text(None) | GroupValue::Number(None) => words.word(none(by)),
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
            let count = it.figures.transitions.to_string();
            let ended = words.say("group-transitions", [("count", count.into())]);
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
            let more = (groups.len() - GROUPS).to_string();
            self.note(look, &words.say("and-more", [("count", more.into())]))?;
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
            language: self.language,
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
            let words = table_words(self.language);
            let text = words.say("too-many", [("lists", full.join(", ").into())]);
            self.note(look, &text)?;
        }
        Ok(())
    }

    fn flush(&mut self) -> io::Result<()> {
        self.out.flush()
    }
}
