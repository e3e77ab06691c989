//! The machine that a live source is of: it is asked for what no event tells.

use super::{addresses::Addresses, holders::Holders, resync::Resync};
use crate::track::Tracker;

/// What is looked up on this machine.
pub(super) struct Host {
    pub addresses: Addresses,
    /// `None`: no thread could be made.
    pub holders: Option<Holders>,
    pub resync: Resync,
}

impl Host {
    /// Who has a connection is looked for in its own network namespace or in all. `accepts`: who
    /// accepts is told.
    pub fn new(netns: Option<u32>, accepts: bool) -> Self {
        Self {
            addresses: Addresses::default(),
            holders: Holders::start(netns, accepts),
            resync: Resync::default(),
        }
    }

    /// When there is something to look up next, if no event comes before: CLOCK_MONOTONIC, ns, and
    /// 0 for as soon as may be.
    pub fn next(&self, tracker: &Tracker) -> Option<u64> {
        let holders = self.holders.as_ref().and_then(|it| it.next(tracker));
        [self.addresses.next(tracker), holders]
            .into_iter()
            .flatten()
            .min()
    }
}
