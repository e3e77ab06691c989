//! Connections that did not go on: why, whose they were, and what to do.

use maud::{Markup, html};

use super::{
    Page, Section,
    table::{cell, number, table, text},
    values::{count, date, duration, ends, known_duration, named, owner},
    writing::Writing,
};
use crate::{
    model::ns,
    report::{MOST_STUCK, StuckKind, StuckLife},
};

pub(super) fn section(page: &Page<'_>, writing: &Writing<'_>) -> Section {
    let kinds = page.gathered.stuck.sorted();
    Section {
        id: "stuck",
        heading: writing.word("stuck"),
        body: html! {
            @if kinds.is_empty() {
                (writing.note("nothing-stuck", []))
            } @else {
                (writing.note("stuck-note", []))
            }
            @for it in kinds { (kind(it, writing)) }
        },
    }
}

fn kind(it: &StuckKind, writing: &Writing<'_>) -> Markup {
    let rows: Vec<Vec<Markup>> = it.first.iter().map(|it| row(it, writing)).collect();
    let columns = [
        text(writing.word("connection")),
        text(writing.word("process")),
        text(writing.word("found-at")),
        number(writing.word("held")),
        text(writing.word("setting")),
        number(writing.word("left-time")),
        text(writing.word("at-the-end")),
    ];
    let beside = usize::try_from(it.count).unwrap_or(usize::MAX) - rows.len();
    let caption = match beside {
        0 => writing.prose("stuck-all", []),
        _ => writing.prose("stuck-first", [("count", MOST_STUCK.into())]),
    };
    let first = it.first.first();
    let language = writing.language();
    html! {
        div.stuck {
            h3 {
                (writing.state(it.state)) " · " (writing.verdict(it.verdict)) " · "
                (writing.say("connections-count", [("count", it.count.into())]))
            }
            @if let Some(first) = first {
                p { (first.found.text(language)) }
                p.advice { "→ " (first.found.advice(language)) }
            }
            (table(writing, caption, &columns, &rows, beside))
        }
    }
}

fn row(it: &StuckLife, writing: &Writing<'_>) -> Vec<Markup> {
    let found = &it.found;
    let connection = &found.connection;
    let held = match (found.held.ns, found.held.at_least, found.held.estimated) {
        (Some(ns), true, _) => format!("≥ {}", duration(ns)),
        (Some(ns), _, true) => format!("~ {}", duration(ns)),
        (held, ..) => known_duration(held),
    };
    let still = match it.is_still {
        Some(true) => writing.word("still-so"),
        Some(false) => writing.word("no-more-so"),
        None => writing.word("unknown"),
    };
    let holders = found.holders.len();
    vec![
        ends(
            &connection.tuple,
            connection.opener,
            it.around.interface.as_deref(),
        ),
        html! {
            (owner(&connection.owner))
            @if let Some(fd) = found.descriptor { " " span.quiet { "fd " (fd) } }
            @if holders > 1 { " " span.quiet { "+" (count(holders as u64 - 1)) } }
            @if let Some(workload) = &it.around.workload { br; span.quiet { (named(workload)) } }
        },
        date(it.wall_ns),
        cell(held),
        match found.diagnosis.setting {
            Some(limit) => html! {
                (writing.term(limit.name))
                @if let Some(value) = limit.value { " = " (value) }
            },
            None => cell(writing.word("no-setting")),
        },
        cell(known_duration(found.diagnosis.remaining.map(ns))),
        cell(still),
    ]
}
