//! Where the screen is drawn: nothing is put outside of it.

use ratatui::{buffer::Buffer, layout::Rect, style::Style};
use unicode_width::UnicodeWidthChar as _;

use super::theme::Theme;
use crate::model::{Reason, State};

/// What something is, as far as it has a colour.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Tone {
    /// Nothing special.
    Plain,
    /// Less important.
    Faint,
    /// A heading.
    Heading,
    /// The tab, or the column, that is chosen.
    Chosen,
    /// The row that is selected.
    Selected,
    /// Out of the ordinary.
    Trouble,
    /// A state.
    State(State),
    /// A reason.
    Reason(Reason),
}

/// A part of the screen.
pub struct Canvas<'a> {
    buffer: &'a mut Buffer,
    area: Rect,
    theme: &'a Theme,
    ascii: bool,
}

impl<'a> Canvas<'a> {
    /// All of it.
    #[must_use]
    pub fn new(buffer: &'a mut Buffer, theme: &'a Theme, ascii: bool) -> Self {
        let area = buffer.area;
        Self {
            buffer,
            area,
            theme,
            ascii,
        }
    }

    /// A part of it: so many columns from the left and lines from above, and no more than these.
    #[must_use]
    pub fn part(&mut self, x: u16, y: u16, width: u16, height: u16) -> Canvas<'_> {
        let x = x.min(self.area.width);
        let y = y.min(self.area.height);
        Canvas {
            area: Rect {
                x: self.area.x + x,
                y: self.area.y + y,
                width: width.min(self.area.width - x),
                height: height.min(self.area.height - y),
            },
            buffer: self.buffer,
            theme: self.theme,
            ascii: self.ascii,
        }
    }

    /// Its columns.
    #[must_use]
    pub fn width(&self) -> u16 {
        self.area.width
    }

    /// Its lines.
    #[must_use]
    pub fn height(&self) -> u16 {
        self.area.height
    }

    /// Puts a text, as far as there is room; gives the column behind it.
    pub fn put(&mut self, x: u16, y: u16, text: &str, tone: Tone) -> u16 {
        self.put_within(x, y, self.area.width.saturating_sub(x), text, tone)
    }

    /// The same, in so many columns at the most.
    pub fn put_within(&mut self, x: u16, y: u16, width: u16, text: &str, tone: Tone) -> u16 {
        if x >= self.area.width || y >= self.area.height {
            return x;
        }
        let width = width.min(self.area.width - x);
        let style = self.theme.style(tone);
        // What is left out of a text is said.
        let columns = columns(text);
        let (end, _) = match columns > usize::from(width) && width > 0 {
            false => self.set(x, y, text, width, style),
            true => {
                let (end, y) = self.set(x, y, text, width - 1, style);
                self.set(end, y, if self.ascii { "~" } else { "…" }, 1, style)
            }
        };
        end
    }

    fn set(&mut self, x: u16, y: u16, text: &str, width: u16, style: Style) -> (u16, u16) {
        let (at_x, at_y) = (self.area.x + x, self.area.y + y);
        let (end, _) = if self.ascii && !text.is_ascii() {
            let text: String = text.chars().map(ascii).collect();
            self.buffer
                .set_stringn(at_x, at_y, text, usize::from(width), style)
        } else {
            self.buffer
                .set_stringn(at_x, at_y, text, usize::from(width), style)
        };
        (end - self.area.x, y)
    }

    /// Puts a text that ends in front of a column.
    pub fn put_before(&mut self, x: u16, y: u16, text: &str, tone: Tone) {
        let width = u16::try_from(columns(text)).unwrap_or(u16::MAX);
        self.put_within(x.saturating_sub(width), y, width.min(x), text, tone);
    }

    /// Gives a line a look, whatever stands there.
    pub fn mark_line(&mut self, y: u16, tone: Tone) {
        if y < self.area.height {
            let line = Rect {
                y: self.area.y + y,
                height: 1,
                ..self.area
            };
            self.buffer.set_style(line, self.theme.style(tone));
        }
    }

    /// Empties it.
    pub fn clear(&mut self) {
        for position in self.area.positions() {
            self.buffer[position].reset();
        }
    }

    /// Draws a frame around it.
    pub fn frame(&mut self, title: &str) {
        let (width, height) = (self.area.width, self.area.height);
        if width < 2 || height < 2 {
            return;
        }
        let line = "─".repeat(usize::from(width - 2));
        self.put(0, 0, &format!("┌{line}┐"), Tone::Faint);
        for y in 1..height - 1 {
            self.put(0, y, "│", Tone::Faint);
            self.put(width - 1, y, "│", Tone::Faint);
        }
        self.put(0, height - 1, &format!("└{line}┘"), Tone::Faint);
        self.put_within(2, 0, width - 4.min(width), title, Tone::Heading);
    }
}

/// How many columns a text takes.
#[must_use]
pub fn columns(text: &str) -> usize {
    ratatui::text::Line::raw(text).width()
}

/// The beginning of a text, as far as it has room in so many columns.
#[must_use]
pub fn beginning(text: &str, width: usize) -> &str {
    &text[..within(text.char_indices(), width).map_or(0, |(at, it)| at + it.len_utf8())]
}

/// The end of a text, as far as it has room in so many columns.
#[must_use]
pub fn ending(text: &str, width: usize) -> &str {
    &text[within(text.char_indices().rev(), width).map_or(text.len(), |(at, _)| at)..]
}

/// The last character that still has room.
fn within(characters: impl Iterator<Item = (usize, char)>, width: usize) -> Option<(usize, char)> {
    let mut left = width;
    let fit = characters.map_while(|(at, it)| {
        left = left.checked_sub(it.width().unwrap_or(0))?;
        Some((at, it))
    });
    fit.last()
}

/// A text with blanks behind it, up to so many columns.
#[must_use]
pub fn padded(text: &str, width: usize) -> String {
    let blanks = width.saturating_sub(columns(text));
    format!("{text}{}", " ".repeat(blanks))
}

fn ascii(character: char) -> char {
    match character {
        '┌' | '┐' | '└' | '┘' | '├' | '┤' | '┬' | '┴' | '┼' => '+',
        '─' | '–' => '-',
        '│' => '|',
        '▶' | '▸' => '>',
        '◀' => '<',
        '▼' | '↓' => 'v',
        '▲' | '↑' => '^',
        '█' | '▇' => '#',
        '●' => '*',
        '→' => '>',
        'µ' => 'u',
        '≥' => '>',
        '…' => '~',
        it if it.is_ascii() => it,
        _ => '?',
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::screen::theme::ThemeName;

    #[test]
    fn no_character_is_cut_in_half() {
        assert_eq!(beginning("状态机", 4), "状态");
        assert_eq!(beginning("状态机", 5), "状态");
        assert_eq!(beginning("Machine", 4), "Mach");
        assert_eq!(beginning("机", 1), "");
        assert_eq!(ending("a状态", 4), "状态");
        assert_eq!(ending("a状态", 3), "态");
        assert_eq!(ending("abc", 9), "abc");
        assert_eq!(ending("机", 0), "");
        assert_eq!(padded("按键", 6), "按键  ");
        assert_eq!(padded("long", 2), "long");
    }

    #[test]
    fn what_has_no_room_is_left_out_by_columns() {
        let theme = Theme::of(ThemeName::Plain);
        for (text, width, expected) in [
            ("状态机", 6, "状态机"),
            ("状态机", 5, "状态…"),
            ("状态机", 4, "状…"),
            ("状态机", 3, "状…"),
            ("状态机", 2, "…"),
            ("状态机", 1, "…"),
        ] {
            let mut buffer = Buffer::empty(Rect::new(0, 0, 8, 1));
            let mut canvas = Canvas::new(&mut buffer, &theme, false);
            let end = canvas.put_within(0, 0, width, text, Tone::Plain);
            assert!(end <= width, "{end}");
            let cells = buffer.content.iter();
            let shown: String = cells.map(|it| it.symbol().trim()).collect();
            assert_eq!(shown, expected, "{width}");
        }
    }

    #[test]
    fn what_stands_in_front_of_a_column_ends_there() {
        let theme = Theme::of(ThemeName::Plain);
        let mut buffer = Buffer::empty(Rect::new(0, 0, 8, 1));
        Canvas::new(&mut buffer, &theme, false).put_before(7, 0, "现有", Tone::Plain);
        assert_eq!(buffer[(3, 0)].symbol(), "现");
        assert_eq!(buffer[(5, 0)].symbol(), "有");
        assert_eq!(buffer[(7, 0)].symbol(), " ");
    }
}
