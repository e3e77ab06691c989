//! The command line of `tcptrace doctor`.

use clap::Args;
use tcptrace::{
    commands::{DoctorOptions, ReportFormat},
    output::Colour,
};

use super::words;

/// Options of `tcptrace doctor`.
#[derive(Args, Debug)]
pub struct DoctorArgs {
    /// Format of the report.
    #[arg(short = 'o', long, value_parser = words::report_format(), default_value = "table")]
    output: ReportFormat,
    /// When to colour; NO_COLOR is honoured.
    #[arg(long, value_parser = words::colour(), default_value = "auto", value_name = "WHEN")]
    color: Colour,
}

impl DoctorArgs {
    /// What `doctor` is told.
    pub fn into_options(self) -> DoctorOptions {
        DoctorOptions {
            output: self.output,
            colour: self.color,
        }
    }
}
