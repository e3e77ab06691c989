//! How long connect() took, over many of them.

use std::time::Duration;

use anyhow::{Context as _, Result};
use hdrhistogram::Histogram;

use super::made::Latency;

/// The longest that is told apart, ns; beyond 60 s something is broken.
const LONGEST: u64 = 60_000_000_000;

/// Many durations, to three digits.
pub struct Latencies(Histogram<u64>);

impl Latencies {
    /// None yet.
    ///
    /// # Errors
    /// Never, as its bounds are constants.
    pub fn new() -> Result<Self> {
        Histogram::new_with_bounds(1, LONGEST, 3)
            .map(Self)
            .context("no histogram of latencies")
    }

    /// One more.
    pub fn record(&mut self, took: Duration) {
        let ns = u64::try_from(took.as_nanos()).unwrap_or(LONGEST);
        self.0.saturating_record(ns);
    }

    /// Those of another thread.
    ///
    /// # Errors
    /// Never, as all have the same bounds.
    pub fn add(&mut self, others: &Self) -> Result<()> {
        Ok(self.0.add(&others.0)?)
    }

    /// What is told of them.
    #[must_use]
    pub fn told(&self) -> Latency {
        Latency {
            p50: self.0.value_at_quantile(0.50),
            p99: self.0.value_at_quantile(0.99),
            max: self.0.max(),
        }
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::Latencies;

    #[test]
    fn quantiles_are_over_all_threads() {
        let (mut one, mut other) = (Latencies::new().unwrap(), Latencies::new().unwrap());
        for _ in 0..98 {
            one.record(Duration::from_micros(10));
        }
        other.record(Duration::from_micros(500));
        other.record(Duration::from_secs(3_600));
        one.add(&other).unwrap();
        let told = one.told();
        assert!((9_990..=10_010).contains(&told.p50), "{told:?}");
        assert!((499_000..=501_000).contains(&told.p99), "{told:?}");
        assert!(told.max >= 60_000_000_000, "{told:?}");
    }
}
