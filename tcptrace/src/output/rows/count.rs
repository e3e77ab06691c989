//! A line of `list -s`.

use crate::{
    model::State,
    output::row::{line, row},
};

row! {
    /// How many sockets are in a state.
    #[derive(Clone, Copy)]
    pub struct CountRow {
        /// The state.
        state: State,
        /// How many sockets are in it, orphans and minisocks included.
        sockets: usize,
        /// How many of them a process had, and none has any more.
        orphans: usize,
        /// How many of them are minisocks.
        minisocks: usize,
    }
}
line!(
    CountRow = "count",
    "How many sockets are in a state",
    "A line of list -s."
);
