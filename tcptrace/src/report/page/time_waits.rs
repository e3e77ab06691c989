//! Who makes the TIME_WAITs, and what ends them.

use maud::{Markup, html};

use super::{
    Page, Section,
    table::{cell, number, table, text},
    values::{count, dash, known_count, named, percent, rate, row_end},
    writing::Writing,
};
use crate::{
    model::{Side, State},
    output::{MakerRow, NamedLink, ServiceRow, Summary},
};

pub(super) fn section(page: &Page<'_>, writing: &Writing<'_>) -> Section {
    Section {
        id: "time-waits",
        heading: writing.word("time-waits"),
        body: match &page.gathered.summary {
            None => writing.note("nothing-read", []),
            Some(summary) => html! {
                (makers(summary, writing))
                (ended(summary, writing))
                (services(summary, writing))
            },
        },
    }
}

/// The service of a row, from this side's point of view.
pub(super) fn direction(opener: Option<Side>, writing: &Writing<'_>) -> String {
    match opener {
        Some(Side::Local) => writing.word("service-of-others"),
        Some(Side::Remote) => writing.word("service-here"),
        None => dash(),
    }
}

fn makers(summary: &Summary, writing: &Writing<'_>) -> Markup {
    let made = summary.states.of(State::TimeWait).entered;
    if summary.makers.rows.is_empty() {
        return writing.note("no-time-waits", []);
    }
    let row = |it: &MakerRow| {
        let addr = match it.opener {
            Some(Side::Remote) => it.local_addr,
            _ => it.remote_addr,
        };
        let program = match (&it.comm, it.pid) {
            (None, _) => html! { (dash()) },
            (Some(comm), None) => named(comm.as_str()),
            (Some(comm), Some(pid)) => html! { (named(comm.as_str())) "/" (pid) },
        };
        vec![
            program,
            html! { span.end { (row_end(addr, it.port, it.interface.as_ref().map(NamedLink::shown))) } },
            cell(direction(it.opener, writing)),
            cell(count(it.count)),
            cell(percent(it.count, made)),
            cell(rate(it.per_s)),
            cell(known_count(it.now)),
            cell(known_count(it.ports_held)),
        ]
    };
    let rows: Vec<Vec<Markup>> = summary.makers.rows.iter().map(row).collect();
    let columns = [
        text(writing.word("program")),
        text(writing.word("service")),
        text(writing.word("direction")),
        number(writing.word("made")),
        number(writing.word("share")),
        number(writing.word("per-s")),
        number(writing.word("now")),
        number(writing.word("ports-held")),
    ];
    let caption = writing.prose("makers", [("count", made.into())]);
    html! {
        (writing.note("makers-note", []))
        (table(writing, caption, &columns, &rows, summary.makers.beside()))
    }
}

fn ended(summary: &Summary, writing: &Writing<'_>) -> Markup {
    let ends = &summary.ends.time_waits;
    if ends.is_empty() {
        return html! {};
    }
    let all = ends.values().sum();
    let mut ends: Vec<_> = ends.iter().collect();
    ends.sort_by_key(|(_, count)| std::cmp::Reverse(**count));
    let rows: Vec<Vec<Markup>> = ends
        .iter()
        .map(|(reason, number)| {
            vec![
                writing.reason(**reason),
                cell(count(**number)),
                cell(percent(**number, all)),
            ]
        })
        .collect();
    let columns = [
        text(writing.word("reason")),
        number(writing.word("count")),
        number(writing.word("share")),
    ];
    let caption = writing.prose("time-wait-ends", []);
    table(writing, caption, &columns, &rows, 0)
}

fn services(summary: &Summary, writing: &Writing<'_>) -> Markup {
    if summary.services.rows.is_empty() {
        return html! {};
    }
    let row = |it: &ServiceRow| {
        vec![
            html! { span.end { (row_end(it.addr, it.port, it.interface.as_ref().map(NamedLink::shown))) } },
            cell(direction(Some(it.opener), writing)),
            cell(count(it.connections)),
            cell(count(it.short)),
            cell(percent(it.short, it.connections)),
            cell(count(it.time_waits_of_short)),
            cell(count(it.time_waits_of_long)),
        ]
    };
    let rows: Vec<Vec<Markup>> = summary.services.rows.iter().map(row).collect();
    let columns = [
        text(writing.word("service")),
        text(writing.word("direction")),
        number(writing.word("closed")),
        number(writing.word("short")),
        number(writing.word("share")),
        number(writing.word("time-waits-of-short")),
        number(writing.word("time-waits-of-long")),
    ];
    let caption = writing.prose("services", []);
    table(writing, caption, &columns, &rows, summary.services.beside())
}
