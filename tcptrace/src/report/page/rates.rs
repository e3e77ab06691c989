//! What happened when.

use maud::{Markup, html};

use super::{
    Page, Section,
    chart::{Chart, Series},
    machine::class,
    table::{cell, number, table, text},
    values::{count, date, round_duration},
    writing::Writing,
};
use crate::{
    aggregate::{RateCounts, RateSlot, Rates},
    model::State,
};

/// So many rows has the table of the same numbers.
const ROWS: usize = 48;

/// What a line or a column counts: its id, its colour, and which count it is.
type Counted = (&'static str, &'static str, fn(&RateCounts) -> u64);

const CONNECTIONS: [Counted; 3] = [
    ("rate-opened-here", "c1", |it| it.opened_here),
    ("rate-opened-by-peers", "c2", |it| it.opened_by_peers),
    ("rate-ended", "c3", |it| it.ended),
];
const TROUBLE: [Counted; 3] = [
    ("rate-time-waits", "c4", |it| it.time_waits),
    ("rate-resets", "c5", |it| it.resets),
    ("rate-failures", "c6", |it| it.failures),
];
/// States whose connections are drawn over time: those that last.
const IN_STATES: [State; 6] = [
    State::SynSent,
    State::SynRecv,
    State::Established,
    State::FinWait2,
    State::TimeWait,
    State::CloseWait,
];
const LOST: Counted = ("rate-lost", "c7", |it| it.lost);

pub(super) fn section(page: &Page<'_>, writing: &Writing<'_>) -> Section {
    let rates = &page.gathered.rates;
    Section {
        id: "rates",
        heading: writing.word("rates"),
        body: match rates.is_empty() {
            true => writing.note("nothing-happened", []),
            false => html! {
                (writing.note("rates-note", [("width", round_duration(rates.width_ns().unsigned_abs()).into())]))
                (chart(rates, "connections", "rates-connections", &CONNECTIONS, writing))
                (chart(rates, "trouble", "rates-trouble", &TROUBLE, writing))
                (in_states(rates, writing))
                (table_of(rates, writing))
            },
        },
    }
}

fn chart(
    rates: &Rates,
    id: &str,
    title: &str,
    counted: &[Counted],
    writing: &Writing<'_>,
) -> Markup {
    let times: Vec<i64> = rates.iter().map(|(at, _)| at).collect();
    let series = counted.iter().map(|(name, class, of)| {
        let value = |slot: &RateSlot| slot.per_s(of(&slot.counts), rates.width_ns());
        Series {
            name: writing.word(name),
            class,
            values: rates.iter().map(|(_, slot)| value(slot)).collect(),
        }
    });
    Chart {
        id,
        title: writing.word(title),
        times: &times,
        width_ns: rates.width_ns(),
        per_s: true,
        series: series.collect(),
    }
    .drawn(writing)
}

/// How many were in each state when each slot ended. Where nothing happened, as many as before.
fn in_states(rates: &Rates, writing: &Writing<'_>) -> Markup {
    let times: Vec<i64> = rates.iter().map(|(at, _)| at).collect();
    let of = |state: State| {
        let mut last = None;
        let values = rates.iter().map(|(_, slot)| {
            last = match (slot.at_end, slot.known_ns) {
                (Some(now), _) => Some(now[state as usize] as f64),
                (None, 0) => None,
                // Events were lost.
                (None, _) if slot.counts.lost > 0 => None,
                (None, _) => last,
            };
            last
        });
        values.collect::<Vec<Option<f64>>>()
    };
    let series = IN_STATES.map(|state| Series {
        name: state.name().to_owned(),
        class: class(state),
        values: of(state),
    });
    let there = |it: &Series| it.values.iter().flatten().any(|it| *it > 0.0);
    let series: Vec<Series> = series.into_iter().filter(there).collect();
    if series.is_empty() {
        return html! {};
    }
    Chart {
        id: "states",
        title: writing.word("rates-states"),
        times: &times,
        width_ns: rates.width_ns(),
        per_s: false,
        series,
    }
    .drawn(writing)
}

/// The same, as counts.
fn table_of(rates: &Rates, writing: &Writing<'_>) -> Markup {
    let wide = rates.in_at_most(ROWS);
    let counted = CONNECTIONS.iter().chain(&TROUBLE).chain([&LOST]);
    let rows: Vec<Vec<Markup>> = wide
        .iter()
        .filter(|(_, slot)| slot.known_ns > 0 || slot.counts != RateCounts::default())
        .map(|(at, slot)| {
            let counts = counted
                .clone()
                .map(|(_, _, of)| cell(count(of(&slot.counts))));
            [date(at)].into_iter().chain(counts).collect()
        })
        .collect();
    let mut columns = vec![text(writing.word("from"))];
    columns.extend(counted.clone().map(|(id, ..)| number(writing.word(id))));
    let width = round_duration(wide.width_ns().unsigned_abs());
    let caption = writing.prose("rates-table", [("width", width.into())]);
    html! {
        details.list {
            summary { (writing.word("rates-numbers")) }
            (table(writing, caption, &columns, &rows, 0))
        }
    }
}
