//! Connections that were closed after they had been idle, and whose timeout that may be.

use maud::{Markup, html};

use super::{
    Page, Section,
    table::{cell, number, table, text},
    time_waits::direction,
    values::{count, dash, duration, end, name},
    writing::Writing,
};
use crate::{
    aggregate::flows::{IdleCount, IdleKind},
    model::{Closer, Side},
    report::MOST_ROWS,
};

pub(super) fn section(page: &Page<'_>, writing: &Writing<'_>) -> Section {
    Section {
        id: "idle",
        heading: writing.word("idle"),
        body: body(page, writing),
    }
}

/// Who closed first, in words.
pub(super) fn closer(it: Option<Closer>, writing: &Writing<'_>) -> String {
    match it {
        Some(Closer::Local) => writing.word("closer-us"),
        Some(Closer::Remote) => writing.word("closer-peer"),
        Some(Closer::Both) => writing.word("closer-both"),
        None => dash(),
    }
}

fn body(page: &Page<'_>, writing: &Writing<'_>) -> Markup {
    let idle = &page.gathered.idle;
    if idle.is_empty() {
        return writing.note("no-idle", []);
    }
    let row = |(kind, it): &(&IdleKind, &IdleCount)| {
        let service = kind.service.as_ref().map(|service| {
            let port = std::num::NonZeroU16::new(service.port);
            end(service.addr, port, None)
        });
        let opener: Option<Side> = kind.service.as_ref().map(|it| it.opener);
        let (shortest, longest) = (duration(it.shortest_ns), duration(it.longest_ns));
        let range = match shortest == longest {
            true => longest,
            false => format!("{shortest} – {longest}"),
        };
        vec![
            html! { span.end { (service.unwrap_or_else(dash)) } },
            cell(direction(opener, writing)),
            cell(closer(kind.closer, writing)),
            cell(range),
            cell(count(it.count)),
            html! {
                ul.plain lang="en" {
                    @for timeout in &kind.timeouts { li { (name(timeout)) } }
                }
            },
        ]
    };
    let first = idle.top(MOST_ROWS, |it| it.count);
    let rows: Vec<Vec<Markup>> = first.iter().map(row).collect();
    let columns = [
        text(writing.word("service")),
        text(writing.word("direction")),
        text(writing.word("closed-first")),
        text(writing.word("idle-before")),
        number(writing.word("count")),
        text(writing.word("timeouts")),
    ];
    let beside = idle.len() - rows.len();
    html! {
        (writing.note("idle-note", []))
        (table(writing, writing.prose("idle-closes", []), &columns, &rows, beside))
        @if let Some(others) = idle.others() {
            (writing.note("idle-others", [("count", others.count.into())]))
        }
    }
}
