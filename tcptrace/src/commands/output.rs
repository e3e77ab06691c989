//! How the output of a command is chosen.

use std::io::BufWriter;

use crate::output::Stdout;

/// Formats of the output.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Output {
    /// For people.
    #[default]
    Table,
    /// One object a line.
    Json,
    /// With a header line.
    Csv,
}

/// Standard output, buffered.
pub(super) fn stdout() -> BufWriter<Stdout> {
    BufWriter::with_capacity(1 << 16, Stdout::lock())
}
