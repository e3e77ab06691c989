//! All entries, as read from the texts.

use serde::Deserialize;

use crate::language::Language;

/// What an entry is about.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// How things go together.
    Topic,
    /// A state of a connection.
    State,
    /// Why a transition happens.
    Reason,
    /// More than the reason.
    Detail,
    /// Why a connection does not go on.
    Verdict,
    /// A sysctl, a socket option, or a constant of the kernel.
    Setting,
    /// A counter of /proc/net/netstat.
    Counter,
    /// A word of TCP.
    Word,
    /// A program that TCP meets, or a setting of one.
    Product,
}

impl Kind {
    /// All, in the order in which they are listed.
    pub const ALL: [Self; 9] = [
        Self::Topic,
        Self::State,
        Self::Reason,
        Self::Detail,
        Self::Verdict,
        Self::Setting,
        Self::Counter,
        Self::Word,
        Self::Product,
    ];

    /// Several of them, as a heading: the id of a word of [`Chapter::Explain`].
    ///
    /// [`Chapter::Explain`]: crate::language::Chapter::Explain
    #[must_use]
    pub fn heading(self) -> &'static str {
        match self {
            Self::Topic => "topics",
            Self::State => "states",
            Self::Reason => "reasons",
            Self::Detail => "details",
            Self::Verdict => "verdicts",
            Self::Setting => "settings",
            Self::Counter => "counters",
            Self::Word => "words",
            Self::Product => "products",
        }
    }

    /// One of them: likewise.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Topic => "topic",
            Self::State => "state",
            Self::Reason => "reason",
            Self::Detail => "detail",
            Self::Verdict => "verdict",
            Self::Setting => "setting",
            Self::Counter => "counter",
            Self::Word => "word",
            Self::Product => "product",
        }
    }

    fn text(self) -> &'static str {
        match self {
            Self::Topic => include_str!("texts/topics.toml"),
            Self::State => include_str!("texts/states.toml"),
            Self::Reason => include_str!("texts/reasons.toml"),
            Self::Detail => include_str!("texts/details.toml"),
            Self::Verdict => include_str!("texts/verdicts.toml"),
            Self::Setting => include_str!("texts/settings.toml"),
            Self::Counter => include_str!("texts/counters.toml"),
            Self::Word => include_str!("texts/words.toml"),
            Self::Product => include_str!("texts/products.toml"),
        }
    }

    /// The same in Chinese, without what is the same in every language.
    fn in_chinese(self) -> &'static str {
        match self {
            Self::Topic => include_str!("texts/zh/topics.toml"),
            Self::State => include_str!("texts/zh/states.toml"),
            Self::Reason => include_str!("texts/zh/reasons.toml"),
            Self::Detail => include_str!("texts/zh/details.toml"),
            Self::Verdict => include_str!("texts/zh/verdicts.toml"),
            Self::Setting => include_str!("texts/zh/settings.toml"),
            Self::Counter => include_str!("texts/zh/counters.toml"),
            Self::Word => include_str!("texts/zh/words.toml"),
            Self::Product => include_str!("texts/zh/products.toml"),
        }
    }
}

/// One thing, explained. Paragraphs are separated by an empty line.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Entry {
    #[serde(skip, default = "unsaid")]
    kind: Kind,
    /// Its name, as tcptrace and the kernel spell it.
    pub name: String,
    /// Other words for it.
    #[serde(default)]
    pub also: Vec<String>,
    /// In one line.
    pub line: String,
    /// What it is or means.
    pub what: String,
    /// Who is in a state, and why; of a verdict, who is to blame.
    pub who: Option<String>,
    /// How one gets out of a state.
    pub ends: Option<String>,
    /// How long a state can last, and which setting governs that.
    pub lasts: Option<String>,
    /// What to do when there are many.
    pub many: Option<String>,
    /// A sysctl's file in /proc.
    pub file: Option<String>,
    /// How a setting that is no sysctl is set.
    pub how: Option<String>,
    /// A sysctl's value on a machine on which nobody changed it, as the file shows it.
    pub default: Option<String>,
    /// The same in words, where it depends on the machine or is no number.
    pub default_words: Option<String>,
    /// The unit of a setting's value.
    pub unit: Option<String>,
    /// What is often got wrong about a setting.
    pub trap: Option<String>,
    /// A counter that should not go up.
    #[serde(default)]
    pub trouble: bool,
    /// Names of entries that are near.
    #[serde(default)]
    pub see: Vec<String>,
}

impl Entry {
    /// What it is about.
    #[must_use]
    pub fn kind(&self) -> Kind {
        self.kind
    }
}

/// The file that an entry is in tells.
fn unsaid() -> Kind {
    Kind::Topic
}

/// A text of the binary is not of the form.
#[derive(Debug, thiserror::Error)]
#[error("the texts of {about}s are not of the form")]
pub struct BookError {
    about: &'static str,
    source: Box<toml::de::Error>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Chapter<E> {
    entry: Vec<E>,
}

/// What an entry has in another language: the same parts as in English.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Translated {
    name: String,
    #[serde(default)]
    also: Vec<String>,
    line: String,
    what: String,
    who: Option<String>,
    ends: Option<String>,
    lasts: Option<String>,
    many: Option<String>,
    how: Option<String>,
    default_words: Option<String>,
    unit: Option<String>,
    trap: Option<String>,
}

impl Translated {
    /// Puts it in the place of the English.
    fn replace(self, it: &mut Entry) {
        it.line = self.line;
        it.what = self.what;
        for (part, text) in [
            (&mut it.who, self.who),
            (&mut it.ends, self.ends),
            (&mut it.lasts, self.lasts),
            (&mut it.many, self.many),
            (&mut it.how, self.how),
            (&mut it.default_words, self.default_words),
            (&mut it.unit, self.unit),
            (&mut it.trap, self.trap),
        ] {
            *part = text;
        }
    }
}

/// All entries.
#[derive(Clone, Debug)]
pub struct Book {
    entries: Vec<Entry>,
}

impl Book {
    /// Reads the texts that the binary holds. Entries are found by the words of every language.
    ///
    /// # Errors
    /// When one of them is not of the form: a mistake in the program.
    pub fn read(language: Language) -> Result<Self, BookError> {
        let mut entries = Vec::new();
        for kind in Kind::ALL {
            let wrong = |source| BookError {
                about: kind.name(),
                source: Box::new(source),
            };
            let english: Chapter<Entry> = toml::from_str(kind.text()).map_err(wrong)?;
            let chinese: Chapter<Translated> = toml::from_str(kind.in_chinese()).map_err(wrong)?;
            let mut chinese = chinese.entry.into_iter().peekable();
            for mut entry in english.entry {
                entry.kind = kind;
                // They stand in the same order.
                if let Some(mut it) = chinese.next_if(|it| it.name == entry.name) {
                    entry.also.append(&mut it.also);
                    if language == Language::Chinese {
                        it.replace(&mut entry);
                    }
                }
                entries.push(entry);
            }
        }
        Ok(Self { entries })
    }

    /// All entries, kind by kind.
    #[must_use]
    pub fn entries(&self) -> &[Entry] {
        &self.entries
    }

    /// The entries of one kind, in the order of the texts.
    pub fn of(&self, kind: Kind) -> impl Iterator<Item = &Entry> {
        self.entries.iter().filter(move |entry| entry.kind == kind)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        diagnose::Verdict,
        model::{Detail, Reason, State},
    };

    fn names(kind: Kind) -> Vec<String> {
        let book = Book::read(Language::English).unwrap();
        book.of(kind).map(|entry| entry.name.clone()).collect()
    }

    #[test]
    fn every_state_reason_detail_and_verdict_is_explained_and_nothing_else() {
        assert_eq!(names(Kind::State), State::ALL.map(State::name));
        assert_eq!(names(Kind::Reason), Reason::ALL.map(Reason::name));
        assert_eq!(names(Kind::Detail), Detail::ALL.map(Detail::name));
        assert_eq!(names(Kind::Verdict), Verdict::ALL.map(Verdict::name));
    }

    #[test]
    fn a_verdict_tells_who_is_to_blame_and_what_to_do() {
        for entry in Book::read(Language::English).unwrap().of(Kind::Verdict) {
            assert!(entry.who.is_some(), "{}", entry.name);
            assert!(entry.many.is_some(), "{}", entry.name);
        }
    }

    #[test]
    fn a_state_is_told_in_full() {
        for entry in Book::read(Language::English).unwrap().of(Kind::State) {
            for (part, text) in [
                ("who", &entry.who),
                ("ends", &entry.ends),
                ("lasts", &entry.lasts),
                ("many", &entry.many),
            ] {
                assert!(text.is_some(), "{}: {part}", entry.name);
            }
        }
    }

    #[test]
    fn a_setting_says_how_it_is_set_and_what_is_usual() {
        for entry in Book::read(Language::English).unwrap().of(Kind::Setting) {
            assert!(
                entry.file.is_some() != entry.how.is_some(),
                "{}",
                entry.name
            );
            assert!(
                entry.default.is_some() != entry.default_words.is_some(),
                "{}",
                entry.name
            );
            if let Some(file) = &entry.file {
                assert!(file.ends_with(&format!("/{}", entry.name)), "{file}");
            }
        }
    }

    /// What of a text is the same in every language: paragraphs, code, numbers.
    fn fixed(text: &str) -> (usize, Vec<String>, Vec<String>) {
        let code = text.split('`').skip(1).step_by(2);
        let code = code.map(|it| it.split_whitespace().collect::<Vec<_>>().join(" "));
        let mut numbers: Vec<String> = text
            .split(|it: char| !it.is_ascii_digit())
            .filter(|it| !it.is_empty())
            .map(str::to_owned)
            .collect();
        numbers.sort();
        (text.trim().split("\n\n").count(), code.collect(), numbers)
    }

    #[test]
    fn the_chinese_texts_have_what_the_english_have() {
        let english = Book::read(Language::English).unwrap();
        let chinese = Book::read(Language::Chinese).unwrap();
        for (one, other) in english.entries().iter().zip(chinese.entries()) {
            let name = &one.name;
            let parts = |it: &Entry| {
                [
                    Some(it.line.clone()),
                    Some(it.what.clone()),
                    it.who.clone(),
                    it.ends.clone(),
                    it.lasts.clone(),
                    it.many.clone(),
                    it.how.clone(),
                    it.default_words.clone(),
                    it.trap.clone(),
                ]
            };
            for (one, other) in parts(one).iter().zip(&parts(other)) {
                assert_eq!(one.is_some(), other.is_some(), "{name}");
                if let (Some(one), Some(other)) = (one, other) {
                    assert_eq!(fixed(one), fixed(other), "{name}: {one} {other}");
                }
            }
            assert!(!other.what.is_ascii(), "{name} is not translated");
            assert_eq!(one.unit.is_some(), other.unit.is_some(), "{name}");
        }
    }

    #[test]
    fn the_texts_are_ascii_and_their_references_lead_somewhere() {
        let book = Book::read(Language::English).unwrap();
        for kind in Kind::ALL {
            assert!(kind.text().is_ascii(), "{kind:?}");
        }
        for entry in book.entries() {
            for name in &entry.see {
                assert!(
                    book.entries().iter().any(|other| other.name == *name),
                    "{} refers to {name}",
                    entry.name
                );
            }
            assert!(!entry.see.contains(&entry.name), "{}", entry.name);
        }
    }
}
