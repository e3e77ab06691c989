//! What happened, as a page to be read by people: one file, which asks nobody for anything.
//!
//! [`Gathered`] is what the page is made of: a consumer of the loop fills it. [`Page`] writes it, in
//! one language.

mod gathered;
mod lives;
mod page;
mod stuck;

pub use self::{
    gathered::Gathered,
    lives::{Around, Life, LifeKind, Lives, MOST_HANDSHAKES, MOST_LIVES},
    page::{Page, PageError},
    stuck::{MOST_STUCK, StuckKind, StuckKinds, StuckLife},
};

/// So many rows of each list are on the page; how many there are beside is said.
pub const MOST_ROWS: usize = 20;
