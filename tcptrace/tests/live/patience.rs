//! How long tests wait: longer where the machine is slow.

use std::{sync::OnceLock, time::Duration};

/// A limit as this machine needs it: `TCPTRACE_TEST_PATIENCE=4` makes it four times as long.
pub fn patient(limit: Duration) -> Duration {
    static FACTOR: OnceLock<u32> = OnceLock::new();
    let factor = FACTOR.get_or_init(|| {
        std::env::var("TCPTRACE_TEST_PATIENCE").map_or(1, |factor| {
            factor
                .parse()
                .expect("TCPTRACE_TEST_PATIENCE is a whole number")
        })
    });
    limit * *factor
}
