//! Time of a run, which need not be that of this machine: CLOCK_MONOTONIC of the machine that the
//! events are of, ns.

use std::time::Duration;

/// A length of time, ns.
pub(super) fn ns(duration: Duration) -> u64 {
    u64::try_from(duration.as_nanos()).unwrap_or(u64::MAX)
}
