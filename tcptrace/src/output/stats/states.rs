//! The figures of each state, a line each.

use std::io::{self, Write};

use anstyle::Style;

use super::spark::{self, Spark};
use crate::{
    aggregate::stats::{Durations, StateFigures},
    language::{Language, heading, table_words},
    model::State,
    output::{Palette, duration::Human, line::Line},
};

const STATE: usize = 11;
const COUNT: usize = 9;
const DURATION: usize = 6;
/// The columns that the widest line takes, without the histogram.
const NEEDS: usize = STATE + 3 * (COUNT + 1) + 4 * (DURATION + 1) + 1;

/// How a table of states looks.
#[derive(Clone, Copy)]
pub(super) struct Look {
    pub palette: Palette,
    pub ascii: bool,
    /// The language of words.
    pub language: Language,
    /// Lines are cut there.
    pub width: usize,
}

impl Look {
    /// Columns that the histogram has for a decade.
    fn fine(self) -> usize {
        match self.width {
            width if width >= NEEDS + spark::width(2) => 2,
            _ => 1,
        }
    }
}

/// Writes the heading.
pub(super) fn header(out: &mut impl Write, line: &mut Line, look: Look) -> io::Result<()> {
    let style = look.palette.header();
    line.clear(look.width);
    line.column(style, STATE, heading("STATE", look.language));
    let words = table_words(look.language);
    for id in ["state-entered", "state-left", "state-now"] {
        line.right(style, COUNT, words.word(id));
    }
    for name in ["P50", "P90", "P99", "MAX"] {
        line.right(style, DURATION, heading(name, look.language));
    }
    let scale = match (look.fine(), look.ascii) {
        (2, false) => "1µs … 1s … 1000s",
        (2, true) => "1us .. 1s .. 1000s",
        (_, false) => "1µs…1000s",
        (_, true) => "1us..1000s",
    };
    line.column(style, spark::width(look.fine()), scale);
    line.write(out)
}

/// Writes one state; `now`: how many are in it, if that is known.
pub(super) fn one(
    out: &mut impl Write,
    line: &mut Line,
    look: Look,
    state: State,
    figures: &StateFigures,
    now: Option<u64>,
) -> io::Result<()> {
    let plain = Style::new();
    line.clear(look.width);
    line.column(look.palette.state(state), STATE, state);
    line.right(plain, COUNT, figures.entered);
    line.right(plain, COUNT, figures.left);
    match now {
        Some(now) => line.right(plain, COUNT, now),
        None => line.right(look.palette.faint(), COUNT, "-"),
    }
    let held = &figures.held;
    let durations: [fn(&Durations) -> Option<u64>; 4] = [
        |held| held.quantile(0.5),
        |held| held.quantile(0.9),
        |held| held.quantile(0.99),
        Durations::max,
    ];
    for duration in durations {
        let ascii = look.ascii;
        match duration(held) {
            Some(ns) => line.right(plain, DURATION, Human { ns, ascii }),
            None => line.right(look.palette.faint(), DURATION, "-"),
        }
    }
    if held.count() > 0 {
        let spark = Spark {
            held,
            fine: look.fine(),
            ascii: look.ascii,
        };
        line.column(plain, 0, spark);
    }
    line.write(out)
}

/// Whether there is anything to tell of a state.
pub(super) fn is_told(figures: &StateFigures, now: Option<u64>) -> bool {
    figures.entered > 0 || figures.left > 0 || now.is_some_and(|now| now > 0)
}
