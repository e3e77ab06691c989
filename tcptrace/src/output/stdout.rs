//! Standard output.

use std::{
    io::{self, StdoutLock, Write},
    sync::atomic::{AtomicU64, Ordering},
};

/// How often a write began or ended.
static WRITES: AtomicU64 = AtomicU64::new(0);

/// How often a write to standard output began or ended: odd within one. One that takes longer than
/// another waits for a reader.
#[must_use]
pub fn writes() -> u64 {
    WRITES.load(Ordering::Relaxed)
}

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
        WRITES.fetch_add(1, Ordering::Relaxed);
        let written = self.0.write(bytes).map_err(told);
        WRITES.fetch_add(1, Ordering::Relaxed);
        written
    }

    fn flush(&mut self) -> io::Result<()> {
        // Behind it is a buffer of the library's.
        WRITES.fetch_add(1, Ordering::Relaxed);
        let flushed = self.0.flush().map_err(told);
        WRITES.fetch_add(1, Ordering::Relaxed);
        flushed
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
