//! What the words of the page mean: as `tcptrace explain` has it.

use maud::{Markup, html};

use super::{
    Section,
    writing::{Anchor, Writing},
};
use crate::{
    explain::{Book, BookError, Entry, Kind},
    language::Language,
};

/// The explanations in a language. There are none but in English yet.
pub(super) fn book(language: Language) -> Result<Book, BookError> {
    match language {
        Language::English | Language::Chinese => Book::read(),
    }
}

/// The language that they are in.
const fn written_in(language: Language) -> Language {
    match language {
        Language::English | Language::Chinese => Language::English,
    }
}

pub(super) fn section(writing: &Writing<'_>) -> Section {
    let entries = writing.named();
    Section {
        id: "explained",
        heading: writing.word("explained"),
        body: html! {
            (writing.note("explained-note", []))
            div lang=(written_in(writing.language()).tag()) {
                @for kind in Kind::ALL {
                    @let of_it: Vec<&&Entry> = entries.iter().filter(|it| it.kind() == kind).collect();
                    @if !of_it.is_empty() {
                        h3 { (kind.heading()) }
                        @for entry in of_it { (explained(entry, writing)) }
                    }
                }
            }
        },
    }
}

fn explained(entry: &Entry, writing: &Writing<'_>) -> Markup {
    let default = entry.default.as_ref().map(|value| match &entry.unit {
        Some(unit) => format!("{value} {unit}"),
        None => value.clone(),
    });
    let parts = [
        ("Who is in it", &entry.who),
        ("How it ends", &entry.ends),
        ("How long", &entry.lasts),
        ("What to do", &entry.many),
        ("Where", &entry.file.clone().or_else(|| entry.how.clone())),
        ("Default", &default.or_else(|| entry.default_words.clone())),
        ("Mind", &entry.trap),
    ];
    html! {
        article.entry id=(Anchor(entry)) {
            h4 { (entry.name) }
            p.line { (entry.line) }
            (paragraphs(&entry.what))
            @for (heading, text) in parts {
                @if let Some(text) = text {
                    h5 { (heading) }
                    (paragraphs(text))
                }
            }
            @if !entry.see.is_empty() {
                p.see {
                    "See also: "
                    @for (at, name) in entry.see.iter().enumerate() {
                        @if at > 0 { ", " }
                        (writing.if_named(name))
                    }
                }
            }
        }
    }
}

/// Paragraphs, lists and lines that are shown as they are.
fn paragraphs(text: &str) -> Markup {
    let mut blocks: Vec<Markup> = Vec::new();
    let mut items: Vec<String> = Vec::new();
    let words = |text: &str| text.split_whitespace().collect::<Vec<_>>().join(" ");
    let list = |items: &mut Vec<String>| {
        let items = std::mem::take(items);
        html! { @if !items.is_empty() { ul { @for item in items { li { (marked(&item)) } } } } }
    };
    for paragraph in text.trim().split("\n\n") {
        if let Some(item) = paragraph.strip_prefix("- ") {
            items.push(words(item));
            continue;
        }
        blocks.push(list(&mut items));
        blocks.push(match paragraph.starts_with("| ") {
            true => {
                let lines = paragraph.lines();
                let lines: Vec<&str> = lines
                    .map(|it| it.strip_prefix("| ").unwrap_or(it))
                    .collect();
                html! { pre { (lines.join("\n")) } }
            }
            false => html! { p { (marked(&words(paragraph))) } },
        });
    }
    blocks.push(list(&mut items));
    html! { @for block in blocks { (block) } }
}

/// Text in which commands stand between backquotes.
fn marked(text: &str) -> Markup {
    html! {
        @for (at, part) in text.split('`').enumerate() {
            @if at % 2 == 1 { code { (part) } } @else { (part) }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn items_are_a_list_and_lines_stay_as_they_are() {
        let html = paragraphs("Two:\n\n- the `first`\nof them\n\n- <another>\n\n| as  it is\n");
        assert_eq!(
            html.into_string(),
            "<p>Two:</p><ul><li>the <code>first</code> of them</li><li>&lt;another&gt;</li></ul>\
             <pre>as  it is</pre>"
        );
    }
}
