//! What was measured.

use serde::{Deserialize, Serialize};

use super::spread::Spread;
use crate::load::Latency;

/// A configuration of the load: short connections over IPv4 loopback, closed by RST, at full speed.
#[derive(Clone, Copy, Debug, Deserialize, PartialEq, Eq, Serialize)]
pub struct Configuration {
    /// Threads that make connections.
    pub threads: u16,
}

impl Configuration {
    /// As in a heading.
    #[must_use]
    pub fn title(self) -> &'static str {
        match self.threads {
            1 => "One load thread",
            2 => "Two load threads",
            _ => "Many load threads",
        }
    }
}

/// Everything.
#[derive(Clone, Debug, Deserialize, Serialize)]
pub struct Results {
    /// Runs without and with each tracer.
    pub pairs: u32,
    /// Seconds of load in each run.
    pub seconds: u64,
    /// Seconds without a load.
    pub idle_seconds: u64,
    /// The programs in the kernel, or why they were not measured; `None`: not asked for.
    pub kernel_half: Option<Result<KernelHalf, String>>,
    /// What an event takes in userspace, or why that was not counted; `None`: not asked for.
    pub instructions: Option<Result<Vec<Instructions>, String>>,
    /// In the order in which they were measured.
    pub tracers: Vec<TracerResults>,
}

/// What an event takes in userspace.
#[derive(Clone, Debug, Deserialize, Serialize)]
pub struct Instructions {
    /// The command that reads a recording, as JSON.
    pub command: String,
    /// Instructions for each event of it, reading included.
    pub per_event: f64,
}

impl Results {
    /// A tracer's, if it could be measured.
    #[must_use]
    pub fn of(&self, name: &str) -> Option<&Figures> {
        let tracer = self.tracers.iter().find(|tracer| tracer.name == name)?;
        tracer.figures.as_ref().ok()
    }
}

/// One tracer.
#[derive(Clone, Debug, Deserialize, Serialize)]
pub struct TracerResults {
    /// By which it is asked for.
    pub name: String,
    /// The project that it belongs to.
    pub of: String,
    /// What was run, as one types it.
    pub command: String,
    /// The version of its package; `None` if it isn't known.
    pub version: Option<String>,
    /// What came out, or why nothing did.
    pub figures: Result<Figures, String>,
}

/// What one tracer costs.
#[derive(Clone, Debug, Deserialize, Serialize)]
pub struct Figures {
    /// From its start until it traces, ms.
    pub ready_ms: Spread,
    /// CPU time without a load, percent of one CPU.
    pub idle_percent: f64,
    /// Under each configuration of the load.
    pub loads: Vec<LoadFigures>,
    /// Why runs of a peer failed that were made once more, each.
    pub failed: Vec<String>,
}

impl Figures {
    /// Those of a configuration.
    #[must_use]
    pub fn under(&self, threads: u16) -> Option<&LoadFigures> {
        self.loads
            .iter()
            .find(|load| load.configuration.threads == threads)
    }
}

/// What one tracer costs under one load.
#[derive(Clone, Debug, Deserialize, Serialize)]
pub struct LoadFigures {
    /// The load.
    pub configuration: Configuration,
    /// Connections a second without a tracer.
    pub base: Spread,
    /// Connections a second with it.
    pub traced: Spread,
    /// The first divided by the second, pair by pair.
    pub slowdown_of_pairs: Spread,
    /// connect() without a tracer: medians of the runs.
    pub base_connect: Latency,
    /// connect() with it: medians of the runs.
    pub traced_connect: Latency,
    /// CPU time of its process, from the beginning of the load to its end, in s per million
    /// transitions that the load made.
    pub cpu_per_million: Spread,
    /// Largest resident memory of all runs, bytes.
    pub peak_bytes: u64,
    /// Connections that the traced loads made in all.
    pub connections: u64,
    /// connect()s that failed, in all runs.
    pub failures: u64,
    /// What it told of them.
    pub lost: Losses,
}

impl LoadFigures {
    /// How much slower connections are: median without by median with.
    #[must_use]
    pub fn slowdown(&self) -> f64 {
        self.base.median / self.traced.median
    }
}

/// What a tracer should have told in all runs, and what it did.
#[derive(Clone, Copy, Debug, Default, Deserialize, PartialEq, Eq, Serialize)]
pub struct Losses {
    /// Lines that the connections should give.
    pub expected: u64,
    /// Lines of them that were there; `None`: it does not give any.
    pub lines: Option<u64>,
    /// Lost events, as it says itself; `None`: it doesn't say.
    pub said: Option<u64>,
    /// What it recorded; `None`: it records nothing.
    #[serde(default)]
    pub recorded: Option<Recorded>,
}

/// A recording.
#[derive(Clone, Copy, Debug, Default, Deserialize, PartialEq, Eq, Serialize)]
pub struct Recorded {
    /// Bytes of its files.
    pub bytes: u64,
    /// Events of the kernel in it.
    pub events: u64,
}

/// The programs in the kernel.
#[derive(Clone, Debug, Deserialize, Serialize)]
pub struct KernelHalf {
    /// Each, beside a program that returns at once.
    pub programs: Vec<ProgramCost>,
    /// State transitions of a connection, as a program that returns at once counts them.
    pub transitions_per_connection: f64,
    /// A program at the transitions that does nothing but send a record, ns per run.
    pub bare_ns: f64,
    /// All programs, ns per connection.
    pub ns_per_connection: f64,
    /// The same if they all returned at once.
    pub empty_ns_per_connection: f64,
    /// Timers started, and cancelled, a second by the load that makes nothing else.
    pub timers_per_second: f64,
}

impl KernelHalf {
    /// All programs, ns per transition above empty ones.
    #[must_use]
    pub fn own_ns(&self) -> f64 {
        (self.ns_per_connection - self.empty_ns_per_connection) / self.transitions_per_connection
    }

    /// A bare record, ns above the empty program at the transitions: the first of the programs.
    #[must_use]
    pub fn bare_own_ns(&self) -> f64 {
        let empty = self.programs.first().map(|it| it.connections.empty_ns);
        self.bare_ns - empty.unwrap_or_default()
    }
}

/// What a program costs when it runs.
#[derive(Clone, Debug, Deserialize, Serialize)]
pub struct ProgramCost {
    /// Its name.
    pub name: String,
    /// While connections are made.
    pub connections: RunCost,
    /// While timers are set and cancelled that are not TCP states'; `None`: it hardly runs.
    pub timers: Option<RunCost>,
}

/// What a run of a program costs.
#[derive(Clone, Copy, Debug, Deserialize, Serialize)]
pub struct RunCost {
    /// Runs for each connection, or each timer.
    pub runs: f64,
    /// ns for each run.
    pub ns: f64,
    /// ns for each run of a program that returns at once.
    pub empty_ns: f64,
}

impl RunCost {
    /// Its own work, ns.
    #[must_use]
    pub fn own_ns(&self) -> f64 {
        self.ns - self.empty_ns
    }
}
