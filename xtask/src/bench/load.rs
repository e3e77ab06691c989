//! The load, made by a process of its own.

use std::{
    env,
    process::{Command, Stdio},
    time::Duration,
};

use anyhow::{Context as _, Result, ensure};
use serde::de::DeserializeOwned;

use super::{attached::die_with_parent, results::Configuration};
use crate::load::{Made, TimersMade};

/// Seconds of connections before each measurement.
const WARM_UP: &str = "0.3";

/// Makes connections, closed by RST, at full speed.
///
/// # Errors
/// When they can't be made.
pub fn connections(configuration: Configuration, duration: Duration) -> Result<Made> {
    told_by(&[
        "load",
        "--close=rst",
        "--warm-up",
        WARM_UP,
        "--threads",
        &configuration.threads.to_string(),
        "--seconds",
        &duration.as_secs_f64().to_string(),
    ])
}

/// Starts and cancels timers that are not TCP states'.
///
/// # Errors
/// When they can't be made.
pub fn timers(duration: Duration) -> Result<TimersMade> {
    let seconds = duration.as_secs_f64().to_string();
    told_by(&["load-timers", "--seconds", &seconds])
}

fn told_by<Told: DeserializeOwned>(arguments: &[&str]) -> Result<Told> {
    let own = env::current_exe().context("the path of xtask can't be told: is /proc mounted?")?;
    let mut command = Command::new(own);
    command.args(arguments).stderr(Stdio::inherit());
    die_with_parent(&mut command);
    let output = command.output().context("the load can't be started")?;
    ensure!(
        output.status.success(),
        "the load failed: {}",
        output.status
    );
    serde_json::from_slice(&output.stdout).context("what the load says can't be read")
}
