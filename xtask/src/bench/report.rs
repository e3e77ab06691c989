//! What was measured, as Markdown that reads well as text, too.

use std::fmt::Write as _;

use super::{
    CONFIGURATIONS,
    machine::{self, Checkout},
    results::{Configuration, Figures, KernelHalf, Losses, Results, RunCost, TracerResults},
    spread::Spread,
    targets,
    tracers::TRANSITIONS,
};

const MIB: f64 = 1024.0 * 1024.0;

/// Writes the report.
#[must_use]
pub fn write(results: &Results, checkout: &Checkout) -> String {
    let mut parts = vec![head(results, checkout), targets(results)];
    parts.extend(CONFIGURATIONS.map(|configuration| load(results, configuration)));
    parts.push(beside(results));
    parts.push(kernel_half(results));
    parts.push(instructions(results));
    parts.push(tracers(results));
    parts.retain(|part| !part.is_empty());
    parts.join("\n")
}

fn head(results: &Results, checkout: &Checkout) -> String {
    let today = jiff::Timestamp::now().to_string();
    let today = today.split('T').next().unwrap_or_default();
    let commit = checkout.commit.as_deref().unwrap_or("unknown");
    format!(
        "# Benchmarks\n\
         \n\
         Made by `{}` on {today}, of tcptrace {} (commit {commit}), on\n\
         {}.\n\
         \n\
         The load is short TCP connections over loopback, closed by RST, as fast as the kernel \
         makes them; each\nthread connects, accepts and closes by itself. {} pairs of runs of {} \
         s, without and with a tracer in\nturn, and the tracers take turns, too. Figures are medians, with the least and the most \
         in brackets. Output goes to a file in memory.\nCPU time is that of the tracer's process; \
         what its kernel half takes is in the slowdown.\n",
        checkout.command,
        checkout.version,
        machine::describe(),
        results.pairs,
        results.seconds,
    )
}

fn targets(results: &Results) -> String {
    let rows = targets::judge(results).into_iter().map(|target| {
        let verdict = match target.reached {
            Some(true) => "reached",
            Some(false) => "MISSED",
            None => "-",
        };
        vec![target.wanted, target.found, verdict.to_owned()]
    });
    format!(
        "## Targets\n\n{}",
        table(&["target", "measured", ""], rows.collect())
    )
}

fn load(results: &Results, configuration: Configuration) -> String {
    let mut rows = Vec::new();
    let mut failures = 0;
    for (tracer, figures) in measured(results) {
        let Some(load) = figures.under(configuration.threads) else {
            continue;
        };
        failures += load.failures;
        rows.push(vec![
            shown(tracer),
            spread(load.base, 0),
            spread(load.traced, 0),
            format!(
                "{:.2} ({})",
                load.slowdown(),
                range(load.slowdown_of_pairs, 2)
            ),
            format!(
                "{} -> {}",
                microseconds(load.base_connect.p50),
                microseconds(load.traced_connect.p50)
            ),
            format!(
                "{} -> {}",
                microseconds(load.base_connect.p99),
                microseconds(load.traced_connect.p99)
            ),
            spread(load.cpu_per_million, 2),
            missing(load.lost),
            load.lost.said.map_or_else(|| "-".to_owned(), grouped),
            format!("{:.1}", load.peak_bytes as f64 / MIB),
        ]);
    }
    if rows.is_empty() {
        return String::new();
    }
    let mut text = format!("## {}\n\n", configuration.title());
    text += &table(
        &[
            "tracer",
            "connections/s without",
            "with",
            "slowdown",
            "connect() p50, µs",
            "p99, µs",
            "CPU s per million transitions",
            "lines missing",
            "says it lost",
            "peak MiB",
        ],
        rows,
    );
    if failures > 0 {
        let _ = writeln!(text, "\n{failures} connect()s failed; lines are not exact.");
    }
    text
}

fn beside(results: &Results) -> String {
    let rows: Vec<_> = measured(results)
        .map(|(tracer, figures)| {
            vec![
                shown(tracer),
                spread(figures.ready_ms, 0),
                format!("{:.3}", figures.idle_percent),
            ]
        })
        .collect();
    if rows.is_empty() {
        return String::new();
    }
    format!(
        "## Without a load\n\n{}",
        table(
            &[
                "tracer",
                "ms until it traces",
                &format!("CPU in {} s, percent of one CPU", results.idle_seconds),
            ],
            rows
        )
    )
}

fn kernel_half(results: &Results) -> String {
    let half = match &results.kernel_half {
        None => return String::new(),
        Some(Err(why)) => {
            return format!("## The programs in the kernel\n\nNot measured: {why}\n");
        }
        Some(Ok(half)) => half,
    };
    let rows = half
        .programs
        .iter()
        .map(|program| {
            let mut row = vec![program.name.clone()];
            row.extend(run(Some(program.connections)));
            row.extend(run(program.timers));
            row
        })
        .collect();
    format!(
        "## The programs in the kernel\n\n{}\n{}",
        table(
            &[
                "program",
                "runs per connection",
                "ns per run",
                "empty program",
                "runs per other timer",
                "ns per run",
                "empty program",
            ],
            rows
        ),
        remarks(half)
    )
}

fn remarks(half: &KernelHalf) -> String {
    format!(
        "As the kernel counts them, which costs time itself: hence the program that returns at \
         once, on the\nsame tracepoint. A connection takes {:.0} ns in all programs, and {:.0} ns \
         in empty ones. It makes\n{:.2} transitions (expected: {TRANSITIONS}). The other timers are a \
         keepalive timer, started and\ncancelled {} times a second.\n\nA program that does nothing \
         but send a record of 64 bytes with the time takes {:.0} ns. Above empty\nprograms, that is {:.0} \
         ns; all of tcptrace's take {:.0} ns a transition, {:.2} times as much.\n",
        half.ns_per_connection,
        half.empty_ns_per_connection,
        half.transitions_per_connection,
        grouped(half.timers_per_second as u64),
        half.bare_ns,
        half.bare_own_ns(),
        half.own_ns(),
        half.own_ns() / half.bare_own_ns(),
    )
}

fn instructions(results: &Results) -> String {
    let counted = match &results.instructions {
        None => return String::new(),
        Some(Err(why)) => return format!("## Instructions for each event\n\nNot counted: {why}\n"),
        Some(Ok(counted)) => counted,
    };
    let rows = counted
        .iter()
        .map(|it| {
            vec![
                format!("**tcptrace {}**", it.command),
                grouped(it.per_event as u64),
            ]
        })
        .collect();
    format!(
        "## Instructions for each event\n\n{}\nCounted by callgrind while the recording of such a load \
         is read and written as JSON: what one\nevent takes in userspace, with reading it from the \
         recording in place of the ring buffer.\n",
        table(&["tracer", "instructions"], rows)
    )
}

fn run(cost: Option<RunCost>) -> [String; 3] {
    match cost {
        None => ["-", "-", "-"].map(str::to_owned),
        Some(cost) => [
            format!("{:.2}", cost.runs),
            format!("{:.0}", cost.ns),
            format!("{:.0}", cost.empty_ns),
        ],
    }
}

fn tracers(results: &Results) -> String {
    let mut text = "## Tracers\n\n".to_owned();
    for tracer in &results.tracers {
        let _ = write!(text, "- `{}`", tracer.command);
        if let Some(version) = &tracer.version {
            let _ = write!(text, ", Debian's {version}");
        }
        match &tracer.figures {
            Err(why) => {
                let _ = write!(text, ": can't be measured here: {why}");
            }
            Ok(figures) => {
                for why in &figures.failed {
                    let _ = write!(text, "; a run failed, and was made once more: {why}");
                }
            }
        }
        text.push('\n');
    }
    text + "\nLines are counted that have an address of the load. perf's samples are those of the \
            whole machine: there\nmay be more than expected. SCRIPT writes what tcpstates does.\n"
}

fn measured(results: &Results) -> impl Iterator<Item = (&TracerResults, &Figures)> {
    results
        .tracers
        .iter()
        .filter_map(|tracer| Some((tracer, tracer.figures.as_ref().ok()?)))
}

fn shown(tracer: &TracerResults) -> String {
    if tracer.of == tracer.name {
        tracer.name.clone()
    } else {
        format!("**{} {}**", tracer.of, tracer.name)
    }
}

/// How many lines are not there, of how many.
fn missing(lost: Losses) -> String {
    let Some(lines) = lost.lines else {
        return "-".to_owned();
    };
    if lines > lost.expected {
        return format!("0 (+{})", grouped(lines - lost.expected));
    }
    let missing = lost.expected - lines;
    if missing == 0 {
        return format!("0 of {}", grouped(lost.expected));
    }
    format!(
        "{} ({:.2} %)",
        grouped(missing),
        100.0 * missing as f64 / lost.expected as f64
    )
}

fn spread(spread: Spread, digits: usize) -> String {
    format!(
        "{} ({})",
        number(spread.median, digits),
        range(spread, digits)
    )
}

fn range(spread: Spread, digits: usize) -> String {
    format!(
        "{} to {}",
        number(spread.min, digits),
        number(spread.max, digits)
    )
}

fn number(value: f64, digits: usize) -> String {
    if digits == 0 {
        grouped(value.round() as u64)
    } else {
        format!("{value:.digits$}")
    }
}

fn microseconds(ns: u64) -> String {
    format!("{:.1}", ns as f64 / 1e3)
}

/// With a comma before each three digits.
fn grouped(value: u64) -> String {
    let digits = value.to_string();
    let mut text = String::new();
    for (index, digit) in digits.chars().enumerate() {
        if index > 0 && (digits.len() - index).is_multiple_of(3) {
            text.push(',');
        }
        text.push(digit);
    }
    text
}

/// A table whose columns stand below each other in plain text.
fn table(head: &[&str], rows: Vec<Vec<String>>) -> String {
    let head: Vec<String> = head.iter().map(|&word| word.to_owned()).collect();
    let widths: Vec<usize> = (0..head.len())
        .map(|column| {
            std::iter::once(&head)
                .chain(&rows)
                .map(|row| row[column].chars().count())
                .max()
                .unwrap_or_default()
        })
        .collect();
    let rule: Vec<String> = widths.iter().map(|width| "-".repeat(*width)).collect();
    let mut text = String::new();
    for row in [&head, &rule].into_iter().chain(&rows) {
        for (cell, width) in row.iter().zip(&widths) {
            let _ = write!(text, "| {cell:width$} ");
        }
        text += "|\n";
    }
    text
}

#[cfg(test)]
mod tests {
    use super::{Losses, grouped, missing, table};

    #[test]
    fn numbers_are_grouped() {
        assert_eq!(grouped(0), "0");
        assert_eq!(grouped(999), "999");
        assert_eq!(grouped(1_234_567), "1,234,567");
    }

    #[test]
    fn what_is_missing_is_never_hidden() {
        let lost = |expected, lines| {
            missing(Losses {
                expected,
                lines,
                said: None,
                recorded: None,
            })
        };
        assert_eq!(lost(6_000, Some(6_000)), "0 of 6,000");
        assert_eq!(lost(6_000, Some(4_500)), "1,500 (25.00 %)");
        assert_eq!(lost(6_000, Some(6_002)), "0 (+2)");
        assert_eq!(lost(0, None), "-");
    }

    #[test]
    fn columns_stand_below_each_other() {
        let rows = vec![vec!["a".to_owned(), "p50, \u{b5}s".to_owned()]];
        assert_eq!(
            table(&["long", "x"], rows),
            "| long | x       |\n| ---- | ------- |\n| a    | p50, \u{b5}s |\n"
        );
    }
}
