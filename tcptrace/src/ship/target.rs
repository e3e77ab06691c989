//! What batches are brought to.

use std::{fmt, io, time::Duration};

use super::{batch::Position, state::Flight};
use crate::engine::Reached;

/// Why something did not go well.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Failure {
    /// It may go well later.
    Later {
        /// Why not now.
        why: String,
        /// It may have gone well, as the answer is not known.
        in_doubt: bool,
        /// How long the other side asks to wait; `None`: it does not say.
        after: Option<Duration>,
    },
    /// It never will: somebody has to do something.
    Never {
        /// Why, and what would help.
        why: String,
        /// It is for the rows of the batch.
        rows_refused: bool,
    },
}

impl Failure {
    /// Nothing was done, and it may go well later.
    pub fn later(why: impl Into<String>) -> Self {
        Self::Later {
            why: why.into(),
            in_doubt: false,
            after: None,
        }
    }

    /// It never will.
    pub fn never(why: impl Into<String>) -> Self {
        Self::Never {
            why: why.into(),
            rows_refused: false,
        }
    }
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Later { why, .. } | Self::Never { why, .. } => f.write_str(why),
        }
    }
}

/// Which recording is brought.
#[derive(Clone, Debug)]
pub struct Source {
    /// The machine.
    pub host: String,
    /// Its boot id.
    pub boot: String,
    /// A name by chance that all segments of one run have.
    pub run: String,
    /// The segments that are there, each with when it began: ns since 1970.
    pub segments: Vec<(u64, i64)>,
}

impl Source {
    /// When the first of them began: ns since 1970.
    #[must_use]
    pub fn began_wall_ns(&self) -> i64 {
        self.segments.iter().map(|it| it.1).min().unwrap_or(0)
    }

    /// The position behind what a database has of the last segment of it.
    #[must_use]
    pub fn position(&self, segment: u64, last_batch: u32, rows: u64) -> Position {
        let upto = self.segments.iter().filter(|it| it.0 <= segment);
        Position {
            reached: Reached {
                run: self.run.clone(),
                segment,
                began_wall_ns: upto.map(|it| it.1).max().unwrap_or(i64::MAX),
                whole: false,
            },
            rows,
            batch: last_batch.saturating_add(1),
        }
    }
}

/// What takes batches.
pub trait Target: Send {
    /// Finds out whether it is there, and takes what will come. To be called before anything else, and
    /// after each failure.
    ///
    /// # Errors
    /// When it does not.
    fn open(&mut self) -> Result<(), Failure>;

    /// How far a recording is there already; `None`: nothing of it is, or that can't be told.
    ///
    /// # Errors
    /// When it can't be asked.
    fn position(&mut self, source: &Source) -> Result<Option<Position>, Failure>;

    /// How bodies are compressed, as HTTP calls it.
    fn encoding(&self) -> &'static str;

    /// Compresses the rows of a batch.
    ///
    /// # Errors
    /// None that is known.
    fn compress(&mut self, lines: &[u8]) -> io::Result<Vec<u8>>;

    /// Brings a batch: once, where it is known not to be there; where it may be, it is not brought
    /// twice, if this target can tell. Gives how many rows of it were refused: it is done with these, too.
    ///
    /// # Errors
    /// When that is not known to have gone well.
    fn send(&mut self, flight: &Flight) -> Result<u32, Failure>;
}
