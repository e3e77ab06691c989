//! A process, in a column of a table.

use std::fmt;

use crate::decode::Owner;

/// `comm/pid`; of a name that is too long, the end is cut, not the pid.
pub(super) struct Process<'a> {
    pub owner: &'a Owner,
    pub width: usize,
}

impl fmt::Display for Process<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Some(process) = self.owner.process else {
            return f.write_str("-");
        };
        let comm = process.comm.as_str();
        let digits = process.pid.checked_ilog10().unwrap_or(0) as usize + 1;
        let room = self.width.saturating_sub(digits + 1);
        let cut = comm
            .char_indices()
            .nth(room)
            .map_or(comm.len(), |(index, _)| index);
        write!(f, "{}/{}", &comm[..cut], process.pid)
    }
}
