//! A tracer without a load.

use std::{
    thread,
    time::{Duration, Instant},
};

use anyhow::{Context as _, Result};

use super::{attached::Attached, tracers::Tracer};

/// What it does for its start does not count.
const SETTLE: Duration = Duration::from_secs(1);

/// What it costs to be there.
pub struct Idle {
    /// From its start until it traced.
    pub ready: Duration,
    /// CPU time, percent of one CPU.
    pub percent: f64,
}

/// Lets it trace a machine on which the bench does nothing.
///
/// # Errors
/// When it can't be had, or does not begin.
pub fn measure(tracer: &Tracer, duration: Duration) -> Result<Idle> {
    let attached = Attached::start(tracer)?;
    thread::sleep(SETTLE);
    let (before, began) = (attached.cpu()?, Instant::now());
    thread::sleep(duration);
    let (after, took) = (attached.cpu()?, began.elapsed());
    let ready = attached.ready_after;
    attached.stop().context("without a load")?;
    Ok(Idle {
        ready,
        percent: 100.0 * after.saturating_sub(before).as_secs_f64() / took.as_secs_f64(),
    })
}
