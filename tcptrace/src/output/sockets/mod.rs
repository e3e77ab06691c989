//! Writes the sockets that there are: one file for each format, and one for their counts.

mod counts;
mod layout;
mod table;

pub use self::{counts::Counts, layout::SocketLayout, table::write as sockets_table};
use std::io::{self, Write};

use super::{TimeFormat, csv::CsvLines, json::JsonLines, rows::SocketRow};
use crate::host::{Cgroups, Links, Socket};

/// Sockets to write, in order.
pub struct ShownSockets<'a> {
    /// When they were looked at: nanoseconds since 1970.
    pub wall_ns: i64,
    /// The sockets.
    pub sockets: &'a [Socket],
    /// Knows the paths of cgroups.
    pub cgroups: &'a mut Cgroups,
    /// Knows the names of network interfaces.
    pub links: &'a mut Links,
}

impl ShownSockets<'_> {
    /// Writes JSON: one object a socket.
    ///
    /// # Errors
    /// Whatever writing fails with; the same below.
    pub fn json(&mut self, out: &mut impl Write) -> io::Result<()> {
        let mut lines = JsonLines::new(out);
        self.rows(|row| lines.row(row))?;
        lines.flush()
    }

    /// Writes CSV, with a header line.
    ///
    /// # Errors
    /// See [`json`](Self::json).
    pub fn csv(&mut self, out: &mut impl Write) -> io::Result<()> {
        let mut lines = CsvLines::new(out);
        lines.header::<SocketRow<'_>>()?;
        self.rows(|row| lines.row(row))?;
        lines.flush()
    }

    fn rows(&mut self, mut write: impl FnMut(&SocketRow<'_>) -> io::Result<()>) -> io::Result<()> {
        let time = TimeFormat::rfc3339().stamp(self.wall_ns);
        for socket in self.sockets {
            write(&SocketRow::new(socket, time, self.cgroups, self.links))?;
        }
        Ok(())
    }
}
