//! How long connections were in each state.

use maud::{Markup, html};

use super::{
    Page, Section,
    machine::class,
    svg::at,
    table::{cell, drawing, number, table, text},
    values::{count, duration, known_count, known_duration},
    writing::Writing,
};
use crate::aggregate::stats::Durations;

/// Parts of a decade.
const PARTS: u32 = 3;
/// Size of a histogram.
const WIDE: f64 = 300.0;
const HIGH: f64 = 40.0;
/// Below it stand the times.
const SCALE: f64 = 14.0;
/// Times that are named on the scale: how many decades above 1 µs.
const NAMED: [(f64, &str); 4] = [(0.0, "1 µs"), (3.0, "1 ms"), (6.0, "1 s"), (9.0, "1000 s")];

pub(super) fn section(page: &Page<'_>, writing: &Writing<'_>) -> Section {
    Section {
        id: "states",
        heading: writing.word("states"),
        body: body(page, writing),
    }
}

fn body(page: &Page<'_>, writing: &Writing<'_>) -> Markup {
    let Some(summary) = &page.gathered.summary else {
        return writing.note("nothing-read", []);
    };
    let mut rows = Vec::new();
    for (state, figures) in summary.states.iter() {
        let now = summary.now.map(|now| now[state as usize]);
        if figures.entered == 0 && figures.left == 0 && now.is_none_or(|now| now == 0) {
            continue;
        }
        let held = &figures.held;
        rows.push(vec![
            writing.state(state),
            cell(count(figures.entered)),
            cell(count(figures.left)),
            cell(known_count(now)),
            cell(known_duration(held.quantile(0.5))),
            cell(known_duration(held.quantile(0.9))),
            cell(known_duration(held.quantile(0.99))),
            cell(known_duration(held.max())),
            histogram(held, class(state), writing),
        ]);
    }
    if rows.is_empty() {
        return writing.note("nothing-happened", []);
    }
    let columns = [
        text(writing.word("state")),
        number(writing.word("entered")),
        number(writing.word("left")),
        number(writing.word("now")),
        number("p50".to_owned()),
        number("p90".to_owned()),
        number("p99".to_owned()),
        number(writing.word("longest")),
        drawing(writing.word("histogram")),
    ];
    html! {
        (writing.note("states-note", []))
        (table(writing, writing.prose("states-caption", []), &columns, &rows, 0))
    }
}

/// How many stayed how long: a bar for each third of a decade.
fn histogram(held: &Durations, class: &str, writing: &Writing<'_>) -> Markup {
    let counts = held.in_decades(PARTS);
    let most = counts.iter().map(|(_, count)| *count).max().unwrap_or(0);
    let said = match (held.quantile(0.5), held.quantile(0.99)) {
        (Some(half), Some(most)) => writing.say(
            "histogram-says",
            [
                ("count", held.count().into()),
                ("half", duration(half).into()),
                ("most", duration(most).into()),
            ],
        ),
        _ => return html! { span.quiet { (writing.word("unknown")) } },
    };
    let wide = WIDE / counts.len() as f64;
    let decade = wide * f64::from(PARTS);
    let mut from = 0;
    let bars: Vec<Markup> = counts
        .iter()
        .enumerate()
        .map(|(place, (to, number))| {
            let range = match (from, *to) {
                (from, u64::MAX) => format!("≥ {}", duration(from)),
                (0, to) => format!("< {}", duration(to)),
                (from, to) => format!("{} – {}", duration(from), duration(to)),
            };
            from = *to;
            // What is there at all is seen.
            let high = match number {
                0 => 0.0,
                _ => (*number as f64 / most.max(1) as f64 * HIGH).max(1.5),
            };
            html! {
                @if *number > 0 {
                    rect x=(at(place as f64 * wide + 0.5)) y=(at(HIGH - high)) width=(at(wide - 1.0)) height=(at(high)) {
                        title { (range) ": " (count(*number)) }
                    }
                }
            }
        })
        .collect();
    html! {
        svg.histogram.{(class)} viewBox={ "0 0 " (at(WIDE)) " " (at(HIGH + SCALE)) } role="img" aria-label=(said) {
            @for (decades, name) in NAMED {
                @let x = decades * decade;
                line.scale x1=(at(x)) x2=(at(x)) y1="0" y2=(at(HIGH)) {}
                // The last one ends where the drawing does.
                @let (x, anchor) = if x > WIDE * 0.9 { (WIDE, "end") } else { (x + 2.0, "start") };
                text.scale x=(at(x)) y=(at(HIGH + SCALE - 3.0)) text-anchor=(anchor) { (name) }
            }
            line.base x1="0" x2=(at(WIDE)) y1=(at(HIGH)) y2=(at(HIGH)) {}
            @for bar in bars { (bar) }
        }
    }
}
