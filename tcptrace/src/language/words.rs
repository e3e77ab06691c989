//! The words of a language: sentences with places for numbers and names.

use std::{borrow::Cow, sync::OnceLock};

use fluent_bundle::{FluentArgs, FluentResource, FluentValue, concurrent::FluentBundle};
use unic_langid::LanguageIdentifier;

use super::Language;

/// What words are about: a file of each language.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Chapter {
    /// What `tcptrace doctor` says.
    Doctor,
    /// What stands around the entries of `tcptrace explain`.
    Explain,
    /// The page of `tcptrace report`.
    Report,
    /// What is said of a connection that does not go on.
    Stuck,
    /// Words of the tables.
    Tables,
    /// The screen of `tcptrace top`.
    Top,
    /// What can't be seen on a machine, and why.
    Unseen,
}

impl Chapter {
    /// All of them.
    pub const ALL: [Self; 7] = [
        Self::Doctor,
        Self::Explain,
        Self::Report,
        Self::Stuck,
        Self::Tables,
        Self::Top,
        Self::Unseen,
    ];

    const fn text(self, language: Language) -> &'static str {
        match (self, language) {
            (Self::Doctor, Language::English) => include_str!("texts/en/doctor.ftl"),
            (Self::Doctor, Language::Chinese) => include_str!("texts/zh/doctor.ftl"),
            (Self::Explain, Language::English) => include_str!("texts/en/explain.ftl"),
            (Self::Explain, Language::Chinese) => include_str!("texts/zh/explain.ftl"),
            (Self::Tables, Language::English) => include_str!("texts/en/tables.ftl"),
            (Self::Tables, Language::Chinese) => include_str!("texts/zh/tables.ftl"),
            (Self::Stuck, Language::English) => include_str!("texts/en/stuck.ftl"),
            (Self::Stuck, Language::Chinese) => include_str!("texts/zh/stuck.ftl"),
            (Self::Report, Language::English) => include_str!("texts/en/report.ftl"),
            (Self::Report, Language::Chinese) => include_str!("texts/zh/report.ftl"),
            (Self::Top, Language::English) => include_str!("texts/en/top.ftl"),
            (Self::Top, Language::Chinese) => include_str!("texts/zh/top.ftl"),
            (Self::Unseen, Language::English) => include_str!("texts/en/unseen.ftl"),
            (Self::Unseen, Language::Chinese) => include_str!("texts/zh/unseen.ftl"),
        }
    }
}

/// The words that the binary holds are not of the form: a mistake in the program.
#[derive(Debug, thiserror::Error)]
#[error("the words of {language} are not of the form: {why}")]
pub struct WordsError {
    language: Language,
    why: String,
}

/// What is put into a sentence.
#[derive(Clone, Debug)]
pub enum Arg<'a> {
    /// A number, which may decide over the form of the words around it. It is written with commas
    /// between thousands.
    Count(u64),
    /// A name, a time, or another text, as it is.
    Text(Cow<'a, str>),
}

impl From<u64> for Arg<'_> {
    fn from(count: u64) -> Self {
        Self::Count(count)
    }
}

impl From<usize> for Arg<'_> {
    fn from(count: usize) -> Self {
        Self::Count(count as u64)
    }
}

impl<'a> From<&'a str> for Arg<'a> {
    fn from(text: &'a str) -> Self {
        Self::Text(Cow::Borrowed(text))
    }
}

impl From<String> for Arg<'_> {
    fn from(text: String) -> Self {
        Self::Text(Cow::Owned(text))
    }
}

/// The words of a chapter, in a language. To read them takes a millisecond or so: who says nothing
/// need not have them.
pub struct Words {
    language: Language,
    bundle: FluentBundle<FluentResource>,
}

impl Words {
    /// Reads the words of a chapter.
    ///
    /// # Errors
    /// When they are not of the form: a mistake in the program.
    pub fn of(chapter: Chapter, language: Language) -> Result<Self, WordsError> {
        let wrong = |why: String| WordsError { language, why };
        let text = chapter.text(language).to_owned();
        let resource = FluentResource::try_new(text)
            .map_err(|(_, errors)| wrong(errors.iter().map(ToString::to_string).collect()))?;
        let mut bundle = FluentBundle::new_concurrent(vec![identifier(language)]);
        // Nothing here is written from right to left, and the marks would be in what is searched for.
        bundle.set_use_isolating(false);
        bundle.set_formatter(Some(|value, _| match value {
            FluentValue::Number(number) => Some(thousands(number.value as u64)),
            _ => None,
        }));
        bundle
            .add_resource(resource)
            .map_err(|errors| wrong(format!("{errors:?}")))?;
        Ok(Self { language, bundle })
    }

    /// The words of a chapter, read once and kept.
    #[must_use]
    pub fn kept(chapter: Chapter, language: Language) -> &'static Self {
        const HOW_MANY: usize = Chapter::ALL.len() * Language::ALL.len();
        static KEPT: [OnceLock<Words>; HOW_MANY] = [const { OnceLock::new() }; HOW_MANY];
        let place = chapter as usize * Language::ALL.len() + language as usize;
        KEPT[place].get_or_init(|| {
            // The tests see to it that they can be read; otherwise ids are shown.
            Self::of(chapter, language).unwrap_or_else(|_| Self {
                language,
                bundle: FluentBundle::new_concurrent(vec![identifier(language)]),
            })
        })
    }

    /// The language.
    #[must_use]
    pub fn language(&self) -> Language {
        self.language
    }

    /// A word or sentence without a place for anything. One that is not there is shown by its id:
    /// the tests see to it that each is.
    #[must_use]
    pub fn word(&self, id: &str) -> String {
        self.said(id, None)
    }

    /// A sentence, with what is put into its places.
    #[must_use]
    pub fn say<const N: usize>(&self, id: &str, places: [(&'static str, Arg<'_>); N]) -> String {
        let mut args = FluentArgs::with_capacity(N);
        for (name, arg) in places {
            match arg {
                Arg::Count(count) => args.set(name, FluentValue::from(count)),
                Arg::Text(text) => args.set(name, FluentValue::String(text)),
            }
        }
        self.said(id, Some(&args))
    }

    fn said(&self, id: &str, args: Option<&FluentArgs<'_>>) -> String {
        let message = self.bundle.get_message(id);
        let Some(pattern) = message.and_then(|it| it.value()) else {
            return id.to_owned();
        };
        // What could not be put in stands there by its name.
        let mut errors = Vec::new();
        let said = self.bundle.format_pattern(pattern, args, &mut errors);
        said.into_owned()
    }
}

/// A whole number with commas between thousands.
#[must_use]
pub fn thousands(number: u64) -> String {
    let digits = number.to_string();
    let mut written = String::with_capacity(digits.len() + digits.len() / 3);
    for (at, digit) in digits.char_indices() {
        if at > 0 && (digits.len() - at).is_multiple_of(3) {
            written.push(',');
        }
        written.push(digit);
    }
    written
}

/// What decides over the forms of words around a number.
fn identifier(language: Language) -> LanguageIdentifier {
    language.tag().parse().unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use std::{
        collections::{BTreeMap, BTreeSet},
        fs,
        path::Path,
    };

    use super::*;
    use crate::{
        language::{heading_id, why_id},
        model::{Detail, Reason},
    };

    /// What stands in a message that must be the same in every language: places for numbers and
    /// names, and words that lead to their explanation.
    #[derive(Debug, Default, PartialEq, Eq)]
    struct Fixed {
        places: BTreeSet<String>,
        links: BTreeSet<String>,
    }

    /// All messages of a file, by their ids.
    fn messages(text: &str) -> BTreeMap<String, Fixed> {
        let mut messages = BTreeMap::new();
        let mut last = None;
        for line in text.lines().filter(|line| !line.starts_with('#')) {
            let value = match line.split_once(" =") {
                Some((id, value)) if !line.starts_with(' ') => {
                    let before = messages.insert(id.to_owned(), Fixed::default());
                    assert_eq!(before, None, "{id} is there twice");
                    last = Some(id.to_owned());
                    value
                }
                _ => line,
            };
            let Some(fixed) = last.as_ref().and_then(|id| messages.get_mut(id)) else {
                continue;
            };
            let places = value.split('$').skip(1).map(|rest| {
                let end = rest.find(|it: char| !it.is_ascii_alphanumeric() && it != '-');
                rest[..end.unwrap_or(rest.len())].to_owned()
            });
            fixed.places.extend(places);
            let links = value
                .split('[')
                .skip(1)
                .filter_map(|rest| rest.split_once(']'));
            let links = links.filter(|(word, _)| !["one", "other", "0", "1"].contains(word));
            fixed.links.extend(links.map(|(word, _)| word.to_owned()));
        }
        messages
    }

    #[test]
    fn every_language_has_the_same_messages_with_the_same_places_and_links() {
        for chapter in Chapter::ALL {
            let english = messages(chapter.text(Language::English));
            assert!(english.len() > 10, "{}", english.len());
            for language in Language::ALL {
                let other = messages(chapter.text(language));
                let ids = |all: &BTreeMap<String, Fixed>| all.keys().cloned().collect::<Vec<_>>();
                assert_eq!(ids(&english), ids(&other), "{language}");
                for (id, fixed) in &english {
                    assert_eq!(*fixed, other[id], "{language}: {id}");
                }
            }
        }
    }

    /// Texts of the source between quotes that look like an id.
    fn quoted(folder: &Path, found: &mut BTreeSet<String>) {
        for entry in fs::read_dir(folder).unwrap().flatten() {
            let path = entry.path();
            if path.is_dir() {
                quoted(&path, found);
            } else if path.extension().is_some_and(|it| it == "rs") {
                let text = fs::read_to_string(path).unwrap();
                found.extend(text.split('"').map(str::to_owned));
            }
        }
    }

    #[test]
    fn every_message_is_said_somewhere_and_whatever_is_said_is_there() {
        let source = Path::new(env!("CARGO_MANIFEST_DIR")).join("src");
        let mut words = BTreeSet::new();
        quoted(&source, &mut words);
        let english: BTreeSet<String> = Chapter::ALL
            .into_iter()
            .flat_map(|chapter| messages(chapter.text(Language::English)).into_keys())
            .collect();
        // These are made of the names in the source.
        words.extend(words.clone().iter().map(|it| heading_id(it)));
        words.extend(Reason::ALL.map(|it| why_id(it, None)));
        words.extend(Detail::ALL.map(|it| why_id(Reason::Unknown, Some(it))));
        let unsaid: Vec<_> = english.iter().filter(|id| !words.contains(*id)).collect();
        assert!(unsaid.is_empty(), "nobody says {unsaid:?}");
        let mut missing = Vec::new();
        said(&source, &mut |id| {
            // What collectors are told has names of its own, with dots.
            if !english.contains(id) && !id.contains('.') {
                missing.push(id.to_owned());
            }
        });
        assert!(missing.is_empty(), "there is no {missing:?}");
    }

    /// The ids that the source says.
    fn said(folder: &Path, each: &mut impl FnMut(&str)) {
        for entry in fs::read_dir(folder).unwrap().flatten() {
            let path = entry.path();
            if path.is_dir() {
                said(&path, each);
            } else if path.extension().is_some_and(|it| it == "rs") && !path.ends_with("words.rs") {
                let text = fs::read_to_string(path).unwrap();
                for call in [".say(", ".word(", ".prose(", ".told("] {
                    for rest in text.split(call).skip(1) {
                        if let Some(rest) = rest.trim_start().strip_prefix('"') {
                            each(rest.split('"').next().unwrap_or_default());
                        }
                    }
                }
            }
        }
    }

    #[test]
    fn there_is_no_space_between_chinese_characters() {
        let is_chinese = |it: char| matches!(it, '\u{3000}'..='\u{9fff}' | '\u{ff00}'..='\u{ffef}');
        for chapter in Chapter::ALL {
            for line in chapter.text(Language::Chinese).lines() {
                let characters: Vec<char> = line.chars().collect();
                let parted = characters
                    .windows(3)
                    .any(|it| it[1] == ' ' && is_chinese(it[0]) && is_chinese(it[2]));
                assert!(!parted, "{line}");
            }
        }
    }

    #[test]
    fn numbers_decide_over_words_and_have_commas() {
        let words = Words::of(Chapter::Report, Language::English).unwrap();
        let said = |count: u64| words.say("more-rows", [("count", count.into())]);
        assert!(
            said(1).contains('1') && !said(1).contains("rows"),
            "{}",
            said(1)
        );
        assert!(said(12_345).contains("12,345"), "{}", said(12_345));
        assert_eq!(words.word("no-such-message"), "no-such-message");
    }

    #[test]
    fn every_language_can_be_read() {
        for language in Language::ALL {
            for chapter in Chapter::ALL {
                let words = Words::of(chapter, language).unwrap();
                assert_eq!(words.language(), language);
            }
        }
        assert_eq!(thousands(0), "0");
        assert_eq!(thousands(999), "999");
        assert_eq!(thousands(u64::MAX), "18,446,744,073,709,551,615");
    }
}
