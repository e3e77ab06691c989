//! How long something lasted, in buckets that monitoring systems know.

use std::sync::LazyLock;

use crate::model::Cookie;

/// Upper bounds of the classic buckets, s; the last bucket has none.
pub const BOUNDS_S: [f64; 22] = [
    0.0001, 0.00025, 0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5,
    5.0, 10.0, 30.0, 60.0, 120.0, 300.0, 1800.0, 7200.0,
];
/// Classic buckets, the last one included.
const CLASSIC: usize = BOUNDS_S.len() + 1;

/// Native buckets grow by 2^(1/8), nine per cent: the bound of bucket i is 2^(i/8) s.
pub const SCHEMA: i8 = 3;
/// Buckets by doubling.
const PER_DOUBLING: i32 = 1 << SCHEMA;
/// The last bucket that is taken for no time at all: up to 2^-20 s, a microsecond.
const ZERO: i32 = -20 * PER_DOUBLING;
/// The last bucket: up to 2^27 s, four years. What lasted longer counts as that.
const LAST: i32 = 27 * PER_DOUBLING;
/// Native buckets between these.
const NATIVE: usize = (LAST - ZERO) as usize;

/// Bounds in ns.
struct Bounds {
    classic: [u64; BOUNDS_S.len()],
    /// Of bucket `ZERO + index`.
    native: Vec<u64>,
    /// By how many bits a number of ns has: the first native bucket that it can be in.
    first: [usize; 65],
}

static BOUNDS: LazyLock<Bounds> = LazyLock::new(|| {
    let native: Vec<u64> = (ZERO..=LAST)
        .map(|index| (2_f64.powf(f64::from(index) / f64::from(PER_DOUBLING)) * 1e9) as u64)
        .collect();
    let first = std::array::from_fn(|bits| match bits {
        0 => 0,
        bits => native.partition_point(|bound| *bound < 1 << (bits - 1)),
    });
    Bounds {
        classic: BOUNDS_S.map(|it| (it * 1e9).round() as u64),
        native,
        first,
    }
});

/// One that is shown of a bucket.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Example {
    /// Which connection.
    pub cookie: Cookie,
    /// How long it lasted, ns.
    pub ns: u64,
    /// When that ended: CLOCK_MONOTONIC, ns.
    pub time_ns: u64,
}

/// Durations, many of them. 4 KiB, whatever their number.
#[derive(Clone, Debug)]
pub struct Timings {
    count: u64,
    sum_ns: u64,
    classic: [u64; CLASSIC],
    /// The last one of each classic bucket.
    examples: [Option<Example>; CLASSIC],
    /// So short that they are taken for no time at all.
    zero: u64,
    native: Box<[u64; NATIVE]>,
}

impl Default for Timings {
    fn default() -> Self {
        Self {
            count: 0,
            sum_ns: 0,
            classic: [0; CLASSIC],
            examples: [None; CLASSIC],
            zero: 0,
            native: Box::new([0; NATIVE]),
        }
    }
}

impl Timings {
    /// Takes one, which ended at `time_ns` (CLOCK_MONOTONIC).
    pub fn record(&mut self, ns: u64, cookie: Option<Cookie>, time_ns: u64) {
        self.count += 1;
        self.sum_ns = self.sum_ns.saturating_add(ns);
        let bounds = &*BOUNDS;
        let classic = bounds.classic.partition_point(|bound| *bound < ns);
        self.classic[classic] += 1;
        if let Some(cookie) = cookie {
            self.examples[classic] = Some(Example {
                cookie,
                ns,
                time_ns,
            });
        }
        let first = bounds.first[(u64::BITS - ns.leading_zeros()) as usize];
        let beyond = bounds.native[first..]
            .iter()
            .take(PER_DOUBLING as usize + 1);
        let index = first + beyond.take_while(|bound| **bound < ns).count();
        match index {
            0 => self.zero += 1,
            index => self.native[(index - 1).min(NATIVE - 1)] += 1,
        }
    }

    /// How many there were.
    #[must_use]
    pub fn count(&self) -> u64 {
        self.count
    }

    /// All together, s.
    #[must_use]
    pub fn sum_s(&self) -> f64 {
        self.sum_ns as f64 / 1e9
    }

    /// The classic buckets: their upper bounds in s, the last one infinite, with how many are in
    /// each, those below not among them.
    #[must_use]
    pub fn classic(&self) -> Vec<(f64, u64)> {
        let bounds = BOUNDS_S.into_iter().chain([f64::INFINITY]);
        bounds.zip(self.classic).collect()
    }

    /// One of each classic bucket, the last that came.
    #[must_use]
    pub fn examples(&self) -> &[Option<Example>] {
        &self.examples
    }

    /// How many were too short to have a native bucket; [`zero_s`](Self::zero_s) at the most.
    #[must_use]
    pub fn zero(&self) -> u64 {
        self.zero
    }

    /// See [`zero`](Self::zero).
    #[must_use]
    pub fn zero_s() -> f64 {
        2_f64.powi(ZERO / PER_DOUBLING)
    }

    /// The native buckets that are not empty, in their order: index i is up to 2^(i/8) s.
    pub fn native(&self) -> impl Iterator<Item = (i32, u64)> + '_ {
        let counts = (ZERO + 1..).zip(self.native.iter());
        counts
            .filter(|(_, count)| **count > 0)
            .map(|(index, count)| (index, *count))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The only native bucket of a duration.
    fn native_of(ns: u64) -> Option<i32> {
        let mut timings = Timings::default();
        timings.record(ns, None, 0);
        let all: Vec<_> = timings.native().collect();
        assert!(all.len() <= 1);
        assert_eq!(timings.zero() as usize + all.len(), 1, "{ns}");
        all.first().map(|(index, count)| {
            assert_eq!(*count, 1);
            *index
        })
    }

    #[test]
    fn each_duration_is_in_the_native_bucket_whose_bounds_it_is_between() {
        assert_eq!(native_of(0), None);
        assert_eq!(native_of(900), None);
        assert_eq!(native_of(1_000_000_000), Some(0), "a second is a bound");
        assert_eq!(native_of(1_000_000_001), Some(1));
        assert_eq!(native_of(60_000_000_000), Some(48));
        assert_eq!(native_of(u64::MAX), Some(LAST));
        let mut ns = 1_000;
        while ns < 1 << 56 {
            let index = native_of(ns).unwrap();
            let bound = |index: i32| 2_f64.powf(f64::from(index) / 8.0) * 1e9;
            assert!(ns as f64 <= bound(index) + 1.0, "{ns} is in {index}");
            assert!(ns as f64 >= bound(index - 1) - 1.0, "{ns} is in {index}");
            ns = ns * 17 / 16;
        }
    }

    #[test]
    fn classic_buckets_take_their_upper_bound_in_and_keep_the_last_one_that_came() {
        let cookie = Cookie::new(7);
        let mut timings = Timings::default();
        timings.record(1_000_000, None, 1);
        timings.record(1_000_001, cookie, 2);
        timings.record(2_000_000, None, 3);
        timings.record(u64::MAX / 2, cookie, 4);
        let count_to = |bound: f64| {
            let all = timings.classic();
            all.iter().find(|(it, _)| *it == bound).unwrap().1
        };
        assert_eq!(count_to(0.001), 1);
        assert_eq!(count_to(0.0025), 2);
        assert_eq!(count_to(f64::INFINITY), 1);
        assert_eq!(timings.count(), 4);
        let examples: Vec<_> = timings.examples().iter().flatten().collect();
        assert_eq!(examples.len(), 2);
        assert_eq!((examples[0].ns, examples[0].time_ns), (1_000_001, 2));
    }
}
