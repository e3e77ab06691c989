//! The list of all entries.

use std::fmt::Write as _;

use super::Look;
use crate::{
    explain::{Book, Kind},
    language::Words,
};

/// Lists everything that can be explained, in sections, one line each where the terminal is wide
/// enough. `words`: those of [`Chapter::Explain`], in the language of the book.
///
/// [`Chapter::Explain`]: crate::language::Chapter::Explain
#[must_use]
pub fn contents(book: &Book, look: Look, words: &Words) -> String {
    let mut list = String::new();
    let style = look.palette.header();
    for kind in Kind::ALL {
        // Writing to a string does not fail.
        let _ = writeln!(list, "{style}{}{style:#}", words.word(kind.heading()));
        let widest = book
            .of(kind)
            .map(|entry| entry.name.len())
            .max()
            .unwrap_or_default();
        let hanging = " ".repeat((widest + 4).min(look.width / 2));
        for entry in book.of(kind) {
            let line = format!("  {:widest$}  {}", entry.name, entry.line);
            let options = look.options().subsequent_indent(&hanging);
            let _ = writeln!(list, "{}", textwrap::fill(&line, options));
        }
        list.push('\n');
    }
    list.push_str(&words.word("tells-more"));
    list.push('\n');
    list
}

#[cfg(test)]
mod tests {
    use unicode_width::UnicodeWidthStr as _;

    use super::*;
    use crate::{
        language::{Chapter, Language},
        output::Palette,
    };

    #[test]
    fn everything_is_listed_with_one_line_of_at_most_80_columns() {
        for language in Language::ALL {
            let book = Book::read(language).unwrap();
            let words = Words::of(Chapter::Explain, language).unwrap();
            let look = Look::new(Some(80), false, Palette::plain());
            let list = contents(&book, look, &words);
            for entry in book.entries() {
                let listed = list.lines().any(|line| {
                    line.trim_start().starts_with(&format!("{} ", entry.name))
                        && line.ends_with(&format!("  {}", entry.line))
                });
                assert!(listed, "{} is not in one line:\n{list}", entry.name);
            }
            for line in list.lines() {
                assert!(line.width() <= 80, "{line}");
            }
        }
    }
}
