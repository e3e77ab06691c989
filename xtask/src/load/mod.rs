//! The load of `cargo xtask bench`: short connections over loopback, as fast as the kernel makes
//! them or at a given rate, in a network namespace of its own; and timers that are not TCP states'.

mod addresses;
mod connections;
mod latency;
mod made;
mod pace;
mod timers;

use std::{
    sync::Barrier,
    thread,
    time::{Duration, Instant},
};

use anyhow::{Context as _, Result, anyhow};
use clap::Args;

pub use self::{
    addresses::{MARK, Targets},
    connections::{Close, Connection},
    made::{Latency, Made, TimersMade},
};
use self::{connections::Work, latency::Latencies};
use crate::namespace;

/// What to make.
#[derive(Args, Clone, Debug)]
pub struct Plan {
    /// Threads, each with a listener of its own: one thread is one core.
    #[arg(long, value_name = "N", default_value_t = 1, value_parser = clap::value_parser!(u16).range(1..=64))]
    pub threads: u16,
    /// How connections end.
    #[arg(long, value_enum, default_value_t)]
    pub close: Close,
    /// For how many seconds, unless a number of connections is given.
    #[arg(long, value_name = "S", default_value_t = 3.0, value_parser = seconds)]
    pub seconds: f64,
    /// That many connections in all, however long it takes.
    #[arg(long, value_name = "N")]
    pub connections: Option<u64>,
    /// At most that many connections a second in all.
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u32).range(1..))]
    pub rate: Option<u32>,
    /// Connections made for that many seconds before, which count only in `connections_in_all`.
    #[arg(long, value_name = "S", default_value_t = 0.0, value_parser = seconds)]
    pub warm_up: f64,
    /// Over ::1's neighbours instead of 127.0.0.1's.
    #[arg(long)]
    pub ipv6: bool,
}

/// How long timers are set and cancelled.
#[derive(Args, Clone, Debug)]
pub struct TimersPlan {
    /// For how many seconds.
    #[arg(long, value_name = "S", default_value_t = 3.0, value_parser = seconds)]
    pub seconds: f64,
}

/// Makes connections; prints one line of JSON.
///
/// # Errors
/// When it isn't run by root, or a listener can't be had. Connections that fail are counted.
pub fn connections(plan: &Plan) -> Result<()> {
    namespace::enter()?;
    println!("{}", serde_json::to_string(&make(plan)?)?);
    Ok(())
}

/// Sets and cancels timers; prints one line of JSON.
///
/// # Errors
/// When it isn't run by root, or the kernel does not do as expected.
pub fn timers(plan: &TimersPlan) -> Result<()> {
    namespace::enter()?;
    let made = timers::toggle(Duration::from_secs_f64(plan.seconds))?;
    println!("{}", serde_json::to_string(&made)?);
    Ok(())
}

/// Makes connections in the network namespace that this thread is in.
fn make(plan: &Plan) -> Result<Made> {
    addresses::add(plan.ipv6)?;
    let threads = plan.threads;
    let ready = Barrier::new(usize::from(threads));
    let tallies = thread::scope(|scope| {
        let sides: Vec<_> = (0..threads)
            .map(|thread| {
                let work = work(plan, thread);
                let ready = &ready;
                scope.spawn(move || {
                    let targets = Targets::listen(work.ipv6);
                    // Whoever failed is not waited for by the others, but told below.
                    ready.wait();
                    connections::run(&work, &targets?, Instant::now())
                })
            })
            .collect();
        sides
            .into_iter()
            .map(|side| side.join().map_err(|_| anyhow!("a load thread panicked"))?)
            .collect::<Result<Vec<_>>>()
    })?;

    let mut latencies = Latencies::new()?;
    let mut made = Made {
        threads,
        ..Made::default()
    };
    for tally in tallies {
        made.connections += tally.connections;
        made.failures += tally.failures;
        made.connections_in_all += tally.connections + tally.warm_connections;
        made.failures_in_all += tally.failures + tally.warm_failures;
        made.seconds = made.seconds.max(tally.took.as_secs_f64());
        made.failure = made.failure.or(tally.failure);
        latencies
            .add(&tally.latencies)
            .context("latencies can't be joined")?;
    }
    made.connect_ns = latencies.told();
    if made.seconds > 0.0 {
        made.per_second = made.connections as f64 / made.seconds;
    }
    Ok(made)
}

/// One thread's part of it.
fn work(plan: &Plan, thread: u16) -> Work {
    let (threads, thread) = (u64::from(plan.threads), u64::from(thread));
    Work {
        ipv6: plan.ipv6,
        close: plan.close,
        warm_up: Duration::from_secs_f64(plan.warm_up),
        duration: Duration::from_secs_f64(plan.seconds),
        connections: plan
            .connections
            .map(|all| all / threads + u64::from(thread < all % threads)),
        interval: plan
            .rate
            .map(|rate| Duration::from_secs(1) * u32::from(plan.threads) / rate),
    }
}

/// A number of seconds that a Duration can hold.
fn seconds(given: &str) -> Result<f64, String> {
    given
        .parse()
        .ok()
        .filter(|seconds| (0.0..=86_400.0).contains(seconds))
        .ok_or_else(|| "it takes seconds from 0 to 86400, as in 3 or 0.5".to_owned())
}

#[cfg(test)]
mod tests {
    use super::{Close, Plan, seconds, work};

    #[test]
    fn connections_and_rate_are_shared_out_exactly() {
        let plan = Plan {
            threads: 3,
            close: Close::Rst,
            seconds: 1.0,
            connections: Some(11),
            rate: Some(300),
            warm_up: 0.0,
            ipv6: false,
        };
        let parts: Vec<_> = (0..3).map(|thread| work(&plan, thread)).collect();
        let counts: Vec<_> = parts.iter().map(|part| part.connections).collect();
        assert_eq!(counts, [Some(4), Some(4), Some(3)]);
        assert_eq!(parts[0].interval.map(|one| one.as_millis()), Some(10));
    }

    #[test]
    fn seconds_are_finite_and_positive() {
        assert_eq!(seconds("0.5"), Ok(0.5));
        for wrong in ["-1", "inf", "nan", "1e9", "x"] {
            assert!(seconds(wrong).is_err(), "{wrong}");
        }
    }
}
