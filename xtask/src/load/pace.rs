//! A rate that is not exceeded.

use std::{
    thread,
    time::{Duration, Instant},
};

/// Lets one through at a time, never two closer than the interval on average.
pub struct Pace {
    next: Instant,
    interval: Option<Duration>,
}

impl Pace {
    /// Begins then; without an interval, nothing waits.
    #[must_use]
    pub fn new(began: Instant, interval: Option<Duration>) -> Self {
        Self {
            next: began,
            interval,
        }
    }

    /// Waits until the next one is due. Returns the time.
    pub fn wait(&mut self) -> Instant {
        let now = Instant::now();
        let Some(interval) = self.interval else {
            return now;
        };
        if let Some(early) = self.next.checked_duration_since(now) {
            thread::sleep(early);
        }
        // What came late is caught up with, so that the rate is kept over the whole time.
        self.next += interval;
        Instant::now()
    }
}

#[cfg(test)]
mod tests {
    use std::time::{Duration, Instant};

    use super::Pace;

    #[test]
    fn the_rate_is_kept_over_the_whole_time() {
        let began = Instant::now();
        let mut pace = Pace::new(began, Some(Duration::from_millis(2)));
        for _ in 0..11 {
            pace.wait();
        }
        assert!(began.elapsed() >= Duration::from_millis(20));
    }
}
