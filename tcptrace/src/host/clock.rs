//! The kernel's clocks.

use std::{fs, sync::OnceLock, time::Duration};

use rustix::time::{ClockId, clock_getres, clock_gettime};

/// The kernel's monotonic time now, in ns: the clock of every event (`bpf_ktime_get_ns()`). It is
/// CLOCK_MONOTONIC, but for a process in a time namespace with an offset.
#[must_use]
pub fn monotonic_now() -> u64 {
    monotonic().unsigned_abs()
}

fn monotonic() -> i64 {
    nanoseconds(ClockId::Monotonic) - namespace_offset()
}

/// How far CLOCK_MONOTONIC of this process is ahead of the kernel's, ns: time_namespaces(7). A
/// process that is there can't leave.
fn namespace_offset() -> i64 {
    static OFFSET: OnceLock<i64> = OnceLock::new();
    *OFFSET.get_or_init(|| {
        fs::read_to_string("/proc/self/timens_offsets")
            .ok()
            .and_then(|offsets| monotonic_offset(&offsets))
            .unwrap_or(0)
    })
}

/// Lines of `clock seconds nanoseconds`: `proc_timens_show_offsets()`, kernel/time/namespace.c.
/// Up to Linux 5.10 the clock may be a number.
fn monotonic_offset(offsets: &str) -> Option<i64> {
    offsets.lines().find_map(|line| {
        let mut words = line.split_ascii_whitespace();
        if !matches!(words.next()?, "monotonic" | "1") {
            return None;
        }
        let seconds: i64 = words.next()?.parse().ok()?;
        let nanoseconds: i64 = words.next()?.parse().ok()?;
        seconds.checked_mul(1_000_000_000)?.checked_add(nanoseconds)
    })
}

/// The kernel's HZ. The coarse clocks tick once a jiffy, and say so (kernel/time/posix-timers.c,
/// `posix_get_coarse_res()`).
#[must_use]
pub fn jiffies_per_second() -> u32 {
    let tick = clock_getres(ClockId::MonotonicCoarse);
    u32::try_from(1_000_000_000 / tick.tv_nsec.max(1))
        .ok()
        .filter(|hz| *hz > 0)
        .unwrap_or(250)
}

/// For how long the machine was suspended since it was started, ns.
#[must_use]
pub fn suspended() -> u64 {
    let both = nanoseconds(ClockId::Boottime) - nanoseconds(ClockId::Monotonic);
    u64::try_from(both).unwrap_or(0)
}

/// Tells wall-clock time from the kernel's monotonic time.
#[derive(Clone, Copy, Debug)]
pub struct Clock {
    /// CLOCK_REALTIME less the kernel's monotonic time, ns.
    offset: i64,
    /// CLOCK_MONOTONIC of this process less the kernel's monotonic time, ns.
    own: i64,
}

impl Clock {
    /// Reads both clocks.
    #[must_use]
    pub fn new() -> Self {
        // The monotonic clock is read on both sides, as the thread may sleep in between.
        let before = monotonic();
        let real = nanoseconds(ClockId::Realtime);
        let after = monotonic();
        Self {
            offset: real - before.midpoint(after),
            own: namespace_offset(),
        }
    }

    /// A wall clock that is so many ns ahead of the monotonic one: for events of another time or
    /// machine.
    #[must_use]
    pub fn ahead_by(offset: i64) -> Self {
        Self { offset, own: 0 }
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

    /// What CLOCK_MONOTONIC of this process was at one of the kernel's monotonic times.
    #[must_use]
    pub fn own(&self, monotonic_ns: u64) -> u64 {
        monotonic_ns.saturating_add_signed(self.own)
    }

    /// How far the wall clock is ahead of the kernel's monotonic time, ns.
    #[must_use]
    pub fn ahead_ns(&self) -> i64 {
        self.offset
    }

    /// Nanoseconds since 1970 of one of the kernel's monotonic times.
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
    let now = clock_gettime(clock);
    now.tv_sec * 1_000_000_000 + now.tv_nsec
}

#[cfg(test)]
mod tests {
    use super::{Clock, monotonic_offset};

    #[test]
    fn a_time_namespace_says_how_far_it_is_ahead() {
        let offset = |text: &str| monotonic_offset(text);
        assert_eq!(
            offset("monotonic      100000         5\nboottime            0         0\n"),
            Some(100_000_000_000_005)
        );
        assert_eq!(
            offset("monotonic        -601 400000000\n"),
            Some(-600_600_000_000)
        );
        assert_eq!(offset("boottime            7         0\n"), None);
        assert_eq!(offset(""), None);
    }

    #[test]
    fn what_a_script_reads_is_the_clock_of_its_own_namespace() {
        let ahead = Clock { offset: 5, own: 10 };
        assert_eq!((ahead.own(100), ahead.wall(100)), (110, 105));
        let behind = Clock {
            offset: 5,
            own: -10,
        };
        assert_eq!((behind.own(100), behind.own(3)), (90, 0));
    }
}
