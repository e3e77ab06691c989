//! `tcptrace schema`: what `-o json` writes, as a JSON schema.

use std::io::Write as _;

use anyhow::Result;

use crate::{
    output::{
        Stdout,
        schema::{LineType, text},
    },
    privileges::{self, CapabilitySet},
};

/// Prints the schema of one type of line, or of all.
///
/// # Errors
/// When the output can't be written.
pub fn schema(what: Option<LineType>) -> Result<()> {
    privileges::keep(CapabilitySet::empty());
    let mut out = Stdout::lock();
    out.write_all(text(what)?.as_bytes())?;
    Ok(out.flush()?)
}
