//! A recording, read back.
//!
//! A [`Recording`] is a folder of segments, or some of them. Where one goes on from the one before,
//! they are one [`Piece`]; where something is missing in between, or tracing ended and began again,
//! another piece begins. Each piece is a source of its own, [`Replay`].

mod blocks;
mod piece;
mod recording;
mod segment;

pub use self::{
    blocks::Damage,
    piece::{Piece, Range, Replay},
    recording::{Recording, RecordingError},
    segment::{Mark, Segment},
};
