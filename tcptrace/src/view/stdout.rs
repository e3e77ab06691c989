//! Standard output.

use std::io::{self, StdoutLock, Write};

/// Standard output, whose errors say what could not be done. A closed pipe stays what it is, an
/// [`io::Error`] of kind [`BrokenPipe`](io::ErrorKind::BrokenPipe).
pub struct Stdout(StdoutLock<'static>);

impl Stdout {
    /// Takes it, until dropped.
    #[must_use]
    pub fn lock() -> Self {
        Self(io::stdout().lock())
    }
}

impl Write for Stdout {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0.write(bytes).map_err(told)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.0.flush().map_err(told)
    }
}

fn told(error: io::Error) -> io::Error {
    let kind = error.kind();
    match kind {
        // Whoever writes a buffer tries that again by itself.
        io::ErrorKind::Interrupted => error,
        _ => io::Error::new(kind, format!("cannot write to standard output: {error}")),
    }
}
