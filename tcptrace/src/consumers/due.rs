//! When something that takes time is done.

use std::time::Duration;

use crate::model::ns;

/// To go through all connections takes no more than one part in so many of the time.
const SHARE: u32 = 50;

/// When something that takes time may be done next: CLOCK_MONOTONIC, ns.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Due(u64);

impl Due {
    /// Whether it may be done.
    pub fn is_over(self, now: u64) -> bool {
        now >= self.0
    }

    /// When it may be done: CLOCK_MONOTONIC, ns.
    #[cfg(feature = "serve")]
    pub fn at(self) -> u64 {
        self.0
    }

    /// It was done, and took so long: not before that time is over, and the share kept to.
    pub fn done(&mut self, now: u64, not_before_ns: u64, took: Duration) {
        self.0 = now.saturating_add(not_before_ns.max(ns(took * SHARE)));
    }
}
