//! A line of a table.

use std::{
    fmt::{self, Write as _},
    io::{self, Write},
};

use anstyle::Style;
use unicode_width::{UnicodeWidthChar as _, UnicodeWidthStr as _};

/// A line in the making, cut at the width of the terminal.
#[derive(Default)]
pub struct Line {
    text: String,
    cell: String,
    /// Columns so far, and where the line ends.
    used: usize,
    width: usize,
}

impl Line {
    /// Begins a line that is cut at so many columns.
    pub fn clear(&mut self, width: usize) {
        self.text.clear();
        self.used = 0;
        self.width = width;
    }

    /// A column, flush left.
    pub fn column(&mut self, style: Style, width: usize, value: impl fmt::Display) {
        self.cell(style, width, value, false);
    }

    /// A column, flush right: for numbers.
    pub fn right(&mut self, style: Style, width: usize, value: impl fmt::Display) {
        self.cell(style, width, value, true);
    }

    fn cell(&mut self, style: Style, width: usize, value: impl fmt::Display, right: bool) {
        self.cell.clear();
        // Writing to a string does not fail.
        let _ = write!(self.cell, "{value}");
        if self.used > 0 {
            self.push(" ");
        }
        let padding = width.saturating_sub(columns(&self.cell));
        if right {
            self.pad(padding);
        }
        let cell = std::mem::take(&mut self.cell);
        if style == Style::new() || cell.is_empty() {
            self.push(&cell);
        } else {
            let _ = write!(self.text, "{style}");
            self.push(&cell);
            let _ = write!(self.text, "{style:#}");
        }
        self.cell = cell;
        if !right {
            self.pad(padding);
        }
    }

    fn push(&mut self, text: &str) {
        let room = self.width - self.used;
        let length = columns(text);
        if length <= room {
            self.text.push_str(text);
            self.used += length;
        } else {
            self.text.push_str(cut(text, room));
            self.used = self.width;
        }
    }

    fn pad(&mut self, count: usize) {
        let count = count.min(self.width - self.used);
        self.text.extend(std::iter::repeat_n(' ', count));
        self.used += count;
    }

    /// What is in it so far.
    pub fn text(&self) -> &str {
        &self.text
    }

    /// Writes it, without blanks at its end.
    pub fn write(&mut self, out: &mut (impl Write + ?Sized)) -> io::Result<()> {
        self.text.truncate(self.text.trim_end_matches(' ').len());
        self.text.push('\n');
        out.write_all(self.text.as_bytes())
    }
}

/// The columns that a text takes in a terminal: most characters take one, some two or none.
pub(super) fn columns(text: &str) -> usize {
    if text.is_ascii() {
        text.len()
    } else {
        text.width()
    }
}

/// As much of the beginning of a text as so many columns hold.
pub(crate) fn cut(text: &str, room: usize) -> &str {
    let mut used = 0;
    let end = text.char_indices().find_map(|(index, character)| {
        used += character.width().unwrap_or(0);
        (used > room).then_some(index)
    });
    &text[..end.unwrap_or(text.len())]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn wide_characters_take_two_columns() {
        assert_eq!(columns("abc"), 3);
        assert_eq!(columns("größe→"), 6);
        assert_eq!(columns("数据库"), 6);
        assert_eq!(cut("数据库", 5), "数据");
        assert_eq!(cut("数据库", 6), "数据库");
        assert_eq!(cut("abc", 0), "");
    }
}
