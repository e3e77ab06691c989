//! The state machine, drawn.

use super::Look;
use crate::track::State;

/// Each state stands between two blanks on either side, where its mark goes.
const MACHINE: &str = include_str!("machine.txt");

/// Columns of the drawing.
const WIDTH: usize = 78;

/// Draws the state machine, with one state marked; `None` where the lines are too short for it.
pub(super) fn draw(marked: State, look: Look) -> Option<String> {
    if look.width < WIDTH {
        return None;
    }
    let drawing = if look.ascii {
        MACHINE.chars().map(ascii).collect()
    } else {
        MACHINE.to_owned()
    };
    let mark = if look.ascii { '*' } else { '●' };
    let style = look.palette.marked(marked);
    Some(drawing.replace(
        &format!("  {marked}  "),
        &format!("{style}{mark} {marked} {mark}{style:#}"),
    ))
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
    use crate::view::{Colour, Palette};

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

    #[test]
    fn a_terminal_too_narrow_for_it_gets_none() {
        assert!(draw(State::Listen, Look::new(Some(77), false, Palette::plain())).is_none());
        assert!(draw(State::Listen, Look::new(Some(78), false, Palette::plain())).is_some());
    }
}
