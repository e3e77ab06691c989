//! Who closed first, and how.

use maud::{Markup, html};

use super::{
    Page, Section,
    table::{cell, number, table, text},
    values::{count, percent},
    writing::Writing,
};
use crate::{
    model::{Closer, FlowEnd},
    output::Summary,
};

/// Who may have closed first: a column each.
const CLOSERS: [(Option<Closer>, &str); 4] = [
    (Some(Closer::Local), "closer-us"),
    (Some(Closer::Remote), "closer-peer"),
    (Some(Closer::Both), "closer-both"),
    (None, "closer-unknown"),
];

pub(super) fn section(page: &Page<'_>, writing: &Writing<'_>) -> Section {
    let summary = page.gathered.summary.as_ref();
    Section {
        id: "ends",
        heading: writing.word("ends"),
        body: html! {
            (closers(page, writing))
            @if let Some(summary) = summary {
                (details(summary, writing))
                (failed(summary, writing))
            }
        },
    }
}

fn end(it: FlowEnd, writing: &Writing<'_>) -> Markup {
    match it {
        FlowEnd::Graceful => html! { code { (it.name()) } },
        FlowEnd::Reason(reason) => writing.reason(reason),
    }
}

fn closers(page: &Page<'_>, writing: &Writing<'_>) -> Markup {
    let closers = &page.gathered.closers;
    let all = closers.count();
    if all == 0 {
        return writing.note("nothing-ended", []);
    }
    let row = |it: &FlowEnd| {
        let by = CLOSERS.map(|(closer, _)| closers.of(*it, closer));
        let sum: u64 = by.iter().sum();
        let mut cells = vec![end(*it, writing)];
        cells.extend(by.map(|number| cell(count(number))));
        cells.push(cell(count(sum)));
        cells.push(cell(percent(sum, all)));
        cells
    };
    let mut rows: Vec<Vec<Markup>> = closers.ends().iter().map(row).collect();
    let mut sums = vec![html! { strong { (writing.word("all")) } }];
    sums.extend(CLOSERS.map(|(closer, _)| cell(count(closers.by(closer)))));
    sums.push(cell(count(all)));
    sums.push(cell(percent(all, all)));
    rows.push(sums);
    let mut columns = vec![text(writing.word("how-ended"))];
    columns.extend(CLOSERS.map(|(_, id)| number(writing.word(id))));
    columns.push(number(writing.word("all")));
    columns.push(number(writing.word("share")));
    html! {
        (writing.note("ends-note", []))
        (table(writing, writing.prose("closers", []), &columns, &rows, 0))
    }
}

/// Where more is known of an end.
fn details(summary: &Summary, writing: &Writing<'_>) -> Markup {
    let ends = summary.ends.connections.iter();
    let rows: Vec<Vec<Markup>> = ends
        .filter_map(|((it, detail), number)| {
            let detail = (*detail)?;
            Some(vec![
                end(*it, writing),
                writing.detail(detail),
                cell(count(*number)),
            ])
        })
        .collect();
    if rows.is_empty() {
        return html! {};
    }
    let columns = [
        text(writing.word("how-ended")),
        text(writing.word("detail")),
        number(writing.word("count")),
    ];
    table(
        writing,
        writing.prose("end-details", []),
        &columns,
        &rows,
        0,
    )
}

fn failed(summary: &Summary, writing: &Writing<'_>) -> Markup {
    let rows: Vec<Vec<Markup>> = summary
        .ends
        .failed_handshakes
        .iter()
        .map(|(it, number)| {
            vec![
                writing.state(it.state),
                writing.reason(it.reason),
                match it.detail {
                    Some(detail) => writing.detail(detail),
                    None => html! {},
                },
                cell(count(*number)),
            ]
        })
        .collect();
    if rows.is_empty() {
        return html! {};
    }
    let columns = [
        text(writing.word("state")),
        text(writing.word("reason")),
        text(writing.word("detail")),
        number(writing.word("count")),
    ];
    table(
        writing,
        writing.prose("failed-handshakes", []),
        &columns,
        &rows,
        0,
    )
}
