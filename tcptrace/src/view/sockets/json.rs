//! Sockets as JSON: one object a line.

use std::io::{self, Write};

use serde::Serialize;

use super::{ShownSockets, row::SocketRow};
use crate::view::TimeFormat;

#[derive(Serialize)]
#[serde(tag = "type", rename = "socket")]
struct SocketLine<'a> {
    #[serde(flatten)]
    row: SocketRow<'a>,
}

/// Writes them to `out`, which should be buffered.
///
/// # Errors
/// Whatever writing fails with.
pub fn write(out: &mut impl Write, shown: &mut ShownSockets<'_>) -> io::Result<()> {
    let mut format = TimeFormat::rfc3339();
    let time = format.write(shown.wall_ns);
    for socket in shown.sockets {
        let row = SocketRow::new(socket, time, shown.cgroups);
        serde_json::to_writer(&mut *out, &SocketLine { row })?;
        out.write_all(b"\n")?;
    }
    Ok(())
}
