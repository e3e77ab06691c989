//! What a browser may do with the page: run what is in it, and ask nobody for anything.

use std::fmt;

use base64::{Engine as _, engine::general_purpose::STANDARD};
use ring::digest::{SHA256, digest};

/// The policy for its styles and scripts, each by its hash: nothing that a name smuggles in is among
/// them. A block of data is no script.
pub(super) struct Policy<'a> {
    pub styles: &'a [&'a str],
    pub scripts: &'a [&'a str],
}

impl fmt::Display for Policy<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("default-src 'none'; style-src")?;
        hashes(f, self.styles)?;
        f.write_str("; script-src")?;
        hashes(f, self.scripts)?;
        f.write_str("; base-uri 'none'; form-action 'none'")
    }
}

fn hashes(f: &mut fmt::Formatter<'_>, blocks: &[&str]) -> fmt::Result {
    for block in blocks {
        let hash = STANDARD.encode(digest(&SHA256, block.as_bytes()));
        write!(f, " 'sha256-{hash}'")?;
    }
    Ok(())
}
