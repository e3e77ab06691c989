//! The languages that tcptrace speaks, and its words in each. The words are data, in `texts`; this
//! chooses the language, and puts numbers and names into sentences.
//!
//! Names that others rely on are the same in every language: states, reasons, verdicts, fields of JSON
//! and CSV, metrics and options.

mod choice;
mod tables;
mod unseen;
mod words;

#[cfg(test)]
use self::tables::{heading_id, why_id};
pub use self::{
    choice::{Asked, Language, UnknownLanguage},
    tables::{heading, why, words as table_words},
    unseen::{kernel_error, no_addresses, why_unseen},
    words::{Arg, Chapter, Words, WordsError, thousands},
};
