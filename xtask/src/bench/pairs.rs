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

/// Measures tracers; an error is a result, too. The pairs of all take turns: what the machine does
/// meanwhile, all of them meet.
pub fn measure(options: &Options, tracers: &[Tracer]) -> Vec<TracerResults> {
    let mut all: Vec<Measured<'_>> = tracers.iter().map(Measured::of).collect();
    for it in &mut all {
        it.go_on(|it| it.without_a_load(options));
    }
    for configuration in CONFIGURATIONS {
        for number in 1..=options.pairs() {
            for it in &mut all {
                it.go_on(|it| it.one_more(options, configuration, number));
            }
        }
        for it in &mut all {
            it.go_on(|it| it.sum_up(configuration));
        }
    }
    all.into_iter().map(Measured::results).collect()
}

/// A tracer, and what is known of it by now.
struct Measured<'t> {
    tracer: &'t Tracer,
    idle_percent: f64,
    ready: Vec<Duration>,
    /// Of the configuration that is measured.
    pairs: Vec<Pair>,
    loads: Vec<LoadFigures>,
    failed: Vec<String>,
    /// Why it is measured no more.
    error: Option<String>,
}

impl<'t> Measured<'t> {
    fn of(tracer: &'t Tracer) -> Self {
        Self {
            tracer,
            idle_percent: 0.0,
            ready: Vec::new(),
            pairs: Vec::new(),
            loads: Vec::new(),
            failed: Vec::new(),
            error: None,
        }
    }

    /// Does the next step, if none has failed.
    fn go_on(&mut self, step: impl FnOnce(&mut Self) -> Result<()>) {
        if self.error.is_some() {
            return;
        }
        if let Err(error) = step(self) {
            let why = format!("{error:#}");
            eprintln!("bench: {} can't be measured: {why}", self.tracer.shown());
            self.error = Some(why);
        }
    }

    fn without_a_load(&mut self, options: &Options) -> Result<()> {
        eprintln!("bench: {}: without a load", self.tracer.shown());
        let idle = idle::measure(self.tracer, options.idle())?;
        self.ready.push(idle.ready);
        self.idle_percent = idle.percent;
        Ok(())
    }

    fn one_more(
        &mut self,
        options: &Options,
        configuration: Configuration,
        number: u32,
    ) -> Result<()> {
        let tracer = self.tracer;
        let pair = match Pair::run(tracer, configuration, options.load()) {
            // A peer may hang once. tcptrace may not.
            Err(error) if tracer.is_peer() => {
                eprintln!("bench: {}: {error:#}; once more", tracer.shown());
                self.failed.push(format!("{error:#}"));
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
        self.ready.push(pair.traced.ready);
        self.pairs.push(pair);
        Ok(())
    }

    fn sum_up(&mut self, configuration: Configuration) -> Result<()> {
        let pairs = std::mem::take(&mut self.pairs);
        let load = summary(configuration, &pairs).context("no pairs were run")?;
        self.loads.push(load);
        Ok(())
    }

    fn results(self) -> TracerResults {
        let ready = self.ready.iter().map(|ready| ready.as_secs_f64() * 1e3);
        let figures = match (self.error, Spread::of(ready)) {
            (Some(why), _) => Err(why),
            (None, None) => Err("it was never started".to_owned()),
            (None, Some(ready_ms)) => Ok(Figures {
                ready_ms,
                idle_percent: self.idle_percent,
                loads: self.loads,
                failed: self.failed,
            }),
        };
        TracerResults {
            name: self.tracer.name.to_owned(),
            of: self.tracer.of.to_owned(),
            command: self.tracer.shown(),
            version: self.tracer.version(),
            figures,
        }
    }
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
