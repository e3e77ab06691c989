//! Rows of a table of a database: lines of JSON in which each column is a member, and what is unknown
//! is left out. Which columns there are comes from the row, as everything else does: see
//! [`Field::insert`](super::row::Field::insert).

use super::{
    Context, Scratch, Shown,
    row::{Field as _, Fields as _, Row},
};

/// Appends the row, behind `first`: members that all rows of a batch have, from `{` on, without a
/// comma behind them.
pub fn insert<T: Shown>(
    it: &T,
    first: &[u8],
    around: &mut Context<'_>,
    scratch: &mut Scratch,
    lines: &mut Vec<u8>,
) {
    lines.extend_from_slice(first);
    it.row(around, scratch).insert_members("", lines);
    lines.extend_from_slice(b"}\n");
}

/// The names of the columns that a row can have, in their order, without those that stand before it.
#[must_use]
pub fn inserted_names<T: Shown>() -> Vec<String> {
    let mut names = Vec::new();
    T::Row::<'_>::inserted_members("", &mut names);
    names
}

/// Appends a text as JSON has it.
pub fn json_string(text: &str, line: &mut Vec<u8>) {
    text.json(line);
}

/// Appends the line of `-o json`.
pub fn json_line<T: Shown>(
    it: &T,
    around: &mut Context<'_>,
    scratch: &mut Scratch,
    lines: &mut Vec<u8>,
) {
    lines.extend_from_slice(<T::Row<'_> as Row>::BEGIN.as_bytes());
    it.row(around, scratch).members(lines);
    lines.extend_from_slice(b"}\n");
}
