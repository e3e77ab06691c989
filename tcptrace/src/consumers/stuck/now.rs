//! Those that are stuck now, for who shows them beside other things.

use std::{collections::BTreeMap, io, ops::ControlFlow};

use super::Stuck;
use crate::{
    diagnose::Thresholds,
    engine::Consumer as _,
    filter::Filter,
    model::{Cookie, Machine, State, Transition},
    output::{Collected, Context, ShownStuck},
    track::Tracker,
};

/// So many are kept.
const MOST: usize = 10_000;

/// Connections that are stuck, as long as they are.
pub struct StuckNow {
    stuck: Stuck,
    /// What that found, until it is taken.
    found: Collected,
    held: BTreeMap<Cookie, ShownStuck>,
}

impl StuckNow {
    /// Looks among those that `filter` lets through.
    #[must_use]
    pub fn new(filter: Filter, thresholds: Thresholds) -> Self {
        let found = Collected::default();
        Self {
            stuck: Stuck::new(Box::new(found.clone()), filter, thresholds, None).unhurried(),
            found,
            held: BTreeMap::new(),
        }
    }

    /// Tracing has begun.
    pub fn begin(&mut self, known: &Tracker, machine: &Machine) {
        self.stuck.begin(known, machine);
    }

    /// A connection that changes its state is not stuck any more.
    ///
    /// # Errors
    /// None: nothing is written.
    pub fn transition(
        &mut self,
        it: &Transition,
        around: &mut Context<'_>,
    ) -> io::Result<ControlFlow<()>> {
        if !self.held.is_empty()
            && let Some(cookie) = it.cookie
            && let Some(held) = self.held.get(&cookie)
            && !held.connection.tuple.differs_from(&it.tuple)
        {
            self.held.remove(&cookie);
        }
        self.stuck.transition(it, around)
    }

    /// One was found by whoever recorded it.
    ///
    /// # Errors
    /// None: nothing is written.
    pub fn found_elsewhere(
        &mut self,
        found: &str,
        around: &mut Context<'_>,
    ) -> io::Result<ControlFlow<()>> {
        self.stuck.stuck(found, around)
    }

    /// When it wants to look next: CLOCK_MONOTONIC, ns; `None`: never.
    #[must_use]
    pub fn review_due(&self) -> Option<u64> {
        self.stuck.review_due()
    }

    /// Looks, if that is due.
    ///
    /// # Errors
    /// When no thread can be made.
    pub fn review(
        &mut self,
        known: &Tracker,
        now: u64,
        around: &mut Context<'_>,
    ) -> io::Result<()> {
        if self.stuck.review_due().is_some_and(|due| now >= due) {
            let _ = self.stuck.review(known, now, around)?;
        }
        Ok(())
    }

    /// Takes in what was found since, and gives it.
    pub fn take(&mut self) -> Vec<ShownStuck> {
        let found = self.found.take();
        for it in &found {
            if let Some(cookie) = it.connection.cookie
                && (self.held.len() < MOST || self.held.contains_key(&cookie))
            {
                self.held.insert(cookie, it.clone());
            }
        }
        // Data that was acknowledged at last changes no state.
        let stuck = &self.stuck;
        self.held.retain(|cookie, it| {
            it.connection.state != State::Established || stuck.still_waits(*cookie)
        });
        found
    }

    /// All that are stuck now, as they were found.
    pub fn iter(&self) -> impl Iterator<Item = &ShownStuck> {
        self.held.values()
    }

    /// How many.
    #[must_use]
    pub fn count(&self) -> u64 {
        self.held.len() as u64
    }

    /// One of them.
    #[must_use]
    pub fn get(&self, cookie: Cookie) -> Option<&ShownStuck> {
        self.held.get(&cookie)
    }

    /// Nothing is known of any.
    pub fn forget(&mut self) {
        self.held.clear();
    }
}
