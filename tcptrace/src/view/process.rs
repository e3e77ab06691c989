//! A process, in a column of a table.

use std::fmt::{self, Write as _};

use super::line::cut;
use crate::decode::Owner;

/// `comm/pid`; of a name that is too long, the end is cut, not the pid.
pub(super) struct Process<'a> {
    pub owner: &'a Owner,
    pub width: usize,
    /// What is not ASCII is shown as `?`.
    pub ascii: bool,
}

impl fmt::Display for Process<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Some(process) = self.owner.process else {
            return f.write_str("-");
        };
        let digits = process.pid.checked_ilog10().unwrap_or(0) as usize + 1;
        let comm = cut(process.comm.as_str(), self.width.saturating_sub(digits + 1));
        if self.ascii {
            for character in comm.chars() {
                f.write_char(if character.is_ascii() { character } else { '?' })?;
            }
        } else {
            f.write_str(comm)?;
        }
        write!(f, "/{}", process.pid)
    }
}
