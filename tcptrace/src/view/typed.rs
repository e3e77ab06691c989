//! Objects that say first what they are: `{"type":"…",…}`, one a line.

use std::io::{self, Write};

use serde::Serialize;

/// Writes objects. A line is made in one place and handed over whole: the fields of a line are
/// many, and small.
pub(super) struct TypedLines<W> {
    out: W,
    line: Vec<u8>,
}

impl<W: Write> TypedLines<W> {
    /// Writes to `out`, which should be buffered.
    pub fn new(out: W) -> Self {
        let line = Vec::with_capacity(1024);
        Self { out, line }
    }

    /// Writes an object with the fields of `row`, which is a struct, behind its type.
    pub fn write(&mut self, name: &str, row: &impl Serialize) -> io::Result<()> {
        self.write_by(name, |line| {
            let brace = line.len();
            serde_json::to_writer(&mut *line, row)?;
            line[brace] = b',';
            line.pop();
            Ok(())
        })
    }

    /// Writes an object whose fields `fields` appends, each with a comma before it.
    pub fn write_by(
        &mut self,
        name: &str,
        fields: impl FnOnce(&mut Vec<u8>) -> serde_json::Result<()>,
    ) -> io::Result<()> {
        self.line.clear();
        self.line.extend_from_slice(b"{\"type\":\"");
        self.line.extend_from_slice(name.as_bytes());
        self.line.push(b'"');
        fields(&mut self.line)?;
        self.line.extend_from_slice(b"}\n");
        self.out.write_all(&self.line)
    }

    /// Hands over what is buffered.
    pub fn flush(&mut self) -> io::Result<()> {
        self.out.flush()
    }
}
