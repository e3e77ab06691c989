//! Entries of the book, laid out for a terminal.

mod contents;
mod idle;
mod machine;
mod page;

pub use self::{contents::contents, page::page};
use super::{Palette, wrapping::wrapping};

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

    /// For wrapping.
    pub(crate) fn options(&self) -> textwrap::Options<'static> {
        wrapping(self.width)
    }
}
