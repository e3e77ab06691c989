//! Handshakes: the slowest ones, those that needed a segment again, and what listeners dropped.

use maud::{Markup, html};

use super::{
    Page, Section,
    connections::anchor,
    table::{cell, number, table, text},
    time_waits::direction,
    values::{clock, count, duration, ends, known_count, owner, row_end},
    writing::Writing,
};
use crate::{
    model::{Side, State},
    output::{ListenerRow, NamedLink, RetriedRow, Summary},
    report::{Life, LifeKind, MOST_HANDSHAKES},
};

pub(super) fn section(page: &Page<'_>, writing: &Writing<'_>) -> Section {
    Section {
        id: "handshakes",
        heading: writing.word("handshakes"),
        body: html! {
            (slowest(page, writing))
            @if let Some(summary) = &page.gathered.summary {
                (retried(summary, writing))
                (listeners(summary, writing))
            }
        },
    }
}

fn slowest(page: &Page<'_>, writing: &Writing<'_>) -> Markup {
    let longest = page.gathered.lives.of(LifeKind::Handshake);
    if longest.is_empty() {
        return writing.note("no-handshakes", []);
    }
    let row = |(took, it): &(u64, std::rc::Rc<Life>)| {
        let flow = &it.flow;
        let opened = flow
            .opened_ns
            .map(|at| it.wall_ahead_ns.saturating_add_unsigned(at));
        let waited = match flow.opener {
            Some(Side::Local) => writing.state(State::SynSent),
            Some(Side::Remote) => writing.state(State::SynRecv),
            None => html! { "-" },
        };
        vec![
            html! { a href={ "#" (anchor(it)) } { (duration(*took)) } },
            waited,
            ends(&flow.tuple, flow.opener, it.around.interface.as_deref()),
            owner(&flow.owner),
            match opened {
                Some(at) => clock(at),
                None => html! { "-" },
            },
            cell(known_count(flow.resent.map(u64::from))),
        ]
    };
    let rows: Vec<Vec<Markup>> = longest.iter().map(row).collect();
    let columns = [
        number(writing.word("took")),
        text(writing.word("waited-in")),
        text(writing.word("connection")),
        text(writing.word("process")),
        text(writing.word("opened-at")),
        number(writing.word("sent-again")),
    ];
    let caption = writing.prose(
        "slowest",
        [
            ("count", MOST_HANDSHAKES.into()),
            ("all", count(longest.count()).into()),
        ],
    );
    html! {
        (writing.note("handshakes-note", []))
        (table(writing, caption, &columns, &rows, 0))
    }
}

fn retried(summary: &Summary, writing: &Writing<'_>) -> Markup {
    if summary.retried.rows.is_empty() {
        return html! {};
    }
    let row = |it: &RetriedRow| {
        vec![
            html! { span.end { (row_end(it.addr, it.port, it.interface.as_ref().map(NamedLink::shown))) } },
            cell(direction(Some(it.opener), writing)),
            cell(count(it.handshakes)),
            cell(count(it.failed)),
            cell(count(it.retransmits)),
        ]
    };
    let rows: Vec<Vec<Markup>> = summary.retried.rows.iter().map(row).collect();
    let columns = [
        text(writing.word("service")),
        text(writing.word("direction")),
        number(writing.word("handshakes-count")),
        number(writing.word("failed")),
        number(writing.word("sent-again")),
    ];
    let caption = writing.prose("retried", []);
    table(writing, caption, &columns, &rows, summary.retried.beside())
}

fn listeners(summary: &Summary, writing: &Writing<'_>) -> Markup {
    if summary.listeners.rows.is_empty() {
        return html! {};
    }
    let row = |it: &ListenerRow| {
        vec![
            html! { span.end { (row_end(it.addr, it.port, it.interface.as_ref().map(NamedLink::shown))) } },
            cell(count(it.syns)),
            cell(count(it.completed)),
            cell(count(it.failed)),
            cell(known_count(it.dropped)),
            cell(known_count(it.half_open)),
        ]
    };
    let rows: Vec<Vec<Markup>> = summary.listeners.rows.iter().map(row).collect();
    let columns = [
        text(writing.word("listener")),
        number(writing.word("answered")),
        number(writing.word("complete")),
        number(writing.word("failed")),
        number(writing.word("dropped")),
        number(writing.word("half-open")),
    ];
    let caption = writing.prose("listeners", []);
    table(
        writing,
        caption,
        &columns,
        &rows,
        summary.listeners.beside(),
    )
}
