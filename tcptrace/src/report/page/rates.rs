//! What happened when.

use maud::{Markup, html};

use super::{
    Page, Section,
    chart::{Chart, Series},
    table::{cell, number, table, text},
    values::{count, date, round_duration},
    writing::Writing,
};
use crate::aggregate::{RateCounts, RateSlot, Rates};

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
        series: series.collect(),
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
