//! The columns of a table, and what they sort by.

use std::net::IpAddr;

use super::{canvas::Tone, rows::RowId, words::Around};
use crate::model::{Comm, Cookie};

/// By what rows are sorted.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Key {
    /// Unknown.
    None,
    /// A number, a time.
    Number(u64),
    /// A name.
    Name(Comm),
    /// A word of ours.
    Word(&'static str),
    /// An address and a port.
    Address(IpAddr, u16),
}

/// A column of a table.
pub struct Column<R> {
    /// Its heading.
    pub name: &'static str,
    /// How wide it is.
    pub width: u16,
    /// The part of what is left of the line that it gets; 0: none.
    pub grows: u16,
    /// On a short line, those go first whose rank is higher.
    pub rank: u8,
    /// Numbers stand on the right.
    pub right: bool,
    /// Of what is too long, the middle is left out: an address has its port at the end.
    pub cut_within: bool,
    /// The largest ones are looked for, mostly.
    pub descending: bool,
    /// What it is sorted by.
    pub key: fn(&R, &Around) -> Key,
    /// What stands there.
    pub text: fn(&R, &Around) -> String,
    /// How it looks.
    pub tone: fn(&R) -> Tone,
}

/// A row of a table.
pub trait Row: Sized + 'static {
    /// The columns of the table.
    const COLUMNS: &'static [Column<Self>];
    /// The column that it is sorted by in the beginning.
    const SORTED_BY: usize;
    /// What it is.
    fn id(&self) -> RowId;
    /// Whose life can be looked at.
    fn cookie(&self) -> Option<Cookie> {
        None
    }
    /// The word that `tcptrace explain` is asked for.
    fn word(&self) -> Option<&'static str>;
}

/// A column that is no number.
pub(super) const fn text<R>(
    name: &'static str,
    width: u16,
    key: fn(&R, &Around) -> Key,
    text: fn(&R, &Around) -> String,
) -> Column<R> {
    Column {
        name,
        width,
        grows: 0,
        rank: 0,
        right: false,
        cut_within: false,
        descending: false,
        key,
        text,
        tone: |_| Tone::Plain,
    }
}

/// `255.255.255.255:65535`.
const ADDRESS: u16 = 21;

/// A column of addresses and ports.
pub(super) const fn end<R>(
    name: &'static str,
    key: fn(&R, &Around) -> Key,
    shown: fn(&R, &Around) -> String,
) -> Column<R> {
    Column {
        cut_within: true,
        ..text(name, ADDRESS, key, shown)
    }
}

/// A column of numbers.
pub(super) const fn number<R>(
    name: &'static str,
    width: u16,
    key: fn(&R, &Around) -> Key,
    shown: fn(&R, &Around) -> String,
) -> Column<R> {
    Column {
        right: true,
        descending: true,
        ..text(name, width, key, shown)
    }
}

impl<R> Column<R> {
    pub(super) const fn grows(self, part: u16) -> Self {
        Self {
            grows: part,
            ..self
        }
    }

    pub(super) const fn rank(self, rank: u8) -> Self {
        Self { rank, ..self }
    }

    pub(super) const fn tone(self, tone: fn(&R) -> Tone) -> Self {
        Self { tone, ..self }
    }
}

pub(super) fn sort<R: Row>(rows: &mut [R], column: usize, descending: bool, around: &Around) {
    let Some(column) = R::COLUMNS.get(column) else {
        return;
    };
    // Equal ones stay as they are: what is unknown stands at the end.
    rows.sort_by(|a, b| {
        let (a, b) = ((column.key)(a, around), (column.key)(b, around));
        match (a == Key::None, b == Key::None) {
            (false, false) if descending => b.cmp(&a),
            (false, false) => a.cmp(&b),
            (a, b) => a.cmp(&b),
        }
    });
}

/// Keeps the first so many rows of a table, as it is sorted.
pub struct First<'a, R: Row> {
    column: &'static Column<R>,
    descending: bool,
    most: usize,
    around: &'a Around,
    rows: Vec<(Key, R)>,
    seen: u64,
}

impl<'a, R: Row> First<'a, R> {
    /// None yet, of at most so many.
    #[must_use]
    pub fn new(column: usize, descending: bool, most: usize, around: &'a Around) -> Self {
        Self {
            column: R::COLUMNS.get(column).unwrap_or(&R::COLUMNS[R::SORTED_BY]),
            descending,
            most: most.max(1),
            around,
            rows: Vec::new(),
            seen: 0,
        }
    }

    /// Takes a row.
    pub fn take(&mut self, row: R) {
        self.seen += 1;
        self.rows.push(((self.column.key)(&row, self.around), row));
        if self.rows.len() >= 2 * self.most {
            self.cut();
        }
    }

    fn cut(&mut self) {
        if self.rows.len() <= self.most {
            return;
        }
        let descending = self.descending;
        self.rows
            .select_nth_unstable_by(self.most - 1, |(a, _), (b, _)| {
                match (*a == Key::None, *b == Key::None) {
                    (false, false) if descending => b.cmp(a),
                    (false, false) => a.cmp(b),
                    (a, b) => a.cmp(&b),
                }
            });
        self.rows.truncate(self.most);
    }

    /// The rows, in no order, and how many there were in all.
    #[must_use]
    pub fn finish(mut self) -> (Vec<R>, u64) {
        self.cut();
        (self.rows.into_iter().map(|it| it.1).collect(), self.seen)
    }
}
