//! Timers that are no TCP state's: what tracing them costs is paid by all of the machine.
//!
//! SO_KEEPALIVE of a connection arms its keepalive timer when it is switched on, and stops it when
//! it is switched off (`tcp_set_keepalive()`, net/ipv4/tcp_timer.c): one `timer_start` and one
//! `timer_cancel`, and nothing else happens.

use std::time::{Duration, Instant};

use anyhow::{Context as _, Result};

use super::{
    addresses::Targets,
    connections::{Close, Connection},
    made::TimersMade,
};

/// Between two looks at the clock.
const AT_ONCE: u64 = 256;

/// Starts and cancels a timer for so long.
///
/// # Errors
/// When there can be no connection.
pub fn toggle(duration: Duration) -> Result<TimersMade> {
    let targets = Targets::listen(false)?;
    let (connection, _) = Connection::make(&targets, 0)?.context("a connection can't be made")?;
    let began = Instant::now();
    let mut timers = 0;
    while began.elapsed() < duration {
        for _ in 0..AT_ONCE {
            connection.keep_alive(true)?;
            connection.keep_alive(false)?;
        }
        timers += AT_ONCE;
    }
    let seconds = began.elapsed().as_secs_f64();
    connection.close(Close::Rst)?;
    Ok(TimersMade { timers, seconds })
}
