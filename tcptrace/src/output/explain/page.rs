//! One entry, laid out.

use std::fmt::Write as _;

use super::{Look, idle, machine};
use crate::{
    explain::{Entry, Kind},
    language::Words,
    model::State,
};

/// What stands under a heading.
const INDENT: &str = "  ";
/// Begins a line that is shown as it is.
const VERBATIM: &str = "| ";

/// Lays an entry out: its name, what it is in one line, and all that is to be said. `words`: those of
/// [`Chapter::Explain`], in the language of the entry.
///
/// [`Chapter::Explain`]: crate::language::Chapter::Explain
#[must_use]
pub fn page(entry: &Entry, look: Look, words: &Words) -> String {
    let mut page = String::new();
    let heading = look.palette.header();
    // Writing to a string does not fail.
    let _ = writeln!(
        page,
        "{heading}{}{heading:#}  ({})",
        entry.name,
        words.word(entry.kind().name())
    );
    wrap(&mut page, &entry.line, "", look);
    if entry.kind() == Kind::State
        && let Ok(state) = entry.name.parse::<State>()
        && let Some(drawing) = machine::draw(state, look, words)
    {
        let _ = writeln!(page, "\n{drawing}");
        wrap(&mut page, &words.word("anywhere"), INDENT, look);
    }
    for (name, text) in entry.parts() {
        let _ = writeln!(page, "\n{heading}{}{heading:#}", words.word(name));
        paragraphs(&mut page, &text, look);
    }
    if entry.name == "idle-timeouts" {
        page.push('\n');
        idle::list(&mut page, look, words);
    }
    if !entry.see.is_empty() {
        page.push('\n');
        wrap(
            &mut page,
            &words.say("see-also", [("names", entry.see.join(", ").into())]),
            "",
            look,
        );
    }
    page
}

fn paragraphs(page: &mut String, text: &str, look: Look) {
    let mut item_before = false;
    for (number, paragraph) in text.trim().split("\n\n").enumerate() {
        let item = paragraph.starts_with("- ");
        // Items of a list stand together.
        if number > 0 && !(item && item_before) {
            page.push('\n');
        }
        item_before = item;
        if paragraph.starts_with(VERBATIM) {
            for line in paragraph.lines() {
                let line = line.strip_prefix(VERBATIM).unwrap_or(line);
                let _ = writeln!(page, "{INDENT}{}", line.trim_end());
            }
        } else {
            wrap(page, paragraph, INDENT, look);
        }
    }
}

/// Fills lines with the words of a paragraph; those of an item are indented behind its dash.
pub(super) fn wrap(page: &mut String, paragraph: &str, indent: &str, look: Look) {
    let words = paragraph.split_whitespace().collect::<Vec<_>>().join(" ");
    let hanging = if words.starts_with("- ") {
        format!("{indent}  ")
    } else {
        indent.to_owned()
    };
    let options = look
        .options()
        .initial_indent(indent)
        .subsequent_indent(&hanging);
    page.push_str(&textwrap::fill(&words, options));
    page.push('\n');
}

#[cfg(test)]
mod tests {
    use unicode_width::UnicodeWidthStr as _;

    use super::*;
    use crate::{
        explain::Book,
        language::{Chapter, Language},
        output::Palette,
    };

    #[test]
    fn no_line_is_longer_than_the_terminal_is_wide() {
        for language in Language::ALL {
            let book = Book::read(language).unwrap();
            let words = Words::of(Chapter::Explain, language).unwrap();
            for columns in [80, 60, 40, 200] {
                let look = Look::new(Some(columns), false, Palette::plain());
                for entry in book.entries() {
                    for line in page(entry, look, &words).lines() {
                        assert!(line.width() <= columns.min(80), "{}: {line}", entry.name);
                    }
                }
            }
        }
    }

    #[test]
    fn chinese_breaks_between_characters_and_not_before_a_mark_or_in_a_name() {
        let look = Look::new(Some(20), false, Palette::plain());
        let mut shown = String::new();
        wrap(
            &mut shown,
            "收到对端的 FIN 之后，它在 /proc/sys/net/ipv4 里等待，直到结束。",
            "",
            look,
        );
        assert_eq!(
            shown,
            "收到对端的 FIN 之\n后，它在\n/proc/sys/net/ipv4\n里等待，直到结束。\n"
        );
    }

    #[test]
    fn an_ascii_terminal_gets_ascii() {
        let look = Look::new(None, true, Palette::plain());
        let words = Words::of(Chapter::Explain, Language::English).unwrap();
        for entry in Book::read(Language::English).unwrap().entries() {
            assert!(page(entry, look, &words).is_ascii(), "{}", entry.name);
        }
    }

    #[test]
    fn items_stand_together_behind_their_dash() {
        let mut shown = String::new();
        let look = Look::new(Some(20), false, Palette::plain());
        paragraphs(
            &mut shown,
            "Two:\n\n- the first\nof them\n\n- another\n\n| as  it is\n",
            look,
        );
        assert_eq!(
            shown,
            "  Two:\n\n  - the first of\n    them\n  - another\n\n  as  it is\n"
        );
    }
}
