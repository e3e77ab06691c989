//! What listeners drop, from the beginning on.

use std::rc::Rc;

use rustc_hash::FxHashMap;

use crate::{
    aggregate::stats::{Bounded, Drops, ListenAddress},
    metrics::ListenerFigures,
    model::DropCounts,
};

/// So many are remembered.
const MOST: usize = 4096;
/// So many are told: those that dropped the most, and then those that have the most half-open ones.
const TOLD: usize = 200;

/// What listeners dropped since they were first looked at, by where they listen.
#[derive(Debug, Default)]
pub(super) struct DroppedByListeners {
    before: Option<Rc<DropCounts>>,
    /// `None`: unknown.
    all: FxHashMap<ListenAddress, Option<u64>>,
}

impl DroppedByListeners {
    /// Takes what they had dropped at a moment.
    pub fn take(&mut self, now: &Rc<DropCounts>) {
        let Some(before) = self.before.replace(Rc::clone(now)) else {
            let none = DropCounts::default();
            self.add(
                Drops::between(&none, now)
                    .each()
                    .map(|(at, _)| (at, Some(0))),
            );
            return;
        };
        if Rc::ptr_eq(&before, now) {
            return;
        }
        let drops = Drops::between(&before, now);
        self.add(drops.each());
    }

    fn add(&mut self, drops: impl Iterator<Item = (ListenAddress, Option<u64>)>) {
        for (at, dropped) in drops {
            if self.all.len() >= MOST && !self.all.contains_key(&at) {
                continue;
            }
            let sum = self.all.entry(at).or_insert(Some(0));
            // Several that share an address are one, and of one that is unknown so is the sum.
            *sum = sum.zip(dropped).map(|(sum, dropped)| sum + dropped);
        }
    }

    /// All that are to be told, with how many half-open connections came to each.
    pub fn with(&self, half_open: &Bounded<ListenAddress, u64>) -> Vec<ListenerFigures> {
        let mut all: FxHashMap<ListenAddress, ListenerFigures> = FxHashMap::default();
        for (at, dropped) in &self.all {
            all.insert(
                *at,
                ListenerFigures {
                    at: *at,
                    half_open: None,
                    dropped: *dropped,
                },
            );
        }
        for (at, count) in half_open.iter() {
            let figures = all.entry(*at).or_insert(ListenerFigures {
                at: *at,
                half_open: None,
                dropped: None,
            });
            figures.half_open = Some(*count);
        }
        let mut told: Vec<ListenerFigures> = all.into_values().collect();
        told.sort_by_key(|it| (it.dropped.unwrap_or(0), it.half_open, it.at));
        told.reverse();
        told.truncate(TOLD);
        told
    }
}
