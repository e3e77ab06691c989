//! The command line of `tcptrace doctor`.

use clap::Args;
use tcptrace::{
    commands::{DoctorOptions, ReportFormat},
    output::Colour,
};

use super::{Usage, language::LanguageArgs, words};

/// Options of `tcptrace doctor`.
#[derive(Args, Debug)]
pub struct DoctorArgs {
    /// Format of the report.
    #[arg(short = 'o', long, value_parser = words::report_format(), default_value = "table")]
    output: ReportFormat,
    /// When to colour; NO_COLOR is honoured.
    #[arg(long, value_parser = words::colour(), default_value = "auto", value_name = "WHEN")]
    color: Colour,
    #[command(flatten)]
    language: LanguageArgs,
}

impl DoctorArgs {
    /// What `doctor` is told.
    ///
    /// # Errors
    /// When a language is asked for that tcptrace does not speak.
    pub fn into_options(self) -> Result<DoctorOptions, Usage> {
        Ok(DoctorOptions {
            output: self.output,
            colour: self.color,
            language: self.language.of_terminal()?,
        })
    }
}
