//! Lengths of time.

use std::time::Duration;

/// A length of time, ns; the largest number for one that is longer than 584 years.
#[must_use]
pub fn ns(duration: Duration) -> u64 {
    u64::try_from(duration.as_nanos()).unwrap_or(u64::MAX)
}
