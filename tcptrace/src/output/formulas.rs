//! Harmless of CSV that a spreadsheet would take for formulas.

use std::io::{self, Write};

/// Writes CSV, with `'` before each field that begins with `=`, `+`, `-` or `@`: a program that
/// calls itself `=1+1` shall not compute anything where its name is looked at. No field of
/// tcptrace's own begins so.
pub(super) struct Harmless<W> {
    out: W,
    /// The next byte is the first one of a field.
    begins: bool,
    /// Within quotation marks.
    quoted: bool,
}

impl<W: Write> Harmless<W> {
    pub fn new(out: W) -> Self {
        Self {
            out,
            begins: true,
            quoted: false,
        }
    }
}

impl<W: Write> Write for Harmless<W> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let mut written = 0;
        for (index, byte) in bytes.iter().enumerate() {
            self.begins = match byte {
                b'"' => {
                    self.quoted = !self.quoted;
                    self.begins && self.quoted
                }
                b',' | b'\n' if !self.quoted => true,
                b'=' | b'+' | b'-' | b'@' if self.begins => {
                    self.out.write_all(&bytes[written..index])?;
                    self.out.write_all(b"'")?;
                    written = index;
                    false
                }
                _ => false,
            };
        }
        self.out.write_all(&bytes[written..])?;
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        self.out.flush()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_a_spreadsheet_would_compute_is_text() {
        for (fields, line) in [
            (&["=1+1", "a", "b=c"][..], "'=1+1,a,b=c\n"),
            (&["a", "@x", "+1", "-bash"], "a,'@x,'+1,'-bash\n"),
            (&["=a,\"b\"", "=c"], "\"'=a,\"\"b\"\"\",'=c\n"),
            (&["a\"=b", "", "="], "\"a\"\"=b\",,'=\n"),
            (&["::1", "12", "(sd-pam)"], "::1,12,(sd-pam)\n"),
        ] {
            let mut out = Vec::new();
            let mut csv = ::csv::Writer::from_writer(Harmless::new(&mut out));
            csv.write_record(fields).expect("a record");
            csv.flush().expect("a buffer takes everything");
            drop(csv);
            assert_eq!(String::from_utf8(out).expect("text"), line);
        }
    }

    #[test]
    fn fields_go_on_in_the_next_piece() {
        let mut out = Vec::new();
        let mut cells = Harmless::new(&mut out);
        for piece in ["a,", "=b", "\n", "\"", "=", "c\"", "\n"] {
            cells
                .write_all(piece.as_bytes())
                .expect("a buffer takes everything");
        }
        assert_eq!(out, b"a,'=b\n\"'=c\"\n");
    }
}
