//! How it goes, as metrics and on a terminal.

use std::{
    fmt,
    sync::atomic::{AtomicBool, AtomicI64, AtomicU64, Ordering::Relaxed},
    time::{Duration, SystemTime, UNIX_EPOCH},
};

use crate::{
    metrics::{
        Coming, Families, Family, Kind, Told, Unit, Value, point,
        process::OwnProcess,
        prometheus::{Format, Moment, encode},
        this_process,
    },
    model::ns,
    output::{Human, Size},
};

/// What is counted while a recording is brought elsewhere.
#[derive(Debug)]
pub struct Figures {
    /// Rows that were read, of which batches were made.
    read: AtomicU64,
    /// Rows of batches that are there.
    shipped: AtomicU64,
    batches: AtomicU64,
    retries: AtomicU64,
    /// Bytes as they were sent, compressed.
    bytes: AtomicU64,
    missed: AtomicU64,
    refused: AtomicU64,
    lost: AtomicU64,
    /// Until when all was read: ns since 1970; 0: nothing was yet.
    read_until_ns: AtomicI64,
    /// Until when all is there.
    shipped_until_ns: AtomicI64,
    up: AtomicBool,
    process: Option<OwnProcess>,
    began_wall_ns: i64,
}

impl Default for Figures {
    fn default() -> Self {
        Self {
            read: AtomicU64::new(0),
            shipped: AtomicU64::new(0),
            batches: AtomicU64::new(0),
            retries: AtomicU64::new(0),
            bytes: AtomicU64::new(0),
            missed: AtomicU64::new(0),
            refused: AtomicU64::new(0),
            lost: AtomicU64::new(0),
            read_until_ns: AtomicI64::new(0),
            shipped_until_ns: AtomicI64::new(0),
            up: AtomicBool::new(false),
            process: OwnProcess::open().ok(),
            began_wall_ns: wall_now(),
        }
    }
}

impl Figures {
    pub(super) fn add_read(&self, rows: u32) {
        self.read.fetch_add(rows.into(), Relaxed);
    }

    pub(super) fn add_lost(&self, events: u64) {
        self.lost.fetch_add(events, Relaxed);
    }

    /// Segments went before they were read.
    pub fn add_missed(&self, segments: u64) {
        self.missed.fetch_add(segments, Relaxed);
    }

    /// Rows that were refused.
    #[must_use]
    pub fn refused(&self) -> u64 {
        self.refused.load(Relaxed)
    }

    /// Segments that went before they were read.
    #[must_use]
    pub fn missed(&self) -> u64 {
        self.missed.load(Relaxed)
    }

    /// All that happened until then was read: ns since 1970.
    pub fn read_until(&self, wall_ns: i64) {
        self.read_until_ns.fetch_max(wall_ns, Relaxed);
    }

    /// A batch is there, but for rows that were refused.
    pub(super) fn add_shipped(&self, rows: u32, refused: u32, bytes: u64, until_ns: i64) {
        self.shipped.fetch_add(rows.into(), Relaxed);
        self.refused.fetch_add(refused.into(), Relaxed);
        self.batches.fetch_add(1, Relaxed);
        self.bytes.fetch_add(bytes, Relaxed);
        self.shipped_until_ns.fetch_max(until_ns, Relaxed);
        self.up.store(true, Relaxed);
    }

    /// A batch that was under way before is there.
    pub(super) fn add_left_over(&self, rows: u32) {
        self.read.fetch_add(rows.into(), Relaxed);
    }

    /// Rows are refused, and wait: they may be taken once somebody has done something.
    pub(super) fn add_refused(&self, rows: u32) {
        self.refused.fetch_add(rows.into(), Relaxed);
        self.up.store(false, Relaxed);
    }

    pub(super) fn add_retry(&self) {
        self.retries.fetch_add(1, Relaxed);
        self.up.store(false, Relaxed);
    }

    pub(super) fn is_up(&self) {
        self.up.store(true, Relaxed);
    }

    /// How long ago what is still to be sent happened; `None`: nothing was read yet.
    fn lag(&self) -> Option<Duration> {
        let read_until = self.read_until_ns.load(Relaxed);
        let done = self.shipped.load(Relaxed) + self.refused.load(Relaxed);
        let until = match done < self.read.load(Relaxed) {
            true => self.shipped_until_ns.load(Relaxed),
            false => read_until,
        };
        let since = (until > 0).then(|| wall_now().saturating_sub(until))?;
        Some(Duration::from_nanos(u64::try_from(since).unwrap_or(0)))
    }

    /// How it goes now.
    #[must_use]
    pub fn progress(&self) -> Progress {
        Progress {
            rows: self.shipped.load(Relaxed),
            batches: self.batches.load(Relaxed),
            bytes: self.bytes.load(Relaxed),
            refused: self.refused(),
            missed: self.missed(),
            lag: self.lag(),
            per_second: None,
        }
    }

    fn families(&self) -> Vec<Family<'_>> {
        let mut all = Families::default();
        let mut add = |name, otel, kind, unit, help, value| {
            all.add((name, otel), kind, unit, help, [point([], value)]);
        };
        let count = |it: &AtomicU64| Value::Count(it.load(Relaxed));
        add(
            "tcptrace_shipped_flows",
            "tcptrace.shipped.flows",
            Kind::Counter,
            Unit::Count,
            "Flows that are there",
            count(&self.shipped),
        );
        add(
            "tcptrace_shipped_batches",
            "tcptrace.shipped.batches",
            Kind::Counter,
            Unit::Count,
            "Batches that are there",
            count(&self.batches),
        );
        add(
            "tcptrace_shipped",
            "tcptrace.shipped.size",
            Kind::Counter,
            Unit::Bytes,
            "Bytes of these batches as they were sent, compressed",
            count(&self.bytes),
        );
        add(
            "tcptrace_ship_retries",
            "tcptrace.ship.retries",
            Kind::Counter,
            Unit::Count,
            "Requests that were tried again, as nobody was there, none answered, or there was too much to do",
            count(&self.retries),
        );
        add(
            "tcptrace_ship_refused_flows",
            "tcptrace.ship.refused_flows",
            Kind::Counter,
            Unit::Count,
            "Flows that were not taken, and never will be as they are",
            count(&self.refused),
        );
        add(
            "tcptrace_ship_missed_segments",
            "tcptrace.ship.missed_segments",
            Kind::Counter,
            Unit::Count,
            "Segments of the recording that were removed before they were read",
            count(&self.missed),
        );
        add(
            "tcptrace_ship_events_lost",
            "tcptrace.ship.events.lost",
            Kind::Counter,
            Unit::Count,
            "Events that the recording says were lost",
            count(&self.lost),
        );
        if let Some(lag) = self.lag() {
            add(
                "tcptrace_ship_lag",
                "tcptrace.ship.lag",
                Kind::Gauge,
                Unit::Seconds,
                "How long ago that happened which is not there yet. Gone while nothing was read",
                Value::Number(lag.as_secs_f64()),
            );
        }
        add(
            "tcptrace_ship_up",
            "tcptrace.ship.up",
            Kind::Gauge,
            Unit::Count,
            "1 if the last request went well, else 0",
            Value::Count(self.up.load(Relaxed).into()),
        );
        if let Some(process) = self.process.as_ref().and_then(OwnProcess::look) {
            this_process(&mut all, &process);
        }
        all.0
    }
}

impl Told for Figures {
    fn metrics(&self, format: Format) -> Coming<'_, Result<Option<Vec<u8>>, fmt::Error>> {
        let now = Moment {
            mono_ns: 0,
            wall_ns: wall_now(),
            began_wall_ns: self.began_wall_ns,
        };
        let written = encode(&self.families(), format, now).map(Some);
        Box::pin(std::future::ready(written))
    }

    fn is_ready(&self) -> Coming<'_, bool> {
        Box::pin(std::future::ready(true))
    }

    fn about(&self) -> &'static str {
        include_str!("about.html")
    }
}

/// Now, ns since 1970.
pub(super) fn wall_now() -> i64 {
    let now = SystemTime::now().duration_since(UNIX_EPOCH);
    i64::try_from(now.unwrap_or_default().as_nanos()).unwrap_or(i64::MAX)
}

/// How it goes, in a line.
#[derive(Clone, Copy, Debug, Default)]
pub struct Progress {
    /// Rows that are there.
    pub rows: u64,
    /// Batches of them.
    pub batches: u64,
    /// Bytes of these.
    pub bytes: u64,
    /// Rows that were refused.
    pub refused: u64,
    /// Segments that went before they were read.
    pub missed: u64,
    /// How far it is behind; `None`: unknown.
    pub lag: Option<Duration>,
    /// Rows a second; `None`: it is over.
    pub per_second: Option<f64>,
}

impl fmt::Display for Progress {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (rows, batches) = (self.rows, self.batches);
        match self.per_second {
            Some(rate) => {
                write!(f, "shipping: {rows} flows, {rate:.0}/s")?;
                if let Some(lag) = self.lag {
                    let lag = Duration::from_secs(lag.as_secs());
                    let ns = ns(lag);
                    write!(f, ", {} behind", Human { ns, ascii: true })?;
                }
            }
            None => write!(
                f,
                "shipped: {rows} flows in {batches} batches, {}",
                Size(self.bytes)
            )?,
        }
        if self.refused > 0 {
            write!(f, "; {} flows were refused", self.refused)?;
        }
        if self.missed > 0 {
            let missed = self.missed;
            write!(f, "; {missed} segments were removed before they were read")?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn progress_says_how_much_how_fast_and_how_far_behind() {
        let mut progress = Progress {
            rows: 1200,
            batches: 3,
            bytes: 5 << 20,
            refused: 0,
            missed: 0,
            lag: Some(Duration::from_millis(125_400)),
            per_second: Some(210.4),
        };
        let text = progress.to_string();
        assert_eq!(text, "shipping: 1200 flows, 210/s, 2m05s behind");
        (progress.per_second, progress.missed) = (None, 2);
        assert_eq!(
            progress.to_string(),
            "shipped: 1200 flows in 3 batches, 5.0 M; 2 segments were removed before they were read"
        );
    }

    #[test]
    fn what_waits_to_be_sent_makes_the_lag() {
        let figures = Figures::default();
        assert_eq!(figures.lag(), None);
        let now = wall_now();
        figures.read_until(now);
        assert!(figures.lag().unwrap() < Duration::from_secs(60));
        figures.add_shipped(0, 0, 0, now - 3_600_000_000_000);
        figures.add_read(7);
        assert!(figures.lag().unwrap() >= Duration::from_secs(3600));
        figures.add_shipped(6, 1, 1, now);
        assert!(figures.lag().unwrap() < Duration::from_secs(60));
    }

    #[test]
    fn the_document_has_each_metric_of_ship_with_its_kind() {
        let page = include_str!("../../../docs/monitoring.md");
        let figures = Figures::default();
        figures.read_until(1);
        for family in figures.families() {
            let kind = match family.kind {
                Kind::Counter => "counter",
                _ => "gauge",
            };
            let row = format!("| `{}` | {kind} |", family.full_name());
            assert!(page.contains(&row), "docs/monitoring.md lacks: {row}");
        }
    }
}
