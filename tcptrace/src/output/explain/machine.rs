//! The state machine, drawn: all of it, or a state with the ways into it and out of it.

use std::fmt::Write as _;

use super::Look;
use crate::model::State;

/// Each state stands between two blanks on either side, where its mark goes.
const MACHINE: &str = include_str!("machine.txt");

/// Columns of the drawing.
const WIDTH: usize = 78;

/// Columns on the left of the line from state to state.
const SPINE: usize = 16;
/// Columns for words on its right, at the least.
const WORDS: usize = 12;

/// The ways of [`MACHINE`]: from a state, to a state, and what leads there.
const WAYS: [(State, State, &str); 15] = [
    (State::Closed, State::SynSent, "connect(): SYN sent"),
    (State::Closed, State::Listen, "listen()"),
    (State::Listen, State::SynRecv, "SYN received"),
    (State::SynSent, State::SynRecv, "SYN received: they crossed"),
    (State::SynSent, State::Established, "SYN+ACK received"),
    (State::SynRecv, State::Established, "ACK received"),
    (
        State::Established,
        State::FinWait1,
        "this side closes: FIN sent",
    ),
    (
        State::Established,
        State::CloseWait,
        "FIN received: the peer closes",
    ),
    (State::FinWait1, State::FinWait2, "FIN acked"),
    (State::FinWait1, State::Closing, "FIN received"),
    (State::FinWait2, State::TimeWait, "FIN received"),
    (State::Closing, State::TimeWait, "FIN acked"),
    (State::CloseWait, State::LastAck, "FIN sent"),
    (State::LastAck, State::Closed, "FIN acked"),
    (State::TimeWait, State::Closed, "60 s are over"),
];

/// Draws the state machine, with one state marked; on short lines that state and its neighbours;
/// `None` where the lines are too short for these, too.
pub(super) fn draw(marked: State, look: Look) -> Option<String> {
    let drawing = if look.width >= WIDTH {
        MACHINE.to_owned()
    } else {
        neighbours(marked, look.width.checked_sub(SPINE + 2)?)?
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
fn neighbours(state: State, room: usize) -> Option<String> {
    if room < WORDS {
        return None;
    }
    let ways_in: Vec<_> = WAYS.iter().filter(|(_, to, _)| *to == state).collect();
    let ways_out: Vec<_> = WAYS.iter().filter(|(from, ..)| *from == state).collect();
    let mut drawing = String::new();
    let blank = " ".repeat(SPINE);
    for (index, (from, _, words)) in ways_in.iter().enumerate() {
        let corner = if index == 0 { '┐' } else { '┤' };
        let line = "─".repeat(SPINE - 3 - from.name().len());
        let name = format!("  {from} {line}{corner}");
        beside(&mut drawing, &name, &format!("{blank}│"), words, room);
    }
    // Writing to a string does not fail.
    let _ = writeln!(drawing, "{blank}▼");
    let (indent, edge) = (" ".repeat(SPINE - 8), "─".repeat(15));
    let _ = writeln!(drawing, "{indent}┌{edge}┐");
    let _ = writeln!(drawing, "{indent}│{:^15}│", state.name());
    let _ = writeln!(drawing, "{indent}└───────┬───────┘");
    for (index, (_, to, words)) in ways_out.iter().enumerate() {
        let (corner, below) = if index + 1 == ways_out.len() {
            ('┘', ' ')
        } else {
            ('┤', '│')
        };
        let line = "─".repeat(SPINE - 4 - to.name().len());
        let name = format!("  {to} ◀{line}{corner}");
        beside(&mut drawing, &name, &format!("{blank}{below}"), words, room);
    }
    Some(drawing)
}

/// Writes a way, and on its right what leads there; further lines of that are beside `below`.
fn beside(drawing: &mut String, way: &str, below: &str, words: &str, room: usize) {
    for (index, words) in textwrap::wrap(words, room).iter().enumerate() {
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
    use super::*;
    use crate::output::{Colour, Palette};

    fn look(ascii: bool) -> Look {
        Look::new(None, ascii, Palette::plain())
    }

    #[test]
    fn the_state_asked_for_is_marked_and_no_other() {
        for state in State::ALL {
            let drawing = draw(state, look(false)).unwrap();
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
        let drawing = draw(State::TimeWait, Look::new(None, false, palette)).unwrap();
        let line = drawing.lines().find(|line| line.contains('●')).unwrap();
        assert!(line.contains("\x1b[") && line.contains("\x1b[0m"), "{line}");
        assert_eq!(
            drawing.matches('\x1b').count(),
            line.matches('\x1b').count()
        );
    }

    #[test]
    fn lines_are_as_wide_with_the_mark_and_fit_80_columns() {
        for state in State::ALL {
            let drawing = draw(state, look(false)).unwrap();
            for (line, plain) in drawing.lines().zip(MACHINE.lines()) {
                assert_eq!(line.chars().count(), plain.chars().count());
                assert!(line.chars().count() <= WIDTH, "{line}");
            }
        }
    }

    #[test]
    fn ascii_has_the_same_drawing() {
        let drawing = draw(State::LastAck, look(true)).unwrap();
        assert!(drawing.is_ascii(), "{drawing}");
        assert!(drawing.contains("| * LAST_ACK *  |"), "{drawing}");
    }

    /// The names of states that are drawn, the marked one but once.
    fn drawn(state: State, columns: usize) -> Vec<State> {
        let look = Look::new(Some(columns), false, Palette::plain());
        let drawing = draw(state, look).unwrap();
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
                let drawing = draw(state, look).unwrap();
                for line in drawing.lines() {
                    assert!(line.chars().count() <= columns, "{columns}: {line}");
                    assert_eq!(line.trim_end(), line);
                }
                assert!(drawing.contains(&format!("● {state} ●")), "{drawing}");
                assert_eq!(drawing.matches('●').count(), 2, "{drawing}");
            }
        }
        let narrower = Look::new(Some(29), false, Palette::plain());
        assert!(draw(State::Listen, narrower).is_none());
    }

    #[test]
    fn the_ways_are_those_of_the_drawing() {
        for (_, _, words) in WAYS {
            assert!(MACHINE.contains(words), "{words}");
        }
        for state in State::ALL {
            assert!(WAYS.iter().any(|(from, ..)| *from == state), "{state}");
            assert!(WAYS.iter().any(|(_, to, _)| *to == state), "{state}");
        }
        // Every way begins or ends with an arrow.
        let arrows = |drawing: &str| drawing.matches(['▶', '◀', '▼', '▲']).count();
        assert_eq!(arrows(MACHINE), WAYS.len());
    }
}
