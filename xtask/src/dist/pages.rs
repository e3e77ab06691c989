//! Man pages and completions: what the command line tells of itself.

use std::path::Path;

use anyhow::Result;
use jiff::tz::TimeZone;

use super::made::Made;
use crate::cargo::{cargo, say_and_succeed};

/// The shells, and what their completions are called.
pub const COMPLETIONS: [&str; 3] = ["tcptrace.bash", "_tcptrace", "tcptrace.fish"];

/// Writes all of them into a folder.
///
/// # Errors
/// When they can't be built or written.
pub fn write(made: &Made<'_>, folder: &Path) -> Result<()> {
    let date = made.time.to_zoned(TimeZone::UTC).date();
    let mut command = cargo(made.repository);
    command
        .args(["run", "--quiet", "--package", "tcptrace", "--locked"])
        .args(["--example", "pages", "--target-dir"])
        .arg(&made.target_folder)
        .arg("--")
        .arg(folder)
        .arg(date.to_string());
    say_and_succeed(&mut command)
}
