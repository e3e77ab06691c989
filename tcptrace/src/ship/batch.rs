//! Batches: parts of a recording, each brought as a whole or not at all.
//!
//! Where one ends follows from what is recorded alone, never from when it was read or sent: so a batch
//! has the same rows, and the same name, whoever makes it, however often. In one batch are rows of one
//! segment, and of one day, as a database takes all of an insert or nothing only within one partition.
//!
//! A row is of the segment in which it happened. What was to be waited for before it was told may be in
//! the next one: a segment is whole only some time after the next one has begun. So each has the same
//! rows whether it is read behind the one before or, where that is gone, alone.

use std::fmt;

use serde::{Deserialize, Serialize};

use crate::engine::Reached;

/// What is waited for the longest are names, three seconds.
const LATE_NS: u64 = 5_000_000_000;

/// Where a batch ends at the latest.
#[derive(Clone, Copy, Debug)]
pub struct Limits {
    /// Rows.
    pub rows: u32,
    /// Bytes of its rows, before compression: where one row is longer, it stands alone.
    pub bytes: usize,
    /// How long after its first row happened, by the recording's clock, ns.
    pub age_ns: u64,
    /// No row is told so much later than it happened, ns.
    pub late_ns: u64,
}

impl Limits {
    /// For a database: few large inserts.
    pub const LARGE: Self = Self {
        rows: 50_000,
        bytes: 8 << 20,
        age_ns: 10_000_000_000,
        late_ns: LATE_NS,
    };
    /// For a collector: many refuse a request that is much larger.
    pub const SMALL: Self = Self {
        rows: 2_000,
        bytes: 1 << 20,
        age_ns: 10_000_000_000,
        late_ns: LATE_NS,
    };
}

/// The name of a batch.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct BatchId {
    /// The machine.
    pub host: String,
    /// Its boot id.
    pub boot: String,
    /// The recording: a name by chance that all segments of one run have.
    pub run: String,
    /// The number of the segment in its folder.
    pub segment: u64,
    /// Its number in the segment, from 0 on.
    pub number: u32,
}

impl fmt::Display for BatchId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self {
            host,
            boot,
            run,
            segment,
            number,
        } = self;
        write!(f, "{host}/{boot}/{run}/{segment}/{number}")
    }
}

/// How far a recording was brought: what is before this is there.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Position {
    /// The segment.
    #[serde(flatten)]
    pub reached: Reached,
    /// So many rows of it.
    pub rows: u64,
    /// The number of the next batch in it.
    pub batch: u32,
}

/// Rows that are brought as a whole.
#[derive(Clone, Debug)]
pub struct Batch {
    /// Its name.
    pub id: BatchId,
    /// How many.
    pub rows: u32,
    /// A line each.
    pub lines: Vec<u8>,
    /// When the first and the last of them happened: ns since 1970.
    pub from_ns: i64,
    /// See [`from_ns`](Self::from_ns).
    pub to_ns: i64,
    /// Where the recording goes on behind it.
    pub position: Position,
}

/// What is whole.
#[derive(Debug)]
pub enum Shipped {
    /// A batch.
    Batch(Batch),
    /// A segment ended there, and has no more rows.
    Reached(Position),
}
