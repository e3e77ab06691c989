//! What a load tells of itself: one line of JSON, which the bench reads.

use serde::{Deserialize, Serialize};

/// What became of the connections.
#[derive(Clone, Debug, Default, Deserialize, Serialize)]
pub struct Made {
    /// Threads, each with a listener.
    pub threads: u16,
    /// Connections that were made and closed after the warm-up.
    pub connections: u64,
    /// connect() failed, after the warm-up.
    pub failures: u64,
    /// How long it took, without the warm-up.
    pub seconds: f64,
    /// Connections a second.
    pub per_second: f64,
    /// How long connect() took.
    pub connect_ns: Latency,
    /// With the warm-up.
    pub connections_in_all: u64,
    /// With the warm-up.
    pub failures_in_all: u64,
    /// What the first failure was.
    pub failure: Option<String>,
}

/// Quantiles of durations, ns.
#[derive(Clone, Copy, Debug, Default, Deserialize, Serialize)]
pub struct Latency {
    /// Half of them took no longer.
    pub p50: u64,
    /// 99 of 100 took no longer.
    pub p99: u64,
    /// None took longer.
    pub max: u64,
}

/// What became of the timers.
#[derive(Clone, Copy, Debug, Deserialize, Serialize)]
pub struct TimersMade {
    /// Timers that were started, and cancelled again.
    pub timers: u64,
    /// How long it took.
    pub seconds: f64,
}
