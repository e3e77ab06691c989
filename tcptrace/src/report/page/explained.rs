//! What the words of the page mean: as `tcptrace explain` has it.

use maud::{Markup, html};

use super::{
    Section,
    writing::{Anchor, Writing},
};
use crate::{
    explain::{Entry, Kind},
    language::Words,
};

pub(super) fn section(writing: &Writing<'_>) -> Section {
    let entries = writing.named();
    Section {
        id: "explained",
        heading: writing.word("explained"),
        body: html! {
            (writing.note("explained-note", []))
            div {
                @for kind in Kind::ALL {
                    @let of_it: Vec<&&Entry> = entries.iter().filter(|it| it.kind() == kind).collect();
                    @if !of_it.is_empty() {
                        h3 { (writing.explaining().word(kind.heading())) }
                        @for entry in of_it { (explained(entry, writing)) }
                    }
                }
            }
        },
    }
}

fn explained(entry: &Entry, writing: &Writing<'_>) -> Markup {
    let words = writing.explaining();
    let mut parts = entry.parts().into_iter();
    // What it is needs no heading.
    let what = parts.next().map_or(String::new(), |(_, text)| text);
    let see: Vec<Markup> = entry
        .see
        .iter()
        .map(|name| writing.if_named(name))
        .collect();
    html! {
        article.entry id=(Anchor(entry)) {
            h4 { (entry.name) }
            p.line { (entry.line) }
            (paragraphs(&what))
            @for (heading, text) in parts {
                h5 { (words.word(heading)) }
                (paragraphs(&text))
            }
            @if !see.is_empty() {
                p.see { (see_also(words, &see)) }
            }
        }
    }
}

/// The sentence that names what is near, with links in it.
fn see_also(words: &Words, names: &[Markup]) -> Markup {
    const PLACE: &str = "\u{0}";
    let said = words.say("see-also", [("names", PLACE.into())]);
    let (before, behind) = said.split_once(PLACE).unwrap_or((&said, ""));
    html! {
        (before)
        @for (at, name) in names.iter().enumerate() {
            @if at > 0 { ", " }
            (name)
        }
        (behind)
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
