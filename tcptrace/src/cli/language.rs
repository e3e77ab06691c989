//! The language that people are spoken to in.

use clap::Args;
use tcptrace::{
    language::{Asked, Language},
    output::terminal,
};

use super::Usage;

/// Which language.
#[derive(Args, Debug)]
pub struct LanguageArgs {
    /// The language: en or zh. Without it, TCPTRACE_LANG, LC_ALL, LC_MESSAGES or LANG says which, the
    /// first of them that is set. Names of states, reasons and settings are the same in all.
    #[arg(long, value_name = "LANG")]
    lang: Option<String>,
}

impl LanguageArgs {
    /// That of a file that is made.
    ///
    /// # Errors
    /// When one is asked for that tcptrace does not speak.
    pub fn of_file(&self) -> Result<Language, Usage> {
        let asked = Asked::of(self.lang.clone(), |name| std::env::var(name).ok());
        asked.language().map_err(|error| Usage(error.to_string()))
    }

    /// That of what is shown. Where the terminal shows nothing but ASCII, by the locale, it is English,
    /// unless another one is asked for by name.
    ///
    /// # Errors
    /// As [`of_file`](Self::of_file).
    pub fn of_terminal(&self) -> Result<Language, Usage> {
        let by_name = self.lang.is_some() || std::env::var_os("TCPTRACE_LANG").is_some();
        let language = self.of_file()?;
        match by_name || terminal::speaks_unicode() {
            true => Ok(language),
            false => Ok(Language::English),
        }
    }
}
