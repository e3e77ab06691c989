//! Parquet: a file of rows, by columns, for programs that ask about many of them.
//!
//! Which columns there are, and of what types, comes from the row, as everything else does: see
//! [`Stored`], and `fields.rs` for what there is of each type. Before them are `host` and `boot`, so
//! that files of several machines can be read together.

mod columns;
mod fields;
mod file;

use std::{io, path::Path};

pub use self::{
    columns::{Batch, Column},
    file::ParquetFile,
};
use super::{Context, End, Origin, Scratch, Shown, Start, View};
use crate::host::Clock;

/// What can be stored in a file of Parquet.
pub trait Stored {
    /// Adds the columns that it takes, with what is said of it. An address has two, a group of
    /// fields as many as they have.
    fn columns(name: &str, said: &str, columns: &mut Vec<Column>);

    /// Appends it to just those columns, or that it is unknown.
    fn store(it: Option<&Self>, to: &mut Batch<'_>);
}

/// Writes what is shown as a file of Parquet. It is there under its name when it is whole: with
/// [`View::end`].
pub struct Parquet {
    file: ParquetFile,
    scratch: Scratch,
    /// Events.
    lost: u64,
}

impl Parquet {
    /// Begins a file of what `T` has as rows. A file that is there stays until the end, and is
    /// replaced then.
    ///
    /// # Errors
    /// The folder is not there, or can't be written to.
    pub fn create<T: Shown>(path: &Path, origin: &Origin) -> io::Result<Self> {
        Ok(Self {
            file: ParquetFile::create::<T::Row<'_>>(path, origin)?,
            scratch: Scratch::default(),
            lost: 0,
        })
    }
}

impl Parquet {
    /// Ends the file, and gives it its name.
    ///
    /// # Errors
    /// The disk is full, for example: there is no file then.
    pub fn finish(&mut self) -> io::Result<()> {
        self.file
            .say("tcptrace.events_lost", &self.lost.to_string())?;
        self.file.finish()
    }
}

impl<T: Shown> View<T> for Parquet {
    fn start(&mut self, start: &Start, _: &Clock) -> io::Result<()> {
        self.file.say("tcptrace.version", start.version)?;
        self.file.say("tcptrace.kernel", &start.kernel)
    }

    fn show(&mut self, it: &T, around: &mut Context<'_>) -> io::Result<()> {
        self.file.row(&it.row(around, &mut self.scratch))
    }

    fn lost(&mut self, events: u64) -> io::Result<()> {
        self.lost += events;
        Ok(())
    }

    fn end(&mut self, _: &End) -> io::Result<()> {
        self.finish()
    }

    /// What is not a whole file is of no use to anybody.
    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}
