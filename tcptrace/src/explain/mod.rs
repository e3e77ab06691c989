//! Plain words about states, reasons, settings and counters. The words are data, in `texts`; this
//! finds them, and lays them out for a terminal.

mod book;
mod contents;
mod idle;
mod lookup;
mod machine;
mod page;

pub use self::{
    book::{Book, BookError, Entry, Kind},
    contents::contents,
    lookup::UnknownWord,
    page::page,
};
use crate::view::Palette;

/// What the text is laid out for.
#[derive(Clone, Copy, Debug)]
pub struct Look {
    /// Columns of a line at the most.
    pub width: usize,
    /// Only characters of ASCII.
    pub ascii: bool,
    /// The colours.
    pub palette: Palette,
}

impl Look {
    /// Lines are no longer than that, however wide the terminal is: longer ones are hard to read.
    pub const WIDEST: usize = 80;
    /// Nor shorter than that, however narrow it is.
    const NARROWEST: usize = 20;

    /// For a terminal of so many columns, or a file (`None`).
    #[must_use]
    pub fn new(columns: Option<usize>, ascii: bool, palette: Palette) -> Self {
        Self {
            width: columns
                .unwrap_or(Self::WIDEST)
                .clamp(Self::NARROWEST, Self::WIDEST),
            ascii,
            palette,
        }
    }

    /// For wrapping: names with a dash in them stay in one piece.
    pub(crate) fn options(&self) -> textwrap::Options<'static> {
        textwrap::Options::new(self.width).word_splitter(textwrap::WordSplitter::NoHyphenation)
    }
}
