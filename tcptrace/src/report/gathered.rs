//! What a page is made of.

use super::{Lives, StuckKinds};
use crate::{
    aggregate::{Rates, Ways, flows::IdleCloses, stats::Closers},
    model::Degraded,
    output::{End, Summary},
};

/// What a page is made of. All of it is bounded, however much happened.
pub struct Gathered {
    /// The figures of `stats`; `None`: nothing was read.
    pub summary: Option<Summary>,
    /// How often each way from state to state was taken.
    pub ways: Ways,
    /// What happened when.
    pub rates: Rates,
    /// Who closed first, and how it ended.
    pub closers: Closers,
    /// Connections that were closed after they had been idle for as long as a known timeout.
    pub idle: IdleCloses,
    /// Connections that are shown one by one.
    pub lives: Lives,
    /// Connections that were found to be stuck.
    pub stuck: StuckKinds,
    /// What could not be seen on the machine, and why.
    pub degraded: Vec<Degraded>,
    /// Numbers of the whole; `None`: nothing was read.
    pub end: Option<End>,
}

impl Default for Gathered {
    fn default() -> Self {
        Self {
            summary: None,
            ways: Ways::default(),
            rates: Rates::default(),
            closers: Closers::default(),
            idle: IdleCloses::of_all(),
            lives: Lives::default(),
            stuck: StuckKinds::default(),
            degraded: Vec::new(),
            end: None,
        }
    }
}
