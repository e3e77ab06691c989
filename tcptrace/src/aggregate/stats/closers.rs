//! Who closed first, and how it ended.

use std::collections::BTreeMap;

use crate::model::{Closer, FlowEnd, Transition};

/// How connections ended, by who sent the first FIN or RST (`None`: nobody did, or unknown). There
/// are few different ones, so that they need no bound.
#[derive(Clone, Debug, Default)]
pub struct Closers(BTreeMap<(FlowEnd, Option<Closer>), u64>);

impl Closers {
    /// Counts a transition, if it is an end.
    pub fn take(&mut self, it: &Transition) {
        if let Some(end) = FlowEnd::of(it) {
            *self.0.entry((end, it.closer)).or_default() += 1;
        }
    }

    /// The ends that there were, those that came the most first.
    #[must_use]
    pub fn ends(&self) -> Vec<FlowEnd> {
        let mut sums: BTreeMap<FlowEnd, u64> = BTreeMap::new();
        for ((end, _), count) in &self.0 {
            *sums.entry(*end).or_default() += count;
        }
        let mut ends: Vec<(FlowEnd, u64)> = sums.into_iter().collect();
        ends.sort_by_key(|(_, count)| std::cmp::Reverse(*count));
        ends.into_iter().map(|(end, _)| end).collect()
    }

    /// How many ended like that.
    #[must_use]
    pub fn of(&self, end: FlowEnd, closer: Option<Closer>) -> u64 {
        self.0.get(&(end, closer)).copied().unwrap_or(0)
    }

    /// How many were closed first by one side, however they ended.
    #[must_use]
    pub fn by(&self, closer: Option<Closer>) -> u64 {
        let of_it = self.0.iter().filter(|((_, by), _)| *by == closer);
        of_it.map(|(_, count)| count).sum()
    }

    /// How many ended in all.
    #[must_use]
    pub fn count(&self) -> u64 {
        self.0.values().sum()
    }
}
