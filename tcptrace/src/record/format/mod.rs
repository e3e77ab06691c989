//! What is in a segment, byte by byte: `docs/recording.md` describes it for other programs.
//!
//! A segment is a row of blocks. Each has a [head](BlockHead) that says what it is and how to tell
//! that it is whole, and is compressed by itself. Within a block, [entries](Entry) follow each other;
//! what they have in common with those before them is not written again, and nothing refers to
//! another block.

mod beginning;
mod block;
mod bytes;
mod dropped;
mod entry;
mod event;
mod index;
mod remembered;
mod shared;

pub use self::{
    beginning::{Beginning, Namespace},
    block::{BlockHead, BlockKind, HEAD_BYTES, HeadError, Place},
    bytes::FormatError,
    entry::{Entry, EntryReader, EntryWriter},
    index::{Index, IndexEntry, TAIL_BYTES, read_tail, tail},
};

/// The version of the format. A reader takes all up to its own: 2 has what runs in control groups, 3
/// what listeners dropped.
pub const VERSION: u16 = 3;
/// A block of entries is closed when it has so many bytes, before compression.
pub const BLOCK_BYTES: usize = 64 << 10;
/// No block has more bytes than that, before compression.
pub const MOST_BLOCK_BYTES: usize = 64 << 20;
