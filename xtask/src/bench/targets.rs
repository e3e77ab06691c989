//! What tcptrace is to reach, and whether it does.

use super::results::{Figures, LoadFigures, Results};

/// Slowdown of connections at full speed, one load thread.
const SLOWDOWN_OF_ONE: f64 = 1.15;
/// The same, two load threads.
const SLOWDOWN_OF_TWO: f64 = 1.35;
/// s of CPU time per million transitions.
const WATCH_CPU: f64 = 0.6;
/// The same of `stats`.
const STATS_CPU: f64 = 0.25;
/// ns over a program that returns at once.
const TIMER_NS: f64 = 30.0;
/// From the start until it traces, ms.
const READY_MS: f64 = 300.0;
/// Resident memory.
const PEAK_MIB: f64 = 48.0;
/// Bytes of a recording for each event.
const RECORDED_BYTES: f64 = 16.0;
/// Resident memory of who records.
const RECORD_PEAK_MIB: f64 = 64.0;
/// CPU of `serve`, asked every second, by that of `stats`.
const SERVE_CPU: f64 = 1.3;
/// CPU time without a load, percent.
const IDLE_PERCENT: f64 = 0.1;

/// A target, and what was measured.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Target {
    /// What is to be reached.
    pub wanted: String,
    /// What was found.
    pub found: String,
    /// Whether that reaches it; `None`: not measured.
    pub reached: Option<bool>,
}

/// All targets.
#[must_use]
pub fn judge(results: &Results) -> Vec<Target> {
    let watch = results.of("watch");
    let record = results.of("record");
    let stats = results.of("stats");
    let slowdown =
        |figures: Option<&Figures>, threads| figures?.under(threads).map(Figure::slowdown);
    let one = slowdown(watch, 1);
    let most_cpu = |figures: Option<&Figures>| {
        let all = figures?.loads.iter().map(Figure::cpu);
        all.reduce(|one, other| if one.value >= other.value { one } else { other })
    };
    let value = |figure: Option<Figure>| figure.map(|it| it.value);
    let timer = results
        .kernel_half
        .as_ref()
        .and_then(|measured| measured.as_ref().ok())
        .and_then(|half| {
            half.programs
                .iter()
                .filter_map(|program| program.timers.map(|cost| cost.own_ns()))
                .reduce(f64::max)
        });
    let peak = watch.and_then(|figures| most(figures, |load| load.peak_bytes as f64 / MIB));
    vec![
        at_most(
            "`watch`, one load thread: slowdown",
            value(one),
            SLOWDOWN_OF_ONE,
            |it| format!("{it:.2}"),
        ),
        not_above(
            "`watch`, one load thread: slowdown",
            "`perf record`'s",
            slowdown(results.of("perf"), 1),
            one,
            1.0,
        ),
        at_most(
            "`watch`, two load threads: slowdown",
            value(slowdown(watch, 2)),
            SLOWDOWN_OF_TWO,
            |it| format!("{it:.2}"),
        ),
        nothing_lost("watch", watch),
        at_most(
            "`watch`: CPU seconds per million transitions",
            value(most_cpu(watch)),
            WATCH_CPU,
            |it| format!("{it:.2}"),
        ),
        at_most(
            "`stats`: CPU seconds per million transitions",
            value(most_cpu(results.of("stats"))),
            STATS_CPU,
            |it| format!("{it:.2}"),
        ),
        not_above(
            "`record`: slowdown, one load thread",
            "`watch`'s",
            one,
            slowdown(record, 1),
            1.0,
        ),
        not_above(
            "`record`: slowdown, two load threads",
            "`watch`'s",
            slowdown(watch, 2),
            slowdown(record, 2),
            1.0,
        ),
        not_above(
            "`record`: CPU seconds per million transitions",
            "`watch`'s",
            most_cpu(watch),
            most_cpu(record),
            1.0,
        ),
        at_most(
            "`record`: bytes per event",
            record.and_then(|figures| most_of_some(figures, bytes_per_event)),
            RECORDED_BYTES,
            |it| format!("{it:.1}"),
        ),
        below(
            "`record`: peak memory, MiB",
            record.and_then(|figures| most(figures, |load| load.peak_bytes as f64 / MIB)),
            RECORD_PEAK_MIB,
            |it| format!("{it:.1}"),
        ),
        nothing_lost("record", record),
        not_above(
            "`serve`: slowdown, one load thread",
            "`stats`'s",
            slowdown(stats, 1),
            slowdown(results.of("serve"), 1),
            1.0,
        ),
        not_above(
            "`serve`: slowdown, two load threads",
            "`stats`'s",
            slowdown(stats, 2),
            slowdown(results.of("serve"), 2),
            1.0,
        ),
        not_above(
            "`serve`: CPU seconds per million transitions",
            "`stats`'s",
            most_cpu(stats),
            most_cpu(results.of("serve")),
            SERVE_CPU,
        ),
        nothing_lost("serve", results.of("serve")),
        not_above(
            "`top` on a terminal that nobody reads: slowdown, one load thread",
            "`stats`'s",
            slowdown(stats, 1),
            slowdown(results.of("top"), 1),
            1.0,
        ),
        not_above(
            "`top` on a terminal that nobody reads: slowdown, two load threads",
            "`stats`'s",
            slowdown(stats, 2),
            slowdown(results.of("top"), 2),
            1.0,
        ),
        nothing_lost("top", results.of("top")),
        at_most(
            "a timer that is no TCP state's: ns over an empty program",
            timer,
            TIMER_NS,
            |it| format!("{it:.0}"),
        ),
        at_most(
            "`watch`: ms until it traces",
            watch.map(|figures| figures.ready_ms.median),
            READY_MS,
            |it| format!("{it:.0}"),
        ),
        below("`watch`: peak memory, MiB", peak, PEAK_MIB, |it| {
            format!("{it:.1}")
        }),
        below(
            "`watch`: CPU without a load, percent of one CPU",
            watch.map(|figures| figures.idle_percent),
            IDLE_PERCENT,
            |it| format!("{it:.3}"),
        ),
    ]
}

const MIB: f64 = 1024.0 * 1024.0;
const NOT_MEASURED: &str = "not measured";

/// A figure, and how far off it may be: the standard error.
#[derive(Clone, Copy)]
struct Figure {
    value: f64,
    error: f64,
}

impl Figure {
    fn slowdown(load: &LoadFigures) -> Self {
        Self {
            value: load.slowdown(),
            error: load.slowdown_of_pairs.error,
        }
    }

    fn cpu(load: &LoadFigures) -> Self {
        let cpu = load.cpu_per_million;
        Self {
            value: cpu.median,
            error: cpu.error,
        }
    }
}

/// It costs no more than another does in the same run, or so many times as much. A difference that
/// the scatter of the pairs may have made (two standard errors) is none, nor is one that isn't
/// shown.
fn not_above(
    what: &str,
    limit: &str,
    other: Option<Figure>,
    found: Option<Figure>,
    times: f64,
) -> Target {
    let both = found.zip(other);
    let error = |(found, other): (Figure, Figure)| found.error.hypot(other.error * times);
    Target {
        wanted: match times {
            1.0 => format!("{what} not above {limit}"),
            times => format!("{what} not above {times} times {limit}"),
        },
        found: both.map_or_else(
            || NOT_MEASURED.to_owned(),
            |(found, other)| {
                format!(
                    "{:.2} against {:.2} (±{:.2})",
                    found.value,
                    other.value,
                    2.0 * error((found, other))
                )
            },
        ),
        reached: both.map(|(found, other)| {
            let difference = found.value - other.value * times;
            difference < 0.005 || difference <= 2.0 * error((found, other))
        }),
    }
}

fn bytes_per_event(load: &LoadFigures) -> Option<f64> {
    let recorded = load.lost.recorded?;
    (recorded.events > 0).then(|| recorded.bytes as f64 / recorded.events as f64)
}

fn most_of_some(figures: &Figures, of: impl Fn(&LoadFigures) -> Option<f64>) -> Option<f64> {
    figures.loads.iter().filter_map(of).reduce(f64::max)
}

/// The worst of all loads.
fn most(figures: &Figures, of: impl Fn(&LoadFigures) -> f64) -> Option<f64> {
    figures.loads.iter().map(of).reduce(f64::max)
}

fn at_most(what: &str, found: Option<f64>, limit: f64, shown: fn(f64) -> String) -> Target {
    compared(what, "at most", found, limit, |it| it <= limit, shown)
}

fn below(what: &str, found: Option<f64>, limit: f64, shown: fn(f64) -> String) -> Target {
    compared(what, "less than", found, limit, |it| it < limit, shown)
}

fn compared(
    what: &str,
    relation: &str,
    found: Option<f64>,
    limit: f64,
    reached: impl Fn(f64) -> bool,
    shown: fn(f64) -> String,
) -> Target {
    Target {
        wanted: format!("{what}: {relation} {limit}"),
        found: found.map_or_else(|| NOT_MEASURED.to_owned(), shown),
        reached: found.map(reached),
    }
}

fn nothing_lost(name: &str, figures: Option<&Figures>) -> Target {
    let lost = figures.map(|figures| {
        figures.loads.iter().fold((0, 0), |(said, missing), load| {
            let lost = load.lost;
            let away = lost.lines.map_or(0, |lines| lost.expected.abs_diff(lines));
            (said + lost.said.unwrap_or(0), missing + away)
        })
    });
    Target {
        wanted: format!("`{name}`: nothing lost with the default buffer, every transition a line"),
        found: lost.map_or_else(
            || NOT_MEASURED.to_owned(),
            |(said, away)| format!("{said} lost, {away} lines too few or too many"),
        ),
        reached: lost.map(|lost| lost == (0, 0)),
    }
}

#[cfg(test)]
mod tests {
    use super::judge;
    use crate::{
        bench::{
            results::{Configuration, Figures, LoadFigures, Losses, Results, TracerResults},
            spread::Spread,
        },
        load::Latency,
    };

    const fn exactly(value: f64) -> Spread {
        Spread {
            median: value,
            min: value,
            max: value,
            error: 0.0,
        }
    }

    /// A tracer under one load thread.
    fn tracer(name: &str, traced: f64, lost: Losses) -> TracerResults {
        TracerResults {
            name: name.to_owned(),
            of: name.to_owned(),
            command: name.to_owned(),
            version: None,
            figures: Ok(Figures {
                ready_ms: exactly(300.0),
                idle_percent: 0.1,
                loads: vec![LoadFigures {
                    configuration: Configuration { threads: 1 },
                    base: exactly(1_000.0),
                    traced: exactly(traced),
                    slowdown_of_pairs: exactly(1_000.0 / traced),
                    base_connect: Latency::default(),
                    traced_connect: Latency::default(),
                    cpu_per_million: exactly(0.61),
                    peak_bytes: 47 << 20,
                    connections: 10,
                    failures: 0,
                    lost,
                }],
                failed: Vec::new(),
            }),
        }
    }

    fn verdicts(tracers: Vec<TracerResults>) -> Vec<Option<bool>> {
        let results = Results {
            pairs: 1,
            seconds: 1,
            idle_seconds: 1,
            kernel_half: None,
            instructions: None,
            tracers,
        };
        judge(&results).iter().map(|it| it.reached).collect()
    }

    #[test]
    fn a_missed_target_is_missed_and_one_not_measured_is_neither() {
        let all_there = Losses {
            expected: 60,
            lines: Some(60),
            said: Some(0),
            recorded: None,
        };
        assert_eq!(
            verdicts(vec![
                tracer("watch", 900.0, all_there),
                tracer("perf", 950.0, all_there),
            ]),
            [
                Some(true),
                Some(false),
                None,
                Some(true),
                Some(false),
                None,
                None,
                None,
                None,
                None,
                None,
                None,
                None,
                None,
                None,
                None,
                None,
                None,
                None,
                None,
                Some(true),
                Some(true),
                Some(false),
            ]
        );
        assert!(verdicts(Vec::new()).iter().all(Option::is_none));
    }

    #[test]
    fn a_line_too_few_or_too_many_is_a_loss() {
        for (lines, said) in [(59, 0), (61, 0), (60, 1)] {
            let lost = Losses {
                expected: 60,
                lines: Some(lines),
                said: Some(said),
                recorded: None,
            };
            assert_eq!(
                verdicts(vec![tracer("watch", 900.0, lost)])[3],
                Some(false),
                "{lost:?}"
            );
        }
    }
}
