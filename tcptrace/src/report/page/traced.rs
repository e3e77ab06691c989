//! What was traced, what of it was lost, and what was asked for.

use maud::{Markup, html};

use super::{
    Page, Section,
    table::{cell, number, table, text},
    values::{count, date, duration, name, named, sentence},
    writing::Writing,
};
use crate::{
    language::why_unseen, model::Why, output::Size, report::MOST_ROWS, source::replay::Mark,
};

pub(super) fn section(page: &Page<'_>, writing: &Writing<'_>) -> Section {
    Section {
        id: "traced",
        heading: writing.word("traced"),
        body: html! {
            (pieces(page, writing))
            @if !page.whole { (writing.note("read-in-part", [])) }
            (asked(page, writing))
            (losses(page, writing))
            (clocks(page, writing))
            (damage(page, writing))
            (unseen(page, writing))
            (overflowed(page, writing))
        },
    }
}

fn pieces(page: &Page<'_>, writing: &Writing<'_>) -> Markup {
    let all = page.recording.pieces();
    let rows: Vec<Vec<Markup>> = all
        .iter()
        .take(MOST_ROWS)
        .filter_map(|part| {
            let beginning = part.piece.beginning()?;
            let complete = match part.ended {
                true => writing.word("piece-ended"),
                false => writing.word("piece-cut"),
            };
            Some(vec![
                html! { (named(&beginning.host)) @if beginning.anonymized { " " (writing.word("anonymized")) } },
                cell(name(&beginning.kernel)),
                date(part.piece.began_wall_ns()),
                date(part.piece.ended_wall_ns()),
                cell(count(part.events)),
                cell(count(part.piece.segments.len() as u64)),
                cell(Size(part.bytes).to_string()),
                cell(count(part.lost)),
                cell(complete),
                cell(name(&beginning.tcptrace)),
            ])
        })
        .collect();
    let columns = [
        text(writing.word("host")),
        text(writing.word("kernel")),
        text(writing.word("from")),
        text(writing.word("to")),
        number(writing.word("events")),
        number(writing.word("files")),
        number(writing.word("size")),
        number(writing.word("lost")),
        text(writing.word("end")),
        text("tcptrace".to_owned()),
    ];
    let beside = all.len().saturating_sub(rows.len());
    let caption = writing.prose("pieces", []);
    table(writing, caption, &columns, &rows, beside)
}

/// Filters, of when it was recorded and of when it was read.
fn asked(page: &Page<'_>, writing: &Writing<'_>) -> Markup {
    let last = page.recording.pieces().last();
    let recorded = last.and_then(|part| part.piece.beginning());
    let recorded = recorded.map_or(&[][..], |it| &it.filter);
    let options = |all: &[(String, String)]| {
        html! {
            @for (option, value) in all {
                code { "--" (name(option)) @if !value.is_empty() { " " (name(value)) } } " "
            }
        }
    };
    html! {
        dl.facts {
            dt { (writing.word("asked-recording")) }
            dd {
                @if recorded.is_empty() { (writing.word("asked-all")) } @else { (options(recorded)) }
            }
            dt { (writing.word("asked-reading")) }
            dd {
                @if page.asked.is_empty() { (writing.word("asked-all")) } @else { (options(page.asked)) }
            }
        }
    }
}

/// Where something is to be known of the time that is told.
fn marks<'a>(page: &'a Page<'_>) -> impl Iterator<Item = &'a Mark> {
    let told = page.gathered.summary.as_ref().filter(|_| !page.whole);
    page.recording.marks().iter().filter(move |mark| {
        let (Mark::Lost { wall_ns, .. } | Mark::Clock { wall_ns, .. }) = mark;
        told.is_none_or(|it| (it.from_wall_ns..=it.to_wall_ns).contains(wall_ns))
    })
}

fn losses(page: &Page<'_>, writing: &Writing<'_>) -> Markup {
    let all: Vec<(i64, u64)> = marks(page)
        .filter_map(|mark| match *mark {
            Mark::Lost { wall_ns, events } if events > 0 => Some((wall_ns, events)),
            _ => None,
        })
        .collect();
    if all.is_empty() {
        return match &page.gathered.summary {
            Some(summary) if summary.lost > 0 => html! {},
            _ => writing.note("nothing-lost", []),
        };
    }
    let rows: Vec<Vec<Markup>> = all
        .iter()
        .take(MOST_ROWS)
        .map(|(at, events)| vec![date(*at), cell(count(*events))])
        .collect();
    let columns = [text(writing.word("time")), number(writing.word("events"))];
    let caption = writing.prose("losses", []);
    let beside = all.len() - rows.len();
    html! {
        (writing.note("losses-mean", []))
        (table(writing, caption, &columns, &rows, beside))
    }
}

fn clocks(page: &Page<'_>, writing: &Writing<'_>) -> Markup {
    let changes: Vec<(i64, String)> = marks(page)
        .filter_map(|mark| match *mark {
            Mark::Clock {
                wall_ns,
                by_ns,
                suspended_ns,
            } => {
                let by = duration(by_ns.unsigned_abs());
                let what = match (suspended_ns, by_ns < 0) {
                    (1.., _) => {
                        writing.say("clock-suspended", [("time", duration(suspended_ns).into())])
                    }
                    (_, true) => writing.say("clock-back", [("time", by.into())]),
                    (_, false) => writing.say("clock-forward", [("time", by.into())]),
                };
                Some((wall_ns, what))
            }
            Mark::Lost { .. } => None,
        })
        .collect();
    if changes.is_empty() {
        return html! {};
    }
    let rows: Vec<Vec<Markup>> = changes
        .iter()
        .take(MOST_ROWS)
        .map(|(at, what)| vec![date(*at), cell(what.clone())])
        .collect();
    let columns = [text(writing.word("time")), text(writing.word("clock"))];
    let beside = changes.len() - rows.len();
    let caption = writing.prose("clocks", []);
    table(writing, caption, &columns, &rows, beside)
}

fn damage(page: &Page<'_>, writing: &Writing<'_>) -> Markup {
    let all = page.recording.damage();
    if all.is_empty() {
        return match page.damaged {
            true => writing.note("damage-within", []),
            false => html! {},
        };
    }
    let rows: Vec<Vec<Markup>> = all
        .iter()
        .take(MOST_ROWS)
        .map(|(path, damage)| {
            // Where it is on the machine that made the page is nobody's business.
            let file = path.file_name().unwrap_or_default().to_string_lossy();
            vec![
                named(&file),
                cell(count(damage.offset)),
                html! { span lang="en" { (name(&damage.why)) } },
            ]
        })
        .collect();
    let columns = [
        text(writing.word("file")),
        number(writing.word("byte")),
        text(writing.word("why")),
    ];
    let beside = all.len() - rows.len();
    let caption = writing.prose("damage", []);
    table(writing, caption, &columns, &rows, beside)
}

/// What can't be seen on the machine.
fn unseen(page: &Page<'_>, writing: &Writing<'_>) -> Markup {
    let all = &page.gathered.degraded;
    if all.is_empty() {
        return html! {};
    }
    html! {
        h3 { (writing.word("unseen")) }
        ul {
            @for it in all.iter().take(MOST_ROWS) {
                li {
                    code { (name(&it.what)) } ": "
                    @match &it.why {
                        // As an older version recorded it.
                        Why::Text(text) => { span lang="en" { (sentence(text)) } }
                        why => { (sentence(&why_unseen(why, writing.language()))) }
                    }
                }
            }
        }
    }
}

/// Lists that had no room for all.
fn overflowed(page: &Page<'_>, writing: &Writing<'_>) -> Markup {
    let summary = page.gathered.summary.as_ref();
    let full = summary.map_or(&[][..], |it| &it.overflowed);
    match full {
        [] => html! {},
        full => writing.note("overflowed", [("lists", full.join(", ").into())]),
    }
}
