//! Local ports that are taken, and where that leads.

use std::time::Duration;

use maud::{Markup, html};

use super::{
    Page, Section,
    table::{cell, number, table, text},
    values::{count, dash, duration, percent, rate, row_end},
    writing::Writing,
};
use crate::{
    model::ns,
    output::{NamedLink, PortsRow},
};

pub(super) fn section(page: &Page<'_>, writing: &Writing<'_>) -> Section {
    Section {
        id: "ports",
        heading: writing.word("ports"),
        body: body(page, writing),
    }
}

fn body(page: &Page<'_>, writing: &Writing<'_>) -> Markup {
    let Some(summary) = &page.gathered.summary else {
        return writing.note("nothing-read", []);
    };
    if summary.now.is_none() {
        return writing.note("ports-unknown", []);
    }
    if summary.ports.rows.is_empty() {
        return writing.note("no-ports", []);
    }
    let rows: Vec<Vec<Markup>> = summary
        .ports
        .rows
        .iter()
        .map(|it| row(it, writing))
        .collect();
    let columns = [
        text(writing.word("destination")),
        text(writing.word("local-address")),
        number(writing.word("taken")),
        number(writing.word("available")),
        number(writing.word("share")),
        number(writing.word("in-time-wait")),
        number(writing.word("grows")),
        number(writing.word("settles")),
        text(writing.word("run-out")),
    ];
    html! {
        (writing.note("ports-note", []))
        (table(writing, writing.prose("ports-caption", []), &columns, &rows, summary.ports.beside()))
    }
}

fn row(it: &PortsRow, writing: &Writing<'_>) -> Vec<Markup> {
    let out = match (it.exhausted_in_s, it.settles_at) {
        (Some(seconds), _) if seconds > 0.0 => {
            let time = ns(Duration::from_secs_f64(seconds.min(1e9)));
            writing.say("run-out-in", [("time", duration(time).into())])
        }
        (Some(_), _) => writing.word("run-out-now"),
        (None, None) => dash(),
        (None, Some(_)) => writing.word("run-out-no"),
    };
    let bad = it.exhausted_in_s.is_some();
    vec![
        html! { span.end { (row_end(it.remote_addr, it.remote_port, it.interface.as_ref().map(NamedLink::shown))) } },
        html! { span.end { (it.local_addr) } },
        cell(count(it.taken)),
        cell(count(u64::from(it.available))),
        cell(percent(it.taken, u64::from(it.available))),
        cell(count(it.time_waits)),
        cell(it.grows_per_s.map_or_else(dash, rate)),
        cell(
            it.settles_at
                .map_or_else(dash, |it| count(it.max(0.0).round() as u64)),
        ),
        html! { span.trouble[bad] { (out) } },
    ]
}
