//! Which language somebody wants.

use std::fmt;

/// A language that tcptrace speaks.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub enum Language {
    /// English.
    #[default]
    English,
    /// Chinese, in simplified characters.
    Chinese,
}

/// A language that was asked for, and that tcptrace does not speak.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{by} asks for '{}': the languages are en and zh", given.escape_debug())]
pub struct UnknownLanguage {
    /// The option or variable that did.
    by: &'static str,
    given: String,
}

/// What somebody said about languages, in the order in which it counts: an option, a variable of
/// tcptrace's own, and those of the locale. `None` and an empty text: nothing.
#[derive(Clone, Debug, Default)]
pub struct Asked {
    /// `--lang`.
    pub option: Option<String>,
    /// `TCPTRACE_LANG`.
    pub own: Option<String>,
    /// `LC_ALL`.
    pub all: Option<String>,
    /// `LC_MESSAGES`.
    pub messages: Option<String>,
    /// `LANG`.
    pub lang: Option<String>,
}

impl Asked {
    /// What an option says, and the variables of the environment, which `variable` tells by their
    /// names.
    #[must_use]
    pub fn of(option: Option<String>, variable: impl Fn(&str) -> Option<String>) -> Self {
        Self {
            option,
            own: variable("TCPTRACE_LANG"),
            all: variable("LC_ALL"),
            messages: variable("LC_MESSAGES"),
            lang: variable("LANG"),
        }
    }

    /// The language: the first of these that says anything decides, as for gettext. A locale that
    /// tcptrace has no words for gets English.
    ///
    /// # Errors
    /// When one is asked for by the option or by tcptrace's own variable that it does not speak.
    pub fn language(&self) -> Result<Language, UnknownLanguage> {
        for (by, given) in [("--lang", &self.option), ("TCPTRACE_LANG", &self.own)] {
            if let Some(given) = said(given) {
                return Language::of_tag(given).ok_or_else(|| UnknownLanguage {
                    by,
                    given: given.to_owned(),
                });
            }
        }
        let locale = [&self.all, &self.messages, &self.lang].into_iter();
        let decides = locale.filter_map(said).next();
        Ok(decides.and_then(Language::of_tag).unwrap_or_default())
    }
}

fn said(it: &Option<String>) -> Option<&str> {
    it.as_deref().filter(|it| !it.is_empty())
}

impl Language {
    /// All of them.
    pub const ALL: [Self; 2] = [Self::English, Self::Chinese];

    /// Reads the name of a locale or of a language: `zh`, `zh_CN.UTF-8`, `zh-Hant`, `en_GB`. `C` and
    /// `POSIX` are English. `None`: tcptrace does not speak it.
    #[must_use]
    pub fn of_tag(tag: &str) -> Option<Self> {
        let name = tag.split(['_', '-', '.', '@']).next().unwrap_or_default();
        match name.to_ascii_lowercase().as_str() {
            "en" | "c" | "posix" => Some(Self::English),
            "zh" => Some(Self::Chinese),
            _ => None,
        }
    }

    /// Its tag, as HTML and BCP 47 have it.
    #[must_use]
    pub const fn tag(self) -> &'static str {
        match self {
            Self::English => "en",
            Self::Chinese => "zh-Hans",
        }
    }
}

impl fmt::Display for Language {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.tag())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn chosen(option: &str, own: &str, all: &str, messages: &str, lang: &str) -> Language {
        let given = |text: &str| (text != "-").then(|| text.to_owned());
        Asked {
            option: given(option),
            own: given(own),
            all: given(all),
            messages: given(messages),
            lang: given(lang),
        }
        .language()
        .unwrap()
    }

    #[test]
    fn locales_are_read_as_people_write_them() {
        for tag in [
            "zh",
            "zh_CN.UTF-8",
            "zh-Hant",
            "ZH",
            "zh_TW@euro",
            "zh.GB18030",
        ] {
            assert_eq!(Language::of_tag(tag), Some(Language::Chinese), "{tag}");
        }
        for tag in ["en", "en_US.UTF-8", "en-GB", "C", "C.UTF-8", "POSIX"] {
            assert_eq!(Language::of_tag(tag), Some(Language::English), "{tag}");
        }
        for tag in ["de_DE.UTF-8", "zhuang", "", "_zh", "\u{1b}[31m"] {
            assert_eq!(Language::of_tag(tag), None, "{tag}");
        }
    }

    #[test]
    fn the_first_that_says_anything_decides() {
        use Language::{Chinese, English};
        assert_eq!(chosen("-", "-", "-", "-", "-"), English);
        assert_eq!(chosen("-", "-", "-", "-", "zh_CN.UTF-8"), Chinese);
        assert_eq!(chosen("-", "-", "-", "en_US", "zh_CN"), English);
        assert_eq!(chosen("-", "-", "zh_CN", "en_US", "en_US"), Chinese);
        assert_eq!(chosen("-", "en", "zh_CN", "zh_CN", "zh_CN"), English);
        assert_eq!(chosen("zh", "en", "C", "C", "C"), Chinese);
        // An empty one is as good as none.
        assert_eq!(chosen("", "", "", "", "zh_CN"), Chinese);
        // One that is not known decides, too: it is not looked further.
        assert_eq!(chosen("-", "-", "de_DE", "-", "zh_CN"), English);
    }

    #[test]
    fn who_asks_for_another_language_is_told_which_there_are() {
        let asked = Asked {
            option: Some("de".to_owned()),
            ..Asked::default()
        };
        let error = asked.language().unwrap_err().to_string();
        assert_eq!(error, "--lang asks for 'de': the languages are en and zh");
        let asked = Asked::of(None, |name| {
            (name == "TCPTRACE_LANG").then(|| "\u{1b}\n".to_owned())
        });
        let error = asked.language().unwrap_err().to_string();
        assert!(
            error.starts_with("TCPTRACE_LANG asks for '\\u{1b}\\n'"),
            "{error}"
        );
    }
}
