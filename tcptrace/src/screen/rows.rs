//! The rows of the tables.

use super::{
    columns::{Row, sort},
    words::Around,
};
use crate::{
    aggregate::stats::Group,
    model::{Connection, Cookie, State, Transition, Tuple},
    output::ShownStuck,
};

/// The rows of a table.
#[derive(Clone, Debug, Default)]
pub enum Rows {
    /// None.
    #[default]
    None,
    /// Connections.
    Connections(Vec<Connection>),
    /// Sums of connections: of processes, or peers.
    Groups(Vec<GroupRow>),
    /// Listeners.
    Listeners(Vec<ListenerRow>),
    /// Connections that are stuck.
    Stuck(Vec<ShownStuck>),
    /// How connections ended.
    Ends(Vec<EndRow>),
}

/// Connections of a process, or with a peer.
#[derive(Clone, Copy, Debug)]
pub struct GroupRow {
    /// Whose.
    pub group: Group,
    /// How many are in each state, in the order of [`State::ALL`].
    pub states: [u32; State::ALL.len()],
    /// All of them; listeners do not count.
    pub connections: u32,
}

/// A listener.
#[derive(Clone, Copy, Debug)]
pub struct ListenerRow {
    /// The listener.
    pub listener: Connection,
    /// How many that came to its port are half open.
    pub half_open: u32,
    /// How many that came to it are established.
    pub established: u32,
    /// How many that came to it are in other states.
    pub closing: u32,
}

/// A connection that ended.
#[derive(Clone, Copy, Debug)]
pub struct EndRow {
    /// How many ended before.
    pub number: u64,
    /// When: ns since 1970.
    pub wall_ns: i64,
    /// How it ended: its way to CLOSED.
    pub last: Transition,
}

/// What a row is, whatever becomes of it: by this the selected one is found again.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum RowId {
    /// A connection's, or a listener's.
    Cookie(Cookie),
    /// Of one that has no cookie yet.
    Tuple(Tuple),
    /// A group's.
    Group(Group),
    /// An end's.
    End(u64),
}

impl RowId {
    pub(super) fn of(it: &Connection) -> Self {
        it.cookie.map_or(Self::Tuple(it.tuple), Self::Cookie)
    }
}

impl Rows {
    /// How many rows there are.
    #[must_use]
    pub fn len(&self) -> usize {
        match self {
            Self::None => 0,
            Self::Connections(rows) => rows.len(),
            Self::Groups(rows) => rows.len(),
            Self::Listeners(rows) => rows.len(),
            Self::Stuck(rows) => rows.len(),
            Self::Ends(rows) => rows.len(),
        }
    }

    /// Whether there are none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// What a row is.
    #[must_use]
    pub fn id(&self, at: usize) -> Option<RowId> {
        match self {
            Self::None => None,
            Self::Connections(rows) => rows.get(at).map(Row::id),
            Self::Groups(rows) => rows.get(at).map(Row::id),
            Self::Listeners(rows) => rows.get(at).map(Row::id),
            Self::Stuck(rows) => rows.get(at).map(Row::id),
            Self::Ends(rows) => rows.get(at).map(Row::id),
        }
    }

    /// Whose life can be looked at there.
    #[must_use]
    pub fn cookie(&self, at: usize) -> Option<Cookie> {
        match self {
            Self::None => None,
            Self::Connections(rows) => rows.get(at).and_then(Row::cookie),
            Self::Groups(rows) => rows.get(at).and_then(Row::cookie),
            Self::Listeners(rows) => rows.get(at).and_then(Row::cookie),
            Self::Stuck(rows) => rows.get(at).and_then(Row::cookie),
            Self::Ends(rows) => rows.get(at).and_then(Row::cookie),
        }
    }

    /// The word that `tcptrace explain` is asked for there.
    #[must_use]
    pub fn word(&self, at: usize) -> Option<&'static str> {
        match self {
            Self::None => None,
            Self::Connections(rows) => rows.get(at).and_then(Row::word),
            Self::Groups(rows) => rows.get(at).and_then(Row::word),
            Self::Listeners(rows) => rows.get(at).and_then(Row::word),
            Self::Stuck(rows) => rows.get(at).and_then(Row::word),
            Self::Ends(rows) => rows.get(at).and_then(Row::word),
        }
    }

    /// Sorts the rows by a column.
    pub fn sort(&mut self, column: usize, descending: bool, around: &Around) {
        match self {
            Self::None => {}
            Self::Connections(rows) => sort(rows, column, descending, around),
            Self::Groups(rows) => sort(rows, column, descending, around),
            Self::Listeners(rows) => sort(rows, column, descending, around),
            Self::Stuck(rows) => sort(rows, column, descending, around),
            Self::Ends(rows) => sort(rows, column, descending, around),
        }
    }
}
