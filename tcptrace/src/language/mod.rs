//! The languages that tcptrace speaks, and its words in each. The words are data, in `texts`; this
//! chooses the language, and puts numbers and names into sentences.
//!
//! Names that others rely on are the same in every language: states, reasons, verdicts, fields of JSON
//! and CSV, metrics and options.

mod choice;
mod words;

pub use self::{
    choice::{Asked, Language, UnknownLanguage},
    words::{Arg, Chapter, Words, WordsError, thousands},
};
