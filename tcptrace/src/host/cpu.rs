//! How much CPU a thread has used.

use std::{cell::Cell, thread, time::Duration};

use rustix::time::{ClockId, clock_gettime};

thread_local! {
    /// What others have used for it.
    static OTHERS: Cell<Duration> = const { Cell::new(Duration::ZERO) };
}

/// The CPU time that this thread has used so far, with that of what it had done [`apart`].
#[must_use]
pub fn used() -> Duration {
    let own = clock_gettime(ClockId::ThreadCPUTime);
    Duration::try_from(own).unwrap_or_default() + OTHERS.get()
}

/// Does something on a thread of its own, and waits for it.
///
/// # Errors
/// What it panicked with.
pub fn apart<T: Send + 'static>(work: impl FnOnce() -> T + Send + 'static) -> thread::Result<T> {
    let (result, took) = thread::spawn(|| (work(), used())).join()?;
    OTHERS.set(OTHERS.get() + took);
    Ok(result)
}

#[cfg(test)]
mod tests {
    use std::time::Instant;

    use super::*;

    fn spin(long: Duration) {
        let began = Instant::now();
        while began.elapsed() < long {}
    }

    #[test]
    fn what_is_done_apart_counts_and_sleep_does_not() {
        let before = used();
        thread::sleep(Duration::from_millis(30));
        apart(|| spin(Duration::from_millis(40))).expect("no panic");
        let took = used().checked_sub(before).expect("it only grows");
        // Another thread may have had the CPU for most of the time.
        assert!(took > Duration::from_millis(2), "{took:?}");
        assert!(took < Duration::from_millis(65), "{took:?}");
    }
}
