//! Words of the tables, by what they stand for.

use std::borrow::Cow;

use super::{Chapter, Language, Words};
use crate::model::{Detail, Reason};

/// The heading of a column, which has this one in English.
#[must_use]
pub fn heading(english: &'static str, language: Language) -> Cow<'static, str> {
    match language {
        Language::English => english.into(),
        _ if english.is_empty() => english.into(),
        language => words(language).word(&heading_id(english)).into(),
    }
}

/// Why a transition happened, in 14 columns at the most.
#[must_use]
pub fn why(reason: Reason, detail: Option<Detail>, language: Language) -> String {
    words(language).word(&why_id(reason, detail))
}

/// The words of the tables.
#[must_use]
pub fn words(language: Language) -> &'static Words {
    Words::kept(Chapter::Tables, language)
}

/// `FROM -> TO` is `heading-from-arrow-to`.
pub(super) fn heading_id(english: &str) -> String {
    let english = english.replace("->", " arrow ");
    let words = english.split(|it: char| !it.is_ascii_alphanumeric());
    let words: Vec<String> = words
        .filter(|it| !it.is_empty())
        .map(str::to_ascii_lowercase)
        .collect();
    format!("heading-{}", words.join("-"))
}

pub(super) fn why_id(reason: Reason, detail: Option<Detail>) -> String {
    let id = match detail {
        Some(detail) => format!("why-detail-{}", detail.name()),
        None => format!("why-{}", reason.name()),
    };
    id.replace('_', "-")
}

#[cfg(test)]
mod tests {
    use unicode_width::UnicodeWidthStr as _;

    use super::*;

    #[test]
    fn reasons_fit_their_column_in_every_language() {
        for language in Language::ALL {
            let said = |reason, detail| {
                let said = why(reason, detail, language);
                assert!(said.width() <= 14, "{said}");
                assert!(!said.starts_with("why-"), "{said} is not translated");
                said
            };
            let reasons = Reason::ALL.map(|it| said(it, None));
            let details = Detail::ALL.map(|it| said(Reason::Unknown, Some(it)));
            let mut all: Vec<String> = reasons.into_iter().chain(details).collect();
            let many = all.len();
            all.sort();
            all.dedup();
            assert_eq!(all.len(), many, "two are the same: {all:?}");
        }
    }

    #[test]
    fn headings_are_found_by_the_english_ones() {
        assert_eq!(heading("RUN OUT", Language::English), "RUN OUT");
        assert_eq!(heading("FROM -> TO", Language::Chinese), "从 -> 到");
        assert_eq!(heading("", Language::Chinese), "");
    }
}
