//! How long something lasted, many times over.

use std::ops::{Range, RangeInclusive};

use hdrhistogram::Histogram;

/// Two significant digits.
const DIGITS: u8 = 2;
/// Below a microsecond, no more is told apart.
const LOWEST_NS: u64 = 1_000;
/// A week; what lasts longer counts as that, but for the maximum.
const HIGHEST_NS: u64 = 7 * 86_400 * 1_000_000_000;

/// The powers of ten, in ns, at which decades end: 10 µs to 1000 s.
const DECADES: RangeInclusive<u32> = 4..=12;

/// Durations in ns, to two significant digits: at most 18 KiB, whatever their number.
#[derive(Clone, Debug, Default)]
pub struct Durations {
    /// Made with the first duration.
    histogram: Option<Box<Histogram<u32>>>,
    max: u64,
}

impl Durations {
    /// Takes one.
    pub fn record(&mut self, ns: u64) {
        self.max = self.max.max(ns);
        if self.histogram.is_none() {
            self.histogram = Histogram::new_with_bounds(LOWEST_NS, HIGHEST_NS, DIGITS)
                .ok()
                .map(Box::new);
        }
        if let Some(histogram) = &mut self.histogram {
            histogram.saturating_record(ns);
        }
    }

    /// How many there were.
    #[must_use]
    pub fn count(&self) -> u64 {
        self.histogram.as_ref().map_or(0, |all| all.len())
    }

    /// The duration (ns) that a share of them did not exceed, from 0 to 1; `None` if there were
    /// none.
    #[must_use]
    pub fn quantile(&self, share: f64) -> Option<u64> {
        let histogram = self.histogram.as_ref()?;
        // A bucket stands for its upper end, which may be above all that was seen.
        Some(histogram.value_at_quantile(share).min(self.max))
    }

    /// The longest (ns), exactly.
    #[must_use]
    pub fn max(&self) -> Option<u64> {
        self.histogram.as_ref().map(|_| self.max)
    }

    /// How many lasted for a time (ns) in the range.
    #[must_use]
    pub fn count_in(&self, range: Range<u64>) -> u64 {
        match &self.histogram {
            Some(histogram) if !range.is_empty() => {
                histogram.count_between(range.start, range.end - 1)
            }
            _ => 0,
        }
    }

    /// How many there were in each decade from 1 µs to 1000 s, cut into so many parts: each with where
    /// it ends, ns. What was shorter is in the first, what was longer in one more.
    #[must_use]
    pub fn in_decades(&self, parts: u32) -> Vec<(u64, u64)> {
        let mut counts = Vec::new();
        let mut from = 0;
        for decade in DECADES {
            for part in 1..=parts {
                let exponent = f64::from(decade) - 1.0 + f64::from(part) / f64::from(parts);
                let to = 10_f64.powf(exponent) as u64;
                counts.push((to, self.count_in(from..to)));
                from = to;
            }
        }
        counts.push((u64::MAX, self.count_in(from..u64::MAX)));
        counts
    }

    /// Takes all of another in.
    pub fn absorb(&mut self, other: Self) {
        self.max = self.max.max(other.max);
        match (&mut self.histogram, other.histogram) {
            (Some(mine), Some(more)) => {
                // Their bounds are equal, so that it can't fail.
                let _ = mine.add(*more);
            }
            (mine @ None, more) => *mine = more,
            (Some(_), None) => {}
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn quantiles_are_right_to_two_digits_and_the_maximum_exactly() {
        let mut held = Durations::default();
        for ms in 1..=1000 {
            held.record(ms * 1_000_000);
        }
        let near = |share: f64, ms: f64| {
            let told = held.quantile(share).unwrap() as f64 / 1e6;
            assert!((told / ms - 1.0).abs() < 0.011, "{share}: {told}");
        };
        near(0.5, 500.0);
        near(0.9, 900.0);
        near(0.99, 990.0);
        assert_eq!(held.max(), Some(1_000_000_000));
        assert_eq!(held.count(), 1000);
    }

    #[test]
    fn nothing_is_known_of_nothing() {
        let held = Durations::default();
        assert_eq!(
            (held.quantile(0.5), held.max(), held.count()),
            (None, None, 0)
        );
    }

    #[test]
    fn no_quantile_is_above_the_longest() {
        let mut held = Durations::default();
        held.record(300);
        assert_eq!(held.quantile(0.5), Some(300));
        held.record(u64::MAX);
        assert_eq!(held.max(), Some(u64::MAX));
    }

    #[test]
    fn two_are_summed_up() {
        let (mut one, mut two) = (Durations::default(), Durations::default());
        one.record(1_000_000);
        two.record(9_000_000);
        one.absorb(two);
        one.absorb(Durations::default());
        assert_eq!(one.count(), 2);
        assert_eq!(one.max(), Some(9_000_000));
        assert_eq!(one.count_in(5_000_000..10_000_000), 1);
    }
}
