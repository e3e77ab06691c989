//! One thread's connections. connect(), accept() and close() are all its own: over loopback the
//! kernel answers a SYN before connect() returns, so nothing ever waits, and one thread is one
//! core.

use std::{
    io,
    time::{Duration, Instant},
};

use anyhow::{Context as _, Result};
use clap::ValueEnum;
use socket2::{Socket, Type};

use super::{addresses::Targets, latency::Latencies, pace::Pace};

/// How a connection ends.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, ValueEnum)]
pub enum Close {
    /// The client closes it by RST (SO_LINGER 0): six transitions, and nothing stays.
    #[default]
    Rst,
    /// The client closes it by FIN, then the server: ten transitions, and a TIME_WAIT stays.
    Fin,
}

/// What one thread is to do.
#[derive(Clone, Debug)]
pub struct Work {
    /// IPv6, not IPv4.
    pub ipv6: bool,
    /// How connections end.
    pub close: Close,
    /// For that long before anything is measured.
    pub warm_up: Duration,
    /// For that long, unless a number is given.
    pub duration: Duration,
    /// That many.
    pub connections: Option<u64>,
    /// From the beginning of a connection to that of the next one, at the least.
    pub interval: Option<Duration>,
}

/// What it did.
pub struct Tally {
    /// Connections that were made and closed, after the warm-up.
    pub connections: u64,
    /// connect() failed.
    pub failures: u64,
    /// The same of the warm-up.
    pub warm_connections: u64,
    /// The same of the warm-up.
    pub warm_failures: u64,
    /// Without the warm-up.
    pub took: Duration,
    /// Of connect(), without the warm-up.
    pub latencies: Latencies,
    /// What the first failure was.
    pub failure: Option<String>,
}

/// A connection, both sides.
pub struct Connection {
    client: Socket,
    server: Socket,
}

impl Connection {
    /// Makes it: the connection of that number. Also tells how long connect() took.
    ///
    /// # Errors
    /// The inner one: connect() failed. The outer one: what never should fail.
    pub fn make(targets: &Targets, number: u64) -> Result<io::Result<(Self, Duration)>> {
        let client = Socket::new(targets.domain, Type::STREAM, None).context("no socket")?;
        let began = Instant::now();
        if let Err(error) = client.connect(targets.of(number)) {
            return Ok(Err(error));
        }
        let took = began.elapsed();
        let (server, _) = targets.listener.accept().context("no connection came")?;
        Ok(Ok((Self { client, server }, took)))
    }

    /// Switches keepalive of the client on or off.
    ///
    /// # Errors
    /// What never should fail.
    pub fn keep_alive(&self, on: bool) -> Result<()> {
        self.client
            .set_keepalive(on)
            .context("SO_KEEPALIVE can't be set")
    }

    /// Closes it, the client first.
    ///
    /// # Errors
    /// What never should fail.
    pub fn close(self, how: Close) -> Result<()> {
        if how == Close::Rst {
            self.client
                .set_linger(Some(Duration::ZERO))
                .context("SO_LINGER can't be set")?;
        }
        drop(self.client);
        drop(self.server);
        Ok(())
    }
}

/// Makes connections: the warm-up's, then those that are measured.
///
/// # Errors
/// When something fails that is no connect().
pub fn run(work: &Work, targets: &Targets, began: Instant) -> Result<Tally> {
    let mut tally = Tally {
        connections: 0,
        failures: 0,
        warm_connections: 0,
        warm_failures: 0,
        took: Duration::ZERO,
        latencies: Latencies::new()?,
        failure: None,
    };
    let warm = began + work.warm_up;
    let mut pace = Pace::new(began, work.interval);
    let mut number = 0;
    while pace.wait() < warm {
        match one(work, targets, &mut number)? {
            Ok(_) => tally.warm_connections += 1,
            Err(error) => {
                tally.warm_failures += 1;
                tally.failure.get_or_insert_with(|| error.to_string());
            }
        }
    }
    let warm = Instant::now();
    loop {
        let now = pace.wait();
        let over = match work.connections {
            Some(all) => tally.connections + tally.failures >= all,
            None => now >= warm + work.duration,
        };
        if over {
            break;
        }
        match one(work, targets, &mut number)? {
            Ok(took) => {
                tally.connections += 1;
                tally.latencies.record(took);
            }
            Err(error) => {
                tally.failures += 1;
                tally.failure.get_or_insert_with(|| error.to_string());
            }
        }
    }
    tally.took = warm.elapsed();
    Ok(tally)
}

/// A connection from beginning to end; how long connect() took.
fn one(work: &Work, targets: &Targets, number: &mut u64) -> Result<io::Result<Duration>> {
    *number += 1;
    match Connection::make(targets, *number)? {
        Ok((connection, took)) => {
            connection.close(work.close)?;
            Ok(Ok(took))
        }
        Err(error) => Ok(Err(error)),
    }
}
