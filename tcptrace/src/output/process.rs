//! A process, in a column of a table.

use std::fmt::{self, Write as _};

use super::{line::cut, or_dash::OrDash};
use crate::model::Owner;

/// `comm/pid`, or `comm/-` where the pid is not known, and how many more there are; of a name that
/// is too long, the end is cut, not the pid.
pub(super) struct Process<'a> {
    pub owner: &'a Owner,
    /// How many others hold the socket, too: ` +3`.
    pub others: usize,
    pub width: usize,
    /// What is not ASCII is shown as `?`.
    pub ascii: bool,
}

impl fmt::Display for Process<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Some(process) = self.owner.process else {
            return f.write_str("-");
        };
        let digits = |number: u32| number.checked_ilog10().unwrap_or(0) as usize + 1;
        let more = match u32::try_from(self.others).unwrap_or(u32::MAX) {
            0 => 0,
            others => digits(others) + 2,
        };
        let taken = process.pid.map_or(1, digits) + 1 + more;
        let comm = cut(process.comm.as_str(), self.width.saturating_sub(taken));
        let ascii = self.ascii;
        write!(f, "{}/{}", Program { comm, ascii }, OrDash(process.pid))?;
        match self.others {
            0 => Ok(()),
            others => write!(f, " +{others}"),
        }
    }
}

/// The name of a program.
pub(super) struct Program<'a> {
    pub comm: &'a str,
    /// What is not ASCII is shown as `?`.
    pub ascii: bool,
}

impl fmt::Display for Program<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if !self.ascii {
            return f.write_str(self.comm);
        }
        self.comm
            .chars()
            .try_for_each(|it| f.write_char(if it.is_ascii() { it } else { '?' }))
    }
}
