//! Plain words about states, reasons, settings and counters. The words are data, in `texts`; this
//! finds them.

mod book;
mod lookup;
mod parts;
mod words;

pub(crate) use self::words::{WIDTH, why};
pub use self::{
    book::{Book, BookError, Entry, Kind},
    lookup::UnknownWord,
};
