//! The command line of `tcptrace explain`.

use clap::Args;
use tcptrace::{commands::ExplainOptions, output::Colour};

use super::words;

/// Options of `tcptrace explain`.
#[derive(Args, Debug)]
pub struct ExplainArgs {
    /// A state, a reason, a setting, a counter, a word, a program or a topic; without it, the list
    /// of all.
    what: Vec<String>,
    /// When to colour; NO_COLOR is honoured.
    #[arg(long, value_parser = words::colour(), default_value = "auto", value_name = "WHEN")]
    color: Colour,
}

impl ExplainArgs {
    /// What `explain` is told.
    pub fn into_options(self) -> ExplainOptions {
        ExplainOptions {
            what: (!self.what.is_empty()).then(|| self.what.join(" ")),
            colour: self.color,
        }
    }
}
