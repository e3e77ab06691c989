//! Objects that say first what they are: `{"type":"…",…}`, one a line.

use std::io::{self, Write};

use serde::Serialize;

/// So many bytes are handed over at once, or a few more.
const BLOCK: usize = 1 << 16;

/// Writes objects. They are made one behind the other in one place, which is handed over when it is
/// full: the fields of a line are many, and small.
pub(super) struct TypedLines<W: Write> {
    out: W,
    lines: Vec<u8>,
}

impl<W: Write> TypedLines<W> {
    /// Writes to `out`. What is left comes with [`flush`](Self::flush), or in the end: then no
    /// error is told.
    pub fn new(out: W) -> Self {
        let lines = Vec::new();
        Self { out, lines }
    }

    /// Writes an object with the fields of `row`, which is a struct, behind its type.
    pub fn write(&mut self, name: &str, row: &impl Serialize) -> io::Result<()> {
        self.begin(name);
        let brace = self.lines.len();
        serde_json::to_writer(&mut self.lines, row)?;
        self.lines[brace] = b',';
        self.lines.pop();
        self.end()
    }

    /// Writes an object whose fields `fields` appends, each with a comma before it.
    pub fn write_by(&mut self, name: &str, fields: impl FnOnce(&mut Vec<u8>)) -> io::Result<()> {
        self.begin(name);
        fields(&mut self.lines);
        self.end()
    }

    fn begin(&mut self, name: &str) {
        self.lines.extend_from_slice(b"{\"type\":\"");
        self.lines.extend_from_slice(name.as_bytes());
        self.lines.push(b'"');
    }

    fn end(&mut self) -> io::Result<()> {
        self.lines.extend_from_slice(b"}\n");
        if self.lines.len() < BLOCK {
            return Ok(());
        }
        self.hand_over()
    }

    fn hand_over(&mut self) -> io::Result<()> {
        let written = self.out.write_all(&self.lines);
        // What could not be written is not written twice.
        self.lines.clear();
        written
    }

    /// Hands over what there is.
    pub fn flush(&mut self) -> io::Result<()> {
        self.hand_over()?;
        self.out.flush()
    }
}

impl<W: Write> Drop for TypedLines<W> {
    fn drop(&mut self) {
        let _ = self.hand_over();
    }
}
