//! How far a recording is read, said to who waits for it at a terminal.

use std::time::{Duration, Instant};

use crate::output::{ReadingProgress, StatusLine};

/// Who waits no longer is told nothing.
const PATIENCE: Duration = Duration::from_millis(500);
/// How often it is said.
const OFTEN: Duration = Duration::from_millis(200);

/// Says how far a recording is read.
pub(super) struct Progress {
    line: StatusLine,
    /// Bytes that were to be read in the beginning.
    all: Option<u64>,
    /// Bytes of what is read later.
    later: u64,
    due: Instant,
}

impl Progress {
    /// `None`: nobody would see it, or it would stand among the lines that are told. `is_silent`:
    /// there are none before the end.
    pub fn new(is_silent: bool) -> Option<Self> {
        let line = StatusLine::default();
        line.is_seen_alone(is_silent).then(|| Self {
            line,
            all: None,
            later: 0,
            due: Instant::now() + PATIENCE,
        })
    }

    /// So many bytes are read later.
    pub fn leave(&mut self, later: u64) {
        self.later = later;
    }

    /// So many bytes of what is read now are still to be read.
    pub fn left(&mut self, bytes: u64) {
        let left = self.later + bytes;
        let all = *self.all.get_or_insert(left);
        if Instant::now() >= self.due {
            self.due = Instant::now() + OFTEN;
            let read = all.saturating_sub(left);
            self.line.show(&ReadingProgress { read, all });
        }
    }
}

impl Drop for Progress {
    fn drop(&mut self) {
        self.line.take_back();
    }
}
