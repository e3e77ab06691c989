//! Keeps what happens in a folder, to look at it later: what [`source::replay`](crate::source)
//! reads.
//!
//! The loop hands over what it is told to a [`Recorder`], which puts it into blocks, and these to a
//! [`Worker`], on a thread of its own: it compresses them and writes them to the disk, which may be
//! slow, or full. The loop waits for neither. What could not be written is counted.

mod anonymize;
mod folder;
pub mod format;
mod recorder;
mod segment;
mod worker;

pub use self::{
    anonymize::Anonymizer,
    folder::{Folder, FolderError, SegmentName, caller, is_recorded_in, segments},
    recorder::{Recorder, Wanted},
    worker::{Keep, Limits, Outcome, Progress, Worker},
};
