//! The command line of `tcptrace stats`.

use std::time::Duration;

use clap::Args;
use tcptrace::{
    aggregate::stats::By,
    commands::{StatsOptions, WatchOptions, duration},
};

use super::{Watch, words};

/// Options of `tcptrace stats`.
#[derive(Args, Debug)]
pub struct StatsArgs {
    #[command(flatten)]
    pub(super) watch: Watch,
    /// Report so often, and not only at the end: 1s, 5m. -n counts reports then.
    #[arg(short = 'i', long, value_name = "TIME", value_parser = interval)]
    interval: Option<Duration>,
    /// Break the figures of states and ends down.
    #[arg(long, value_parser = words::by(), value_name = "WHAT")]
    by: Option<By>,
}

impl StatsArgs {
    /// What `stats` is told.
    ///
    /// # Errors
    /// When there is no such network interface.
    pub fn into_options(self) -> anyhow::Result<StatsOptions> {
        let WatchOptions {
            live,
            count,
            output,
            colour,
            language,
            utc,
        } = self.watch.into_options()?;
        Ok(StatsOptions {
            live,
            count,
            interval: self.interval,
            by: self.by,
            output,
            colour,
            language,
            utc,
        })
    }
}

/// Counting what there is takes its time.
const SHORTEST: Duration = Duration::from_millis(100);

fn interval(given: &str) -> Result<Duration, String> {
    let interval = duration(given).map_err(|error| error.to_string())?;
    if interval < SHORTEST {
        return Err("it takes 100ms at least".to_owned());
    }
    Ok(interval)
}
