//! `tcptrace doctor`: can this machine be traced, and how is TCP set up on it.

use std::io::{BufWriter, Write as _};

use anyhow::Result;

use crate::{
    doctor,
    language::Language,
    output::{Colour, Look, Palette, Stdout, terminal},
    privileges,
};

/// The status of a machine that can't be traced.
const UNABLE: u8 = 3;

/// Formats of the report.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum ReportFormat {
    /// For people.
    #[default]
    Table,
    /// One object.
    Json,
}

/// What `doctor` is told.
#[derive(Clone, Copy, Debug)]
pub struct DoctorOptions {
    /// The format.
    pub output: ReportFormat,
    /// When to colour.
    pub colour: Colour,
    /// The language of the table.
    pub language: Language,
}

/// Examines this machine, and gives the exit status: 0, or 3 when it can't be traced.
///
/// # Errors
/// When the output can't be written.
pub fn doctor(options: &DoctorOptions) -> Result<u8> {
    privileges::keep(privileges::load() | privileges::ELSEWHERE);
    let report = doctor::examine(match options.output {
        ReportFormat::Table => options.language,
        // Programs read it: always the same.
        ReportFormat::Json => Language::English,
    })?;
    let mut out = BufWriter::new(Stdout::lock());
    match options.output {
        ReportFormat::Json => report.json(&mut out)?,
        ReportFormat::Table => {
            let look = Look::new(
                terminal::columns(),
                !terminal::speaks_unicode(),
                Palette::stdout(options.colour),
            );
            report.table(&mut out, look)?;
        }
    }
    out.flush()?;
    Ok(if report.can_trace() { 0 } else { UNABLE })
}
