//! What all parts of the page are written by: words of a language, and links from words of TCP to what
//! is said of them.

use std::{cell::RefCell, collections::BTreeSet, fmt};

use maud::{Markup, PreEscaped, html};

use crate::{
    diagnose::Verdict,
    explain::{Book, Entry, Kind},
    language::{Arg, Language, Words},
    model::{Detail, Reason, State},
};

/// Words, and which of them were named.
pub(super) struct Writing<'a> {
    words: &'a Words,
    explaining: &'a Words,
    book: &'a Book,
    /// Entries that are named, by their place in the book.
    named: RefCell<BTreeSet<usize>>,
}

impl<'a> Writing<'a> {
    /// `explaining`: the words around what is explained.
    pub fn new(words: &'a Words, explaining: &'a Words, book: &'a Book) -> Self {
        Self {
            words,
            explaining,
            book,
            named: RefCell::default(),
        }
    }

    pub fn language(&self) -> Language {
        self.words.language()
    }

    /// A word, or a sentence without a place.
    pub fn word(&self, id: &str) -> String {
        self.words.word(id)
    }

    /// The words around what is explained.
    pub fn explaining(&self) -> &'a Words {
        self.explaining
    }

    /// A sentence.
    pub fn say<const N: usize>(&self, id: &str, places: [(&'static str, Arg<'_>); N]) -> String {
        self.words.say(id, places)
    }

    /// A sentence in which words between brackets lead to what is said of them. What is put into its
    /// places is nobody else's choice: a number, or a word of tcptrace's.
    pub fn prose<const N: usize>(&self, id: &str, places: [(&'static str, Arg<'_>); N]) -> Markup {
        let said = self.words.say(id, places);
        self.linked(&said)
    }

    /// A paragraph of such a sentence.
    pub fn note<const N: usize>(&self, id: &str, places: [(&'static str, Arg<'_>); N]) -> Markup {
        let said = self.words.say(id, places);
        html! { p.note { (self.linked(&said)) } }
    }

    fn linked(&self, said: &str) -> Markup {
        let mut rest = said;
        let mut written = String::new();
        while let Some((before, behind)) = rest.split_once('[') {
            let Some((name, after)) = behind.split_once(']') else {
                break;
            };
            written.push_str(&html! { (before) }.into_string());
            written.push_str(&self.term(name).into_string());
            rest = after;
        }
        written.push_str(&html! { (rest) }.into_string());
        PreEscaped(written)
    }

    /// A word, as a link to what is said of it; as it is, if nothing is.
    pub fn term(&self, name: &str) -> Markup {
        let mut entries = self.book.entries().iter().enumerate();
        match entries.find(|(_, it)| it.name == name) {
            Some((at, entry)) => self.link(at, entry),
            None => html! { code { (name) } },
        }
    }

    pub fn state(&self, it: State) -> Markup {
        self.of_kind(Kind::State, it.name())
    }

    pub fn reason(&self, it: Reason) -> Markup {
        self.of_kind(Kind::Reason, it.name())
    }

    pub fn detail(&self, it: Detail) -> Markup {
        self.of_kind(Kind::Detail, it.name())
    }

    pub fn verdict(&self, it: Verdict) -> Markup {
        self.of_kind(Kind::Verdict, it.name())
    }

    fn of_kind(&self, kind: Kind, name: &str) -> Markup {
        let mut entries = self.book.entries().iter().enumerate();
        match entries.find(|(_, it)| it.kind() == kind && it.name == name) {
            Some((at, entry)) => self.link(at, entry),
            None => html! { code { (name) } },
        }
    }

    fn link(&self, at: usize, entry: &Entry) -> Markup {
        self.named.borrow_mut().insert(at);
        html! { a.term href={ "#" (Anchor(entry)) } { (entry.name) } }
    }

    /// Entries that were named so far, in the order of the book.
    pub fn named(&self) -> Vec<&'a Entry> {
        let named = self.named.borrow();
        let entries = self.book.entries();
        named.iter().filter_map(|at| entries.get(*at)).collect()
    }

    /// A word, as a link only if it is explained anyway.
    pub fn if_named(&self, name: &str) -> Markup {
        let named = self.named.borrow();
        let mut entries = self.book.entries().iter().enumerate();
        let entry = entries.find(|(at, it)| it.name == name && named.contains(at));
        match entry {
            Some((_, entry)) => html! { a.term href={ "#" (Anchor(entry)) } { (name) } },
            None => html! { code { (name) } },
        }
    }

    /// Words that the script needs, as a block of data.
    pub fn labels(&self) -> Markup {
        let words = [
            ("filter", self.word("script-filter")),
            ("none", self.word("script-none")),
            ("open", self.word("script-open")),
            ("close", self.word("script-close")),
            ("whole", self.word("script-whole")),
            ("time", self.word("script-time")),
            ("sort", self.word("script-sort")),
        ];
        let object: serde_json::Map<String, serde_json::Value> = words
            .into_iter()
            .map(|(name, word)| (name.to_owned(), word.into()))
            .collect();
        data("labels", &serde_json::Value::Object(object))
    }
}

/// A block of data for the script. No value ends the block, whatever is in it.
pub(super) fn data(id: &str, value: &serde_json::Value) -> Markup {
    let json = value.to_string();
    let harmless = json
        .replace('<', "\\u003c")
        .replace('\u{2028}', "\\u2028")
        .replace('\u{2029}', "\\u2029");
    html! {
        script type="application/json" id=(id) { (PreEscaped(harmless)) }
    }
}

/// What a link to an entry names.
pub(super) struct Anchor<'a>(pub &'a Entry);

impl fmt::Display for Anchor<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let kind = self.0.kind().name();
        write!(f, "x-{kind}-")?;
        for it in self.0.name.chars() {
            match it {
                it if it.is_ascii_alphanumeric() || it == '_' => write!(f, "{it}")?,
                _ => f.write_str("-")?,
            }
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::language::Chapter;

    #[test]
    fn no_value_ends_a_block_of_data() {
        let value = serde_json::json!({ "name": "</script><!--\u{2028}\u{2029}" });
        let block = data("it", &value).into_string();
        assert_eq!(
            block,
            "<script type=\"application/json\" id=\"it\">{\"name\":\"\\u003c/script>\\u003c!--\
             \\u2028\\u2029\"}</script>"
        );
    }

    #[test]
    fn words_between_brackets_lead_to_what_is_said_of_them() {
        let words = Words::of(Chapter::Report, Language::English).unwrap();
        let book = Book::read(Language::English).unwrap();
        let writing = Writing::new(
            &words,
            Words::kept(Chapter::Explain, Language::English),
            &book,
        );
        assert_eq!(
            writing
                .linked("a < [TIME_WAIT] [no such word] [")
                .into_string(),
            "a &lt; <a class=\"term\" href=\"#x-state-TIME_WAIT\">TIME_WAIT</a> \
             <code>no such word</code> ["
        );
        let named: Vec<_> = writing.named().iter().map(|it| it.name.clone()).collect();
        assert_eq!(named, ["TIME_WAIT"]);
    }

    #[test]
    fn every_word_that_a_sentence_links_to_is_explained() {
        let book = Book::read(Language::English).unwrap();
        for language in Language::ALL {
            let words = Words::of(Chapter::Report, language).unwrap();
            let writing = Writing::new(
                &words,
                Words::kept(Chapter::Explain, Language::English),
                &book,
            );
            for line in include_str!("../../language/texts/en/report.ftl").lines() {
                let Some((id, _)) = line.split_once(" = ") else {
                    continue;
                };
                let said = writing.prose(id, []).into_string();
                assert!(!said.contains("<code>"), "{language}: {id}: {said}");
            }
        }
    }
}
