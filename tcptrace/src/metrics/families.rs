//! All metrics, each described once: every form that they are read in comes from here.

use std::{
    borrow::Cow,
    collections::BTreeMap,
    net::SocketAddr,
    sync::atomic::{AtomicU64, Ordering::Relaxed},
};

use super::{
    Snapshot,
    otlp::{Deliveries, Delivery},
    process::ProcessFigures,
};
use crate::{
    aggregate::{
        meters::{Reset, Series, Timings},
        stats::ListenAddress,
    },
    diagnose::Verdict,
    model::{Closer, Reason, Side, State},
};

/// What kind of metric it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// It only grows.
    Counter,
    /// It goes up and down; where it is not known, it is not there.
    Gauge,
    /// Durations, by how long they are.
    Histogram,
    /// It is always 1, and its labels tell.
    Info,
}

/// What it is measured in.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Unit {
    /// Things are counted.
    Count,
    /// Seconds.
    Seconds,
    /// Bytes.
    Bytes,
    /// A part of one.
    Ratio,
}

/// A value.
#[derive(Clone, Debug)]
pub enum Value<'a> {
    /// A count.
    Count(u64),
    /// Anything else.
    Number(f64),
    /// Durations.
    Timings(&'a Timings),
}

/// A value with its labels.
#[derive(Clone, Debug)]
pub struct Point<'a> {
    /// Names and values. An empty value is as good as no label: what is unknown.
    pub labels: Vec<(&'static str, Cow<'a, str>)>,
    /// How much.
    pub value: Value<'a>,
}

/// A metric.
#[derive(Clone, Debug)]
pub struct Family<'a> {
    /// Its name for Prometheus, without what tells its unit and kind.
    pub name: &'static str,
    /// Its name for OpenTelemetry.
    pub otel: &'static str,
    /// What it is.
    pub help: &'static str,
    /// Its kind.
    pub kind: Kind,
    /// Its unit.
    pub unit: Unit,
    /// Its values.
    pub points: Vec<Point<'a>>,
}

impl Family<'_> {
    /// Its name as Prometheus has it: what tells its unit and kind stands behind it.
    #[must_use]
    pub fn full_name(&self) -> String {
        let unit = match self.unit {
            Unit::Count => "",
            Unit::Seconds => "_seconds",
            Unit::Bytes => "_bytes",
            Unit::Ratio => "_ratio",
        };
        let kind = match self.kind {
            Kind::Counter => "_total",
            Kind::Info => "_info",
            Kind::Gauge | Kind::Histogram => "",
        };
        format!("{}{unit}{kind}", self.name)
    }
}

/// Collects them.
#[derive(Debug, Default)]
pub struct Families<'a>(pub Vec<Family<'a>>);

impl<'a> Families<'a> {
    /// Adds one: its names for Prometheus and for OpenTelemetry, and what [`Family`] has besides.
    pub fn add(
        &mut self,
        (name, otel): (&'static str, &'static str),
        kind: Kind,
        unit: Unit,
        help: &'static str,
        points: impl IntoIterator<Item = Point<'a>>,
    ) {
        self.0.push(Family {
            name,
            otel,
            help,
            kind,
            unit,
            points: points.into_iter().collect(),
        });
    }
}

/// A value with its labels.
#[must_use]
pub fn point<'a, const N: usize>(
    labels: [(&'static str, &'a str); N],
    value: Value<'a>,
) -> Point<'a> {
    let labels = labels.into_iter();
    Point {
        labels: labels.map(|(name, it)| (name, it.into())).collect(),
        value,
    }
}

/// Who tells.
#[derive(Clone, Copy, Debug)]
pub struct Teller<'a> {
    /// The kernel's release.
    pub kernel: &'a str,
    /// What this process takes; `None`: it can't be told.
    pub process: Option<ProcessFigures>,
    /// What became of what was sent to a collector; `None`: nothing is.
    pub deliveries: Option<&'a Deliveries>,
}

/// All metrics of a snapshot, and of who tells them.
#[must_use]
pub fn families<'a>(snapshot: &'a Snapshot, teller: &Teller<'a>) -> Vec<Family<'a>> {
    let mut all = Families(Vec::new());
    now(&mut all, snapshot);
    counters(&mut all, snapshot);
    durations(&mut all, snapshot);
    listeners(&mut all, snapshot);
    ports(&mut all, snapshot);
    tracer(&mut all, snapshot, teller.kernel);
    if let Some(deliveries) = teller.deliveries {
        sent(&mut all, deliveries);
    }
    if let Some(process) = &teller.process {
        this_process(&mut all, process);
    }
    all.0
}

/// What there is now.
fn now<'a>(all: &mut Families<'a>, snapshot: &'a Snapshot) {
    let states = State::ALL.into_iter().filter_map(|state| {
        let now = snapshot.meters.now(state)?;
        Some(point([("state", state.name())], Value::Count(now)))
    });
    all.add(
        ("tcptrace_connections", "system.network.connection.count"),
        Kind::Gauge,
        Unit::Count,
        "Connections in each state now; at least so many once tcptrace_forgotten_total grows. Gone while it is unknown: after a loss, until all sockets were looked at again",
        states,
    );
    if let Some(stuck) = &snapshot.stuck {
        let counts: BTreeMap<_, _> = stuck
            .iter()
            .map(|(state, verdict, count)| ((*state, *verdict as usize), (*verdict, *count)))
            .collect();
        let each = counts.into_iter().map(|((state, _), (verdict, count))| {
            let labels = [("state", state.name()), ("verdict", Verdict::name(verdict))];
            point(labels, Value::Count(count))
        });
        all.add(
            ("tcptrace_stuck_connections", "tcptrace.connections.stuck"),
            Kind::Gauge,
            Unit::Count,
            "Connections that stay in a state for too long, by what is found to be the reason: tcptrace explain tells of each",
            each,
        );
    }
}

/// What became of a handshake.
const COMPLETED: &str = "completed";
const FAILED: &str = "failed";

/// Whose it is, if counters are by that.
type Whose<'a> = Option<(&'static str, &'a str)>;

/// Counters, from one that may be by whose they are.
fn counters<'a>(all: &mut Families<'a>, snapshot: &'a Snapshot) {
    let mut rows: Vec<(Whose<'a>, Series, u64)> = Vec::new();
    match &snapshot.grouped {
        None => rows.extend(
            snapshot
                .meters
                .counters()
                .map(|(it, count)| (None, it, count)),
        ),
        Some(grouped) => rows.extend(grouped.rows.iter().map(|(whose, series, count)| {
            (Some((grouped.label, whose.as_str())), *series, *count)
        })),
    }
    let mut transitions = Sums::default();
    let mut time_waits = Sums::default();
    let mut closed = Sums::default();
    let mut resets = Sums::default();
    let mut retried = Sums::default();
    // A counter that begins with its first count has no rate of it: those whose labels are known are
    // there from the beginning.
    if snapshot.grouped.is_none() {
        for reason in [
            Reason::Expired,
            Reason::ReusedBySyn,
            Reason::ReusedByConnect,
        ] {
            time_waits.add(None, &[("reason", reason.name())], 0);
        }
        for reset in [Reset::Sent, Reset::Received] {
            resets.add(None, &[("direction", reset.name())], 0);
        }
        for opener in Side::ALL {
            for result in [COMPLETED, FAILED] {
                retried.add(None, &[("opener", opener.name()), ("result", result)], 0);
            }
        }
    }
    for (whose, series, count) in rows {
        match series {
            Series::Way(from, to, reason) => {
                let labels = [
                    ("from", from.name()),
                    ("to", to.name()),
                    ("reason", reason.name()),
                ];
                transitions.add(whose, &labels, count);
                if from == State::TimeWait {
                    time_waits.add(whose, &[("reason", reason.name())], count);
                }
                if let Some(reset) = Reset::of(reason) {
                    resets.add(whose, &[("direction", reset.name())], count);
                }
            }
            Series::Closed(end, closer) => {
                let closer = closer.map_or("", Closer::name);
                closed.add(whose, &[("end", end.name()), ("closer", closer)], count);
            }
            Series::Retried(opener, completed) => {
                let result = if completed { COMPLETED } else { FAILED };
                let opener = opener.map_or("", Side::name);
                retried.add(whose, &[("opener", opener), ("result", result)], count);
            }
        }
    }
    all.add(
        ("tcptrace_transitions", "tcptrace.transitions"),
        Kind::Counter,
        Unit::Count,
        "Changes of state, with why",
        transitions.points(),
    );
    all.add(
        ("tcptrace_connections_closed", "tcptrace.connections.closed"),
        Kind::Counter,
        Unit::Count,
        "Connections that left the application's hands, by how they ended (graceful, or a reason) and who sent the first FIN or RST",
        closed.points(),
    );
    all.add(
        ("tcptrace_time_wait_ends", "tcptrace.time_wait.ends"),
        Kind::Counter,
        Unit::Count,
        "TIME_WAITs that ended, by why: their time was over, or a new connection took their place",
        time_waits.points(),
    );
    all.add(
        ("tcptrace_resets", "tcptrace.resets"),
        Kind::Counter,
        Unit::Count,
        "Connections and attempts that a RST ended, by who sent it",
        resets.points(),
    );
    all.add(
        ("tcptrace_handshakes_retried", "tcptrace.handshakes.retried"),
        Kind::Counter,
        Unit::Count,
        "Handshakes in which a SYN or SYN+ACK had to be sent again, by who opened the connection and what became of it",
        retried.points(),
    );
}

/// Counts by labels; those of equal labels are one.
#[derive(Default)]
struct Sums<'a>(BTreeMap<Vec<(&'static str, &'a str)>, u64>);

impl<'a> Sums<'a> {
    fn add(&mut self, whose: Whose<'a>, labels: &[(&'static str, &'a str)], count: u64) {
        let labels = labels.iter().copied().chain(whose).collect();
        *self.0.entry(labels).or_default() += count;
    }

    fn points(self) -> impl Iterator<Item = Point<'a>> {
        self.0.into_iter().map(|(labels, count)| Point {
            labels: labels
                .into_iter()
                .map(|(name, it)| (name, it.into()))
                .collect(),
            value: Value::Count(count),
        })
    }
}

fn durations<'a>(all: &mut Families<'a>, snapshot: &'a Snapshot) {
    let meters = &snapshot.meters;
    let held = State::ALL.into_iter().filter_map(|state| {
        let held = meters.held(state);
        (held.count() > 0).then(|| point([("state", state.name())], Value::Timings(held)))
    });
    all.add(
        ("tcptrace_state_duration", "tcptrace.state.duration"),
        Kind::Histogram,
        Unit::Seconds,
        "How long connections were in a state that they left",
        held,
    );
    let handshakes = Side::ALL.into_iter().filter_map(|opener| {
        let timings = meters.handshakes(opener);
        (timings.count() > 0).then(|| point([("opener", opener.name())], Value::Timings(timings)))
    });
    all.add(
        ("tcptrace_handshake", "tcptrace.handshake.duration"),
        Kind::Histogram,
        Unit::Seconds,
        "Handshakes that were completed: from the SYN to the SYN+ACK where this side opened, to the ACK where the peer did",
        handshakes,
    );
}

/// An address and a port, as they are typed.
fn socket(at: &ListenAddress) -> String {
    SocketAddr::new(at.addr, at.port).to_string()
}

fn listeners<'a>(all: &mut Families<'a>, snapshot: &'a Snapshot) {
    let Some(listeners) = &snapshot.listeners else {
        return;
    };
    let labels = |at: &ListenAddress| {
        vec![
            ("listener", Cow::from(socket(at))),
            ("netns", Cow::from(at.netns.to_string())),
        ]
    };
    let half_open = listeners.iter().filter_map(|it| {
        Some(Point {
            labels: labels(&it.at),
            value: Value::Count(it.half_open?),
        })
    });
    all.add(
        (
            "tcptrace_half_open_connections",
            "tcptrace.connections.half_open",
        ),
        Kind::Gauge,
        Unit::Count,
        "Half-open connections now, by the address that their SYNs came to: the most of them",
        half_open,
    );
    let dropped = listeners.iter().filter_map(|it| {
        Some(Point {
            labels: labels(&it.at),
            value: Value::Count(it.dropped?),
        })
    });
    all.add(
        ("tcptrace_listener_drops", "tcptrace.listener.drops"),
        Kind::Counter,
        Unit::Count,
        "SYNs and third ACKs that a listener dropped: its queue was full, or it had no memory",
        dropped,
    );
}

fn ports<'a>(all: &mut Families<'a>, snapshot: &'a Snapshot) {
    if let Some(limit) = snapshot.ports_limit {
        all.add(
            ("tcptrace_local_ports_limit", "tcptrace.local_ports.limit"),
            Kind::Gauge,
            Unit::Count,
            "Ports of net.ipv4.ip_local_port_range, without those that are reserved, in tcptrace's network namespace",
            [point([], Value::Count(limit.into()))],
        );
    }
    let Some(routes) = &snapshot.routes else {
        return;
    };
    let each = |value: fn(&super::RouteFigures) -> Option<f64>| {
        routes.iter().filter_map(move |it| {
            let destination = SocketAddr::new(it.remote, it.port).to_string();
            Some(Point {
                labels: vec![("destination", destination.into())],
                value: Value::Number(value(it)?),
            })
        })
    };
    all.add(
        ("tcptrace_local_ports_used", "tcptrace.local_ports.used"),
        Kind::Gauge,
        Unit::Count,
        "Local ports that a new connection to a destination can't have: the fullest destinations",
        each(|it| Some(it.used as f64)),
    );
    all.add(
        (
            "tcptrace_local_ports_used",
            "tcptrace.local_ports.utilization",
        ),
        Kind::Gauge,
        Unit::Ratio,
        "The same as a part of the ports that its network namespace has",
        each(|it| (it.limit > 0).then(|| it.used as f64 / f64::from(it.limit))),
    );
    all.add(
        ("tcptrace_local_ports_exhausted_in", "tcptrace.local_ports.exhausted_in"),
        Kind::Gauge,
        Unit::Seconds,
        "When no local port is left for a destination if it goes on as in the last seconds; not there where that does not lead to it",
        each(|it| it.exhausted_in_s),
    );
}

fn tracer<'a>(all: &mut Families<'a>, snapshot: &'a Snapshot, kernel: &'a str) {
    all.add(
        ("tcptrace_events_lost", "tcptrace.events.lost"),
        Kind::Counter,
        Unit::Count,
        "Events that could not be delivered: what they told is missing in all counters",
        [point([], Value::Count(snapshot.lost))],
    );
    all.add(
        ("tcptrace_forgotten", "tcptrace.connections.forgotten"),
        Kind::Counter,
        Unit::Count,
        "Connections that were forgotten, as there were more than --max-connections",
        [point([], Value::Count(snapshot.forgotten))],
    );
    if let Some(grouped) = &snapshot.grouped {
        const NAMES: [&str; Series::KINDS] = [
            "tcptrace_transitions_total",
            "tcptrace_connections_closed_total",
            "tcptrace_handshakes_retried_total",
        ];
        let folded = NAMES.into_iter().zip(grouped.folded);
        all.add(
            ("tcptrace_series_folded", "tcptrace.series.folded"),
            Kind::Counter,
            Unit::Count,
            "How often something counted as \"other\", as there were --max-series time series already",
            folded.map(|(metric, count)| point([("metric", metric)], Value::Count(count))),
        );
    }
    if let Some(recorder) = &snapshot.recorder {
        all.add(
            ("tcptrace_recorded_events", "tcptrace.recorder.events"),
            Kind::Counter,
            Unit::Count,
            "Events that were recorded",
            [point([], Value::Count(recorder.events))],
        );
        all.add(
            ("tcptrace_recorded", "tcptrace.recorder.written"),
            Kind::Counter,
            Unit::Bytes,
            "Bytes that the recording takes, those of files that were removed included",
            [point([], Value::Count(recorder.bytes))],
        );
        all.add(
            ("tcptrace_recorder_lost", "tcptrace.recorder.lost"),
            Kind::Counter,
            Unit::Count,
            "Events that could not be recorded: the disk was full, or too slow",
            [point([], Value::Count(recorder.lost))],
        );
    }
    let version = env!("CARGO_PKG_VERSION");
    all.add(
        ("tcptrace_build", "tcptrace.build"),
        Kind::Info,
        Unit::Count,
        "Which tcptrace, and on which kernel",
        [point(
            [("version", version), ("kernel", kernel)],
            Value::Count(1),
        )],
    );
}

/// What became of what was sent.
fn sent(all: &mut Families<'_>, deliveries: &Deliveries) {
    let each = |value: fn(&Delivery) -> &AtomicU64| {
        [("metrics", &deliveries.metrics), ("logs", &deliveries.logs)]
            .map(|(signal, it)| point([("signal", signal)], Value::Count(value(it).load(Relaxed))))
    };
    all.add(
        ("tcptrace_otlp_sent", "tcptrace.otlp.sent"),
        Kind::Counter,
        Unit::Count,
        "Points of metrics and records of connections that the collector took",
        each(|it| &it.sent),
    );
    all.add(
        ("tcptrace_otlp_dropped", "tcptrace.otlp.dropped"),
        Kind::Counter,
        Unit::Count,
        "Those that it did not get: it refused them, or was away for too long",
        each(|it| &it.dropped),
    );
}

/// What this process takes.
pub fn this_process(all: &mut Families<'_>, process: &ProcessFigures) {
    all.add(
        ("process_cpu", "process.cpu.time"),
        Kind::Counter,
        Unit::Seconds,
        "CPU time of tcptrace, user and system",
        [point([], Value::Number(process.cpu_s))],
    );
    all.add(
        ("process_resident_memory", "process.memory.usage"),
        Kind::Gauge,
        Unit::Bytes,
        "Memory that tcptrace has in use",
        [point([], Value::Count(process.resident_bytes))],
    );
    all.add(
        ("process_virtual_memory", "process.memory.virtual"),
        Kind::Gauge,
        Unit::Bytes,
        "Address space of tcptrace",
        [point([], Value::Count(process.virtual_bytes))],
    );
    all.add(
        ("process_threads", "process.thread.count"),
        Kind::Gauge,
        Unit::Count,
        "Threads of tcptrace",
        [point([], Value::Count(process.threads))],
    );
    if let Some(started) = process.started_s {
        all.add(
            ("process_start_time", "process.start_time"),
            Kind::Gauge,
            Unit::Seconds,
            "When tcptrace was started, since 1970",
            [point([], Value::Number(started))],
        );
    }
}
