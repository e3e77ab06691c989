//! Options of commands that can read a recording.

use std::path::PathBuf;

use clap::Args;
use jiff::{Timestamp, civil::DateTime, tz::TimeZone};
use tcptrace::{
    commands::duration,
    engine::{Moment, ReplayOptions},
};

/// Which recording is read.
#[derive(Args, Debug)]
pub struct ReplayArgs {
    /// Read a recording, and trace nothing: a folder that `tcptrace record` made, or a file in it.
    /// It takes no privileges, and may be another machine's.
    #[arg(
        short = 'r',
        long = "read",
        value_name = "PATH",
        help_heading = "Recordings"
    )]
    pub(super) read: Option<PathBuf>,
    /// From then on: 2026-11-26T03:15:00Z, "2026-11-26 03:15" in this machine's zone, or -10m
    /// before the end of the recording.
    #[arg(long, value_name = "TIME", value_parser = moment, allow_hyphen_values = true, requires = "read", help_heading = "Recordings")]
    from: Option<Moment>,
    /// Until then.
    #[arg(long, value_name = "TIME", value_parser = moment, allow_hyphen_values = true, requires = "read", help_heading = "Recordings")]
    to: Option<Moment>,
}

impl ReplayArgs {
    /// What a recording is asked for; `None`: none is read.
    pub fn into_options(self) -> Option<ReplayOptions> {
        Some(ReplayOptions {
            path: self.read?,
            from: self.from,
            to: self.to,
        })
    }
}

/// Reads a moment of a recording.
pub fn moment(given: &str) -> Result<Moment, String> {
    if let Some(before) = given.strip_prefix('-') {
        return duration(before)
            .map(Moment::BeforeEnd)
            .map_err(|error| format!("{error} (-10m is ten minutes before the end)"));
    }
    let timestamp: Option<Timestamp> = given.parse().ok().or_else(|| {
        let civil: DateTime = given.parse().ok()?;
        Some(civil.to_zoned(TimeZone::system()).ok()?.timestamp())
    });
    timestamp
        .and_then(|it| i64::try_from(it.as_nanosecond()).ok())
        .map(Moment::At)
        .ok_or_else(|| {
            "it takes a time, as in 2026-11-26T03:15:00Z or \"2026-11-26 03:15\", or -10m: so long \
             before the end"
                .to_owned()
        })
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    #[test]
    fn a_moment_is_a_time_or_counted_from_the_end() {
        let at = |text| moment(text).unwrap();
        assert_eq!(at("1970-01-01T00:00:01.5Z"), Moment::At(1_500_000_000));
        assert_eq!(at("1970-01-01T01:00:00+01:00"), Moment::At(0));
        assert_eq!(at("-10m"), Moment::BeforeEnd(Duration::from_secs(600)));
        assert!(matches!(at("2026-11-26 03:15"), Moment::At(_)));
        for wrong in ["", "-", "10m", "yesterday", "-x"] {
            assert!(moment(wrong).is_err(), "{wrong}");
        }
    }
}
