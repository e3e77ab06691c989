//! Lines that wait for the names in them.

use rustc_hash::FxHashSet;

use crate::model::{Cookie, Transition};

/// So many wait; more are told with what is known.
const MOST: usize = 1 << 13;

/// Transitions that wait until it is known what runs where they were made: those of a connection stay
/// in their order.
#[derive(Debug, Default)]
pub(super) struct Held {
    waiting: Vec<Transition>,
    cookies: FxHashSet<Cookie>,
}

impl Held {
    pub fn is_empty(&self) -> bool {
        self.waiting.is_empty()
    }

    pub fn is_full(&self) -> bool {
        self.waiting.len() >= MOST
    }

    /// Whether an earlier one of the same connection waits.
    pub fn has_of(&self, it: &Transition) -> bool {
        it.cookie
            .is_some_and(|cookie| self.cookies.contains(&cookie))
    }

    pub fn add(&mut self, it: Transition) {
        self.cookies.extend(it.cookie);
        self.waiting.push(it);
    }

    /// All of them, in their order.
    pub fn take(&mut self) -> Vec<Transition> {
        self.cookies.clear();
        std::mem::take(&mut self.waiting)
    }
}
