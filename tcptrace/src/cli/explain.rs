//! The command line of `tcptrace explain`.

use clap::Args;
use tcptrace::{commands::ExplainOptions, output::Colour};

use super::{Usage, language::LanguageArgs, words};

/// Options of `tcptrace explain`.
#[derive(Args, Debug)]
pub struct ExplainArgs {
    /// A state, a reason, a setting, a counter, a word, a program or a topic; without it, the list
    /// of all.
    what: Vec<String>,
    /// When to colour; NO_COLOR is honoured.
    #[arg(long, value_parser = words::colour(), default_value = "auto", value_name = "WHEN")]
    color: Colour,
    #[command(flatten)]
    language: LanguageArgs,
}

impl ExplainArgs {
    /// What `explain` is told.
    ///
    /// # Errors
    /// When a language is asked for that tcptrace does not speak.
    pub fn into_options(self) -> Result<ExplainOptions, Usage> {
        Ok(ExplainOptions {
            what: (!self.what.is_empty()).then(|| self.what.join(" ")),
            language: self.language.of_terminal()?,
            colour: self.color,
        })
    }
}
