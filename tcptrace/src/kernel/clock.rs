//! The kernel's clocks.

use std::time::Duration;

use nix::time::{ClockId, clock_getres, clock_gettime};

/// CLOCK_MONOTONIC now, in ns: the clock of every event.
#[must_use]
pub fn monotonic_now() -> u64 {
    nanoseconds(ClockId::CLOCK_MONOTONIC).unsigned_abs()
}

/// The kernel's HZ. The coarse clocks tick once a jiffy, and say so (kernel/time/posix-timers.c,
/// `posix_get_coarse_res()`).
#[must_use]
pub fn jiffies_per_second() -> u32 {
    clock_getres(ClockId::CLOCK_MONOTONIC_COARSE)
        .ok()
        .and_then(|tick| u32::try_from(1_000_000_000 / tick.tv_nsec().max(1)).ok())
        .filter(|hz| *hz > 0)
        .unwrap_or(250)
}

/// Tells wall-clock time from the kernel's monotonic time.
#[derive(Clone, Copy, Debug)]
pub struct Clock {
    /// CLOCK_REALTIME less CLOCK_MONOTONIC, ns.
    offset: i64,
}

impl Clock {
    /// Reads both clocks.
    #[must_use]
    pub fn new() -> Self {
        // The monotonic clock is read on both sides, as the thread may sleep in between.
        let before = nanoseconds(ClockId::CLOCK_MONOTONIC);
        let real = nanoseconds(ClockId::CLOCK_REALTIME);
        let after = nanoseconds(ClockId::CLOCK_MONOTONIC);
        Self {
            offset: real - before.midpoint(after),
        }
    }

    /// A wall clock that is so many ns ahead of the monotonic one: for events of another time or
    /// machine.
    #[must_use]
    pub fn ahead_by(offset: i64) -> Self {
        Self { offset }
    }

    /// Reads the clocks again, so that a step of the wall clock, or a suspend, is followed. Small
    /// differences are left alone: times of events must not jitter against each other.
    pub fn refresh(&mut self) {
        const STEP: i64 = Duration::from_micros(500).as_nanos() as i64;
        let now = Self::new();
        if (now.offset - self.offset).abs() > STEP {
            *self = now;
        }
    }

    /// Nanoseconds since 1970 of a monotonic time.
    #[must_use]
    pub fn wall(&self, monotonic_ns: u64) -> i64 {
        self.offset.saturating_add_unsigned(monotonic_ns)
    }
}

impl Default for Clock {
    fn default() -> Self {
        Self::new()
    }
}

fn nanoseconds(clock: ClockId) -> i64 {
    clock_gettime(clock).map_or(0, |now| now.tv_sec() * 1_000_000_000 + now.tv_nsec())
}
