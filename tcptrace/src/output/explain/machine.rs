//! The state machine, drawn: all of it, or a state with the ways into it and out of it.

use std::fmt::Write as _;

use super::{Look, wrapping};
use crate::{
    language::{Language, Words},
    model::State,
};

/// Each state stands between two blanks on either side, where its mark goes.
const fn machine(language: Language) -> &'static str {
    match language {
        Language::English => include_str!("machine.txt"),
        Language::Chinese => include_str!("machine.zh.txt"),
    }
}

/// Columns of the drawing.
const WIDTH: usize = 78;

/// Columns on the left of the line from state to state.
const SPINE: usize = 16;
/// Columns for words on its right, at the least.
const WORDS: usize = 12;

/// The ways of the drawing: from a state, to a state, and the id of the words for what leads there.
const WAYS: [(State, State, &str); 15] = [
    (State::Closed, State::SynSent, "way-connect"),
    (State::Closed, State::Listen, "way-listen"),
    (State::Listen, State::SynRecv, "way-syn-received"),
    (State::SynSent, State::SynRecv, "way-syns-crossed"),
    (State::SynSent, State::Established, "way-syn-ack-received"),
    (State::SynRecv, State::Established, "way-ack-received"),
    (State::Established, State::FinWait1, "way-closes"),
    (State::Established, State::CloseWait, "way-peer-closes"),
    (State::FinWait1, State::FinWait2, "way-fin-acked"),
    (State::FinWait1, State::Closing, "way-fin-received"),
    (State::FinWait2, State::TimeWait, "way-fin-received"),
    (State::Closing, State::TimeWait, "way-fin-acked"),
    (State::CloseWait, State::LastAck, "way-fin-sent"),
    (State::LastAck, State::Closed, "way-fin-acked"),
    (State::TimeWait, State::Closed, "way-time-over"),
];

/// Draws the state machine, with one state marked; on short lines that state and its neighbours;
/// `None` where the lines are too short for these, too.
pub(super) fn draw(marked: State, look: Look, words: &Words) -> Option<String> {
    let drawing = if look.width >= WIDTH {
        machine(words.language()).to_owned()
    } else {
        neighbours(marked, look.width.checked_sub(SPINE + 2)?, words)?
    };
    let drawing = if look.ascii {
        drawing.chars().map(ascii).collect()
    } else {
        drawing
    };
    let mark = if look.ascii { '*' } else { '●' };
    let style = look.palette.marked(marked);
    Some(drawing.replace(
        &format!("  {marked}  "),
        &format!("{style}{mark} {marked} {mark}{style:#}"),
    ))
}

/// A state, above it the states that lead to it, and below it those that it leads to. `room` is for
/// the words on the right.
fn neighbours(state: State, room: usize, words: &Words) -> Option<String> {
    if room < WORDS {
        return None;
    }
    let ways_in: Vec<_> = WAYS.iter().filter(|(_, to, _)| *to == state).collect();
    let ways_out: Vec<_> = WAYS.iter().filter(|(from, ..)| *from == state).collect();
    let mut drawing = String::new();
    let blank = " ".repeat(SPINE);
    for (index, (from, _, way)) in ways_in.iter().enumerate() {
        let corner = if index == 0 { '┐' } else { '┤' };
        let line = "─".repeat(SPINE - 3 - from.name().len());
        let name = format!("  {from} {line}{corner}");
        let said = words.word(way);
        beside(&mut drawing, &name, &format!("{blank}│"), &said, room);
    }
    // Writing to a string does not fail.
    let _ = writeln!(drawing, "{blank}▼");
    let (indent, edge) = (" ".repeat(SPINE - 8), "─".repeat(15));
    let _ = writeln!(drawing, "{indent}┌{edge}┐");
    let _ = writeln!(drawing, "{indent}│{:^15}│", state.name());
    let _ = writeln!(drawing, "{indent}└───────┬───────┘");
    for (index, (_, to, way)) in ways_out.iter().enumerate() {
        let (corner, below) = if index + 1 == ways_out.len() {
            ('┘', ' ')
        } else {
            ('┤', '│')
        };
        let line = "─".repeat(SPINE - 4 - to.name().len());
        let name = format!("  {to} ◀{line}{corner}");
        let said = words.word(way);
        beside(&mut drawing, &name, &format!("{blank}{below}"), &said, room);
    }
    Some(drawing)
}

/// Writes a way, and on its right what leads there; further lines of that are beside `below`.
fn beside(drawing: &mut String, way: &str, below: &str, words: &str, room: usize) {
    for (index, words) in textwrap::wrap(words, wrapping(room)).iter().enumerate() {
        let left = if index == 0 { way } else { below };
        let _ = writeln!(drawing, "{left} {words}");
    }
}

fn ascii(character: char) -> char {
    match character {
        '┌' | '┐' | '└' | '┘' | '├' | '┤' | '┬' => '+',
        '─' => '-',
        '│' => '|',
        '▶' => '>',
        '◀' => '<',
        '▼' => 'v',
        '▲' => '^',
        other => other,
    }
}

#[cfg(test)]
mod tests {
    use unicode_width::UnicodeWidthStr as _;

    use super::*;
    use crate::{
        language::Chapter,
        output::{Colour, Palette},
    };

    fn drawn_in(language: Language, state: State, look: Look) -> Option<String> {
        draw(state, look, &Words::of(Chapter::Explain, language).unwrap())
    }

    fn draw_it(state: State, look: Look) -> Option<String> {
        drawn_in(Language::English, state, look)
    }

    fn look(ascii: bool) -> Look {
        Look::new(None, ascii, Palette::plain())
    }

    #[test]
    fn the_state_asked_for_is_marked_and_no_other() {
        for state in State::ALL {
            let drawing = draw_it(state, look(false)).unwrap();
            let times = if state == State::Closed { 2 } else { 1 };
            assert_eq!(
                drawing.matches(&format!("● {state} ●")).count(),
                times,
                "{state}"
            );
            assert_eq!(drawing.matches('●').count(), 2 * times, "{state}");
        }
    }

    #[test]
    fn the_mark_is_coloured() {
        let palette = Palette::stdout(Colour::Always);
        let drawing = draw_it(State::TimeWait, Look::new(None, false, palette)).unwrap();
        let line = drawing.lines().find(|line| line.contains('●')).unwrap();
        assert!(line.contains("\x1b[") && line.contains("\x1b[0m"), "{line}");
        assert_eq!(
            drawing.matches('\x1b').count(),
            line.matches('\x1b').count()
        );
    }

    #[test]
    fn lines_are_as_wide_with_the_mark_and_fit_80_columns() {
        for language in Language::ALL {
            for state in State::ALL {
                let drawing = drawn_in(language, state, look(false)).unwrap();
                for (line, plain) in drawing.lines().zip(machine(language).lines()) {
                    assert_eq!(line.width(), plain.width());
                    assert!(line.width() <= WIDTH, "{line}");
                }
            }
        }
    }

    #[test]
    fn ascii_has_the_same_drawing() {
        let drawing = draw_it(State::LastAck, look(true)).unwrap();
        assert!(drawing.is_ascii(), "{drawing}");
        assert!(drawing.contains("| * LAST_ACK *  |"), "{drawing}");
    }

    /// The names of states that are drawn, the marked one but once.
    fn drawn(state: State, columns: usize) -> Vec<State> {
        let look = Look::new(Some(columns), false, Palette::plain());
        let drawing = draw_it(state, look).unwrap();
        let words: Vec<&str> = drawing.split_whitespace().collect();
        State::ALL
            .into_iter()
            .filter(|state| words.contains(&state.name()))
            .collect()
    }

    #[test]
    fn a_terminal_too_narrow_for_it_gets_the_state_and_its_neighbours() {
        assert_eq!(drawn(State::TimeWait, 78), State::ALL);
        assert_eq!(
            drawn(State::TimeWait, 77),
            [
                State::Closed,
                State::FinWait2,
                State::TimeWait,
                State::Closing
            ]
        );
        for columns in 30..WIDTH {
            for state in State::ALL {
                let look = Look::new(Some(columns), false, Palette::plain());
                let drawing = draw_it(state, look).unwrap();
                let chinese = drawn_in(Language::Chinese, state, look).unwrap();
                for line in drawing.lines().chain(chinese.lines()) {
                    assert!(line.width() <= columns, "{columns}: {line}");
                    assert_eq!(line.trim_end(), line);
                }
                assert!(drawing.contains(&format!("● {state} ●")), "{drawing}");
                assert_eq!(drawing.matches('●').count(), 2, "{drawing}");
            }
        }
        let narrower = Look::new(Some(29), false, Palette::plain());
        assert!(draw_it(State::Listen, narrower).is_none());
    }

    #[test]
    fn the_ways_are_those_of_the_drawing() {
        for language in Language::ALL {
            let words = Words::of(Chapter::Explain, language).unwrap();
            for (_, _, way) in WAYS {
                let said = words.word(way);
                assert!(machine(language).contains(&said), "{said}");
            }
        }
        for state in State::ALL {
            assert!(WAYS.iter().any(|(from, ..)| *from == state), "{state}");
            assert!(WAYS.iter().any(|(_, to, _)| *to == state), "{state}");
        }
        // Every way begins or ends with an arrow.
        let arrows = |drawing: &str| drawing.matches(['▶', '◀', '▼', '▲']).count();
        for language in Language::ALL {
            assert_eq!(arrows(machine(language)), WAYS.len());
        }
    }
}
