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
    add(took);
    Ok(result)
}

/// Adds what another thread has used for this one.
pub fn add(took: Duration) {
    OTHERS.set(OTHERS.get() + took);
}

/// Does the same on several threads, at most `most` and one for each CPU, and waits for all of them.
/// What panics gives nothing.
pub fn together<T: Send>(most: usize, work: impl Fn() -> T + Sync) -> Vec<T> {
    let cpus = thread::available_parallelism().map_or(1, usize::from);
    thread::scope(|scope| {
        let others: Vec<_> = (1..most.min(cpus))
            .map(|_| scope.spawn(|| (work(), used())))
            .collect();
        let mut done = vec![work()];
        for (result, took) in others.into_iter().filter_map(|it| it.join().ok()) {
            add(took);
            done.push(result);
        }
        done
    })
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
