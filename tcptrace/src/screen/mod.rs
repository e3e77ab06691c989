//! The screen of `tcptrace top`: keys and snapshots in, what to draw out; and the terminal, with a
//! thread of its own, for which nobody waits.
//!
//! The loop hands a [`Snapshot`] over at most ten times a second, of what the screen
//! [wants](Wish) to have. [`Screen`] neither reads nor writes; [`terminal`] does.

mod canvas;
mod columns;
mod draw;
mod file;
pub mod keys;
mod life;
mod machine;
mod page;
mod rows;
mod search;
mod snapshot;
mod tab;
mod tables;
mod terminal;
mod theme;
mod view;
mod words;
mod written;

pub use self::{
    columns::{First, Row},
    file::{FileError, FileSettings},
    rows::{EndRow, GroupRow, ListenerRow, Rows},
    search::{Search, SearchError},
    snapshot::{Alarms, Life, Lines, MOST_ROWS, Ports, ReplayState, Snapshot, Travel, Wish},
    tab::Tab,
    terminal::{NoTerminal, Show},
    theme::{Role, Theme, ThemeName},
    view::{Action, Screen, Settings},
    words::Around,
};
