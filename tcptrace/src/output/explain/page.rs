//! One entry, laid out.

use std::fmt::Write as _;

use super::{Look, idle, machine};
use crate::explain::{Entry, Kind};
use crate::model::State;

/// What stands under a heading.
const INDENT: &str = "  ";
/// Begins a line that is shown as it is.
const VERBATIM: &str = "| ";

/// Lays an entry out: its name, what it is in one line, and all that is to be said.
#[must_use]
pub fn page(entry: &Entry, look: Look) -> String {
    let mut page = String::new();
    let heading = look.palette.header();
    // Writing to a string does not fail.
    let _ = writeln!(
        page,
        "{heading}{}{heading:#}  ({})",
        entry.name,
        entry.kind().name()
    );
    wrap(&mut page, &entry.line, "", look);
    if entry.kind() == Kind::State
        && let Ok(state) = entry.name.parse::<State>()
        && let Some(drawing) = machine::draw(state, look)
    {
        let _ = writeln!(page, "\n{drawing}");
        wrap(
            &mut page,
            "An RST, or no answer at all, leads to CLOSED from nearly everywhere.",
            INDENT,
            look,
        );
    }
    for (name, text) in parts(entry) {
        let _ = writeln!(page, "\n{heading}{name}{heading:#}");
        paragraphs(&mut page, &text, look);
    }
    if entry.name == "idle-timeouts" {
        page.push('\n');
        idle::list(&mut page, look);
    }
    if !entry.see.is_empty() {
        page.push('\n');
        wrap(
            &mut page,
            &format!("See also: {}", entry.see.join(", ")),
            "",
            look,
        );
    }
    page
}

fn parts(entry: &Entry) -> Vec<(&'static str, String)> {
    let (what, who, many) = match entry.kind() {
        Kind::State => ("What it is", "Who is in it", "When there are many"),
        Kind::Setting => ("What it does", "Who is in it", "When there are many"),
        Kind::Topic => ("How it goes", "Who is in it", "When there are many"),
        Kind::Verdict => ("What it means", "Who is to blame", "What to do"),
        Kind::Product => ("What it does", "Who is in it", "What to do"),
        _ => ("What it means", "Who is in it", "When it comes often"),
    };
    let usual = entry.default.as_ref().map(|value| match &entry.unit {
        Some(unit) => format!("{value} {unit}"),
        None => value.clone(),
    });
    [
        (what, Some(entry.what.clone())),
        (who, entry.who.clone()),
        ("How it ends", entry.ends.clone()),
        ("How long", entry.lasts.clone()),
        (many, entry.many.clone()),
        ("Where", entry.file.clone().or_else(|| entry.how.clone())),
        ("Default", usual.or_else(|| entry.default_words.clone())),
        ("Mind", entry.trap.clone()),
    ]
    .into_iter()
    .filter_map(|(name, text)| text.map(|text| (name, text)))
    .collect()
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
    use super::*;
    use crate::{explain::Book, output::Palette};

    #[test]
    fn no_line_is_longer_than_the_terminal_is_wide() {
        let book = Book::read().unwrap();
        for columns in [80, 60, 40, 200] {
            let look = Look::new(Some(columns), false, Palette::plain());
            for entry in book.entries() {
                for line in page(entry, look).lines() {
                    assert!(
                        line.chars().count() <= columns.min(80),
                        "{}: {line}",
                        entry.name
                    );
                }
            }
        }
    }

    #[test]
    fn an_ascii_terminal_gets_ascii() {
        let look = Look::new(None, true, Palette::plain());
        for entry in Book::read().unwrap().entries() {
            assert!(page(entry, look).is_ascii(), "{}", entry.name);
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
