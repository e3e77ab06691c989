//! Sockets as JSON: one object a line.

use std::io::{self, Write};

use super::{ShownSockets, row::SocketRow};
use crate::output::{TimeFormat, typed::TypedLines};

/// Writes them to `out`.
///
/// # Errors
/// Whatever writing fails with.
pub fn write(out: &mut impl Write, shown: &mut ShownSockets<'_>) -> io::Result<()> {
    let mut format = TimeFormat::rfc3339();
    let time = format.write(shown.wall_ns);
    let mut lines = TypedLines::new(out);
    for socket in shown.sockets {
        let row = SocketRow::new(socket, time, shown.cgroups, shown.links);
        lines.write("socket", &row)?;
    }
    lines.flush()
}
