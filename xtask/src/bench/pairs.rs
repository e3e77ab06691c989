//! Runs without and with a tracer, in turn, so that both meet the same machine.

use std::{thread, time::Duration};

use anyhow::{Context as _, Result};

use super::{
    CONFIGURATIONS, Options,
    attached::Attached,
    idle, load,
    results::{Configuration, Figures, LoadFigures, Losses, TracerResults},
    seen,
    spread::Spread,
    tracers::{TRANSITIONS, Tracer},
};
use crate::load::{Latency, Made};

/// From the moment that it traces to the load: what it still does for its start.
const SETTLE: Duration = Duration::from_millis(300);
/// From the end of the load to that of the tracer: a peer throws away what it has not read.
const CATCH_UP: Duration = Duration::from_secs(1);

/// Measures one tracer; an error is a result, too.
pub fn measure(options: &Options, tracer: &Tracer) -> TracerResults {
    let figures = figures(options, tracer).map_err(|error| {
        let why = format!("{error:#}");
        eprintln!("bench: {} can't be measured: {why}", tracer.shown());
        why
    });
    TracerResults {
        name: tracer.name.to_owned(),
        of: tracer.of.to_owned(),
        command: tracer.shown(),
        version: tracer.version(),
        figures,
    }
}

fn figures(options: &Options, tracer: &Tracer) -> Result<Figures> {
    eprintln!("bench: {}: without a load", tracer.shown());
    let idle = idle::measure(tracer, options.idle())?;
    let mut ready = vec![idle.ready];
    let mut loads = Vec::new();
    let mut failed = Vec::new();
    for configuration in CONFIGURATIONS {
        let mut pairs = Vec::new();
        for number in 1..=options.pairs() {
            let pair = match Pair::run(tracer, configuration, options.load()) {
                // A peer may hang once. tcptrace may not.
                Err(error) if tracer.is_peer() => {
                    eprintln!("bench: {}: {error:#}; once more", tracer.shown());
                    failed.push(format!("{error:#}"));
                    Pair::run(tracer, configuration, options.load())?
                }
                pair => pair?,
            };
            eprintln!(
                "bench: {}: {}, pair {number} of {}: {:.0} and {:.0} connections a second",
                tracer.shown(),
                configuration.title().to_lowercase(),
                options.pairs(),
                pair.base.per_second,
                pair.traced.made.per_second,
            );
            ready.push(pair.traced.ready);
            pairs.push(pair);
        }
        loads.push(summary(configuration, &pairs).context("no pairs were run")?);
    }
    let ready_ms = Spread::of(ready.iter().map(|ready| ready.as_secs_f64() * 1e3))
        .context("it was never started")?;
    Ok(Figures {
        ready_ms,
        idle_percent: idle.percent,
        loads,
        failed,
    })
}

/// A run without, and one with.
struct Pair {
    base: Made,
    traced: Traced,
}

/// A run with a tracer.
struct Traced {
    made: Made,
    ready: Duration,
    cpu: Duration,
    peak_bytes: u64,
    losses: Losses,
}

impl Pair {
    fn run(tracer: &Tracer, configuration: Configuration, duration: Duration) -> Result<Self> {
        Ok(Self {
            base: load::connections(configuration, duration)?,
            traced: Traced::run(tracer, configuration, duration)?,
        })
    }
}

impl Traced {
    fn run(tracer: &Tracer, configuration: Configuration, duration: Duration) -> Result<Self> {
        let mut attached = Attached::start(tracer)?;
        let ready = attached.ready_after;
        thread::sleep(SETTLE);
        let before = attached.cpu()?;
        let made = load::connections(configuration, duration)?;
        thread::sleep(CATCH_UP);
        attached.check().context("it ended under the load")?;
        let peak_bytes = attached.peak_bytes()?;
        let ended = attached.stop()?;
        Ok(Self {
            cpu: ended.cpu.saturating_sub(before),
            losses: seen::of(tracer, ended, &made)?,
            made,
            ready,
            peak_bytes,
        })
    }
}

fn summary(configuration: Configuration, pairs: &[Pair]) -> Option<LoadFigures> {
    let bases = || pairs.iter().map(|pair| &pair.base);
    let traceds = || pairs.iter().map(|pair| &pair.traced);
    let mut lost = Losses::default();
    for (number, traced) in traceds().enumerate() {
        let one = traced.losses;
        lost.expected += one.expected;
        // Unknown in one run is unknown.
        let add = |sum: Option<u64>, one: Option<u64>| match number {
            0 => one,
            _ => Some(sum? + one?),
        };
        lost.lines = add(lost.lines, one.lines);
        lost.said = add(lost.said, one.said);
        if let Some(recorded) = one.recorded {
            let sum = lost.recorded.get_or_insert_default();
            sum.bytes += recorded.bytes;
            sum.events += recorded.events;
        }
    }
    Some(LoadFigures {
        configuration,
        base: Spread::of(bases().map(|made| made.per_second))?,
        traced: Spread::of(traceds().map(|run| run.made.per_second))?,
        slowdown_of_pairs: Spread::of(
            pairs
                .iter()
                .map(|pair| pair.base.per_second / pair.traced.made.per_second),
        )?,
        base_connect: connect(bases())?,
        traced_connect: connect(traceds().map(|run| &run.made))?,
        cpu_per_million: Spread::of(traceds().map(|run| {
            let transitions = TRANSITIONS * run.made.connections_in_all;
            run.cpu.as_secs_f64() * 1e6 / transitions as f64
        }))?,
        peak_bytes: traceds().map(|run| run.peak_bytes).max()?,
        connections: traceds().map(|run| run.made.connections_in_all).sum(),
        failures: bases()
            .chain(traceds().map(|run| &run.made))
            .map(|made| made.failures_in_all)
            .sum(),
        lost,
    })
}

/// Medians over runs.
fn connect<'a>(runs: impl Iterator<Item = &'a Made>) -> Option<Latency> {
    let runs: Vec<Latency> = runs.map(|made| made.connect_ns).collect();
    let median = |of: fn(&Latency) -> u64| {
        Spread::of(runs.iter().map(|run| of(run) as f64)).map(|spread| spread.median as u64)
    };
    Some(Latency {
        p50: median(|run| run.p50)?,
        p99: median(|run| run.p99)?,
        max: median(|run| run.max)?,
    })
}
