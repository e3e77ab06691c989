//! What matters most, in a few numbers and sentences.

use maud::{Markup, html};

use super::{
    Page, Section,
    values::{count, date, duration, known_count, percent, rate},
    writing::Writing,
};
use crate::{
    model::{Closer, FlowEnd, Reason, State, ns},
    output::{PortsRow, Summary},
};

/// From when to when it is.
pub(super) fn span(page: &Page<'_>, writing: &Writing<'_>) -> Markup {
    let Some(summary) = &page.gathered.summary else {
        return html! {};
    };
    html! {
        p.span {
            (date(summary.from_wall_ns)) " – " (date(summary.to_wall_ns)) " (" (duration(summary.traced_ns)) ") "
            span.quiet { (writing.word("all-times-utc")) }
        }
    }
}

pub(super) fn section(page: &Page<'_>, writing: &Writing<'_>) -> Section {
    Section {
        id: "overview",
        heading: writing.word("overview"),
        body: match &page.gathered.summary {
            Some(summary) => html! {
                (tiles(page, summary, writing))
                (findings(page, summary, writing))
            },
            None => writing.note("nothing-read", []),
        },
    }
}

/// Numbers, each with its name.
fn tiles(page: &Page<'_>, summary: &Summary, writing: &Writing<'_>) -> Markup {
    let entered = |state| summary.states.of(state).entered;
    let seconds = summary.traced_ns as f64 / 1e9;
    let per_second = |number: u64| match seconds {
        seconds if seconds > 0.0 => writing.say(
            "per-second",
            [("rate", rate(number as f64 / seconds).into())],
        ),
        _ => String::new(),
    };
    let stuck = page.gathered.stuck.count();
    let ended = summary.ends.count();
    let tile = |id: &str, number: String, more: String, bad: bool| {
        html! {
            div.tile.bad[bad] {
                dt { (writing.word(id)) }
                dd { span.number { (number) } @if !more.is_empty() { " " span.quiet { (more) } } }
            }
        }
    };
    let opened = entered(State::SynSent) + entered(State::SynRecv);
    html! {
        dl.tiles {
            (tile("tile-transitions", count(summary.transitions), per_second(summary.transitions), false))
            (tile("tile-opened", count(opened), per_second(opened), false))
            (tile("tile-ended", count(ended), per_second(ended), false))
            (tile("tile-time-waits", count(entered(State::TimeWait)), per_second(entered(State::TimeWait)), false))
            (tile("tile-established", known_count(summary.now.map(|it| it[State::Established as usize])), String::new(), false))
            (tile("tile-stuck", count(stuck), String::new(), stuck > 0))
            (tile("tile-lost", count(summary.lost), String::new(), summary.lost > 0))
        }
    }
}

/// Sentences about what is out of the ordinary.
fn findings(page: &Page<'_>, summary: &Summary, writing: &Writing<'_>) -> Markup {
    let mut found: Vec<(&str, Markup)> = Vec::new();
    if summary.lost > 0 {
        let lost = [("count", summary.lost.into())];
        found.push(("traced", writing.prose("find-lost", lost)));
    }
    if page.damaged || !page.recording.damage().is_empty() {
        found.push(("traced", writing.prose("find-damaged", [])));
    }
    if let Some(end) = page.gathered.end
        && end.forgotten > 0
    {
        let forgotten = [("count", end.forgotten.into())];
        found.push(("traced", writing.prose("find-forgotten", forgotten)));
    }
    if summary.transitions == 0 {
        found.push(("traced", writing.prose("find-nothing", [])));
    }
    let out = summary
        .ports
        .rows
        .iter()
        .filter_map(|it| runs_out(it, writing));
    found.extend(out.map(|it| ("ports", it)));
    for kind in page.gathered.stuck.sorted().into_iter().take(3) {
        let sentence = html! {
            (writing.state(kind.state)) ", " (writing.verdict(kind.verdict)) ": "
            (writing.say("find-stuck", [("count", kind.count.into())]))
        };
        found.push(("stuck", sentence));
    }
    let ended = summary.ends.count();
    let by_reason = summary.ends.by_reason();
    let because = |reason| {
        by_reason
            .get(&FlowEnd::Reason(reason))
            .copied()
            .unwrap_or(0)
    };
    for (reason, id) in [
        (Reason::ResetByPeer, "find-reset-by-peer"),
        (Reason::ResetByUs, "find-reset-by-us"),
        (Reason::TimedOut, "find-timed-out"),
        (Reason::KeepaliveTimeout, "find-keepalive"),
        (Reason::Refused, "find-refused"),
        (Reason::Unreachable, "find-unreachable"),
        (Reason::Overflow, "find-overflow"),
        (Reason::FinTimeout, "find-fin-timeout"),
    ] {
        let number = because(reason);
        if number > 0 {
            let places = [
                ("count", number.into()),
                ("share", percent(number, ended).into()),
            ];
            found.push(("ends", writing.prose(id, places)));
        }
    }
    let dropped: u64 = summary
        .listeners
        .rows
        .iter()
        .filter_map(|it| it.dropped)
        .sum();
    if dropped > 0 {
        let places = [("count", dropped.into())];
        found.push(("handshakes", writing.prose("find-dropped", places)));
    }
    let again: u64 = summary.retried.rows.iter().map(|it| it.handshakes).sum();
    if again > 0 {
        let places = [("count", again.into())];
        found.push(("handshakes", writing.prose("find-retried", places)));
    }
    if !page.gathered.idle.is_empty() {
        let closes = page
            .gathered
            .idle
            .iter()
            .map(|(_, it)| it.count)
            .sum::<u64>();
        found.push((
            "idle",
            writing.prose("find-idle", [("count", closes.into())]),
        ));
    }
    let us = page.gathered.closers.by(Some(Closer::Local));
    let peers = page.gathered.closers.by(Some(Closer::Remote));
    if us + peers > 0 {
        let places = [
            ("us", percent(us, ended).into()),
            ("peer", percent(peers, ended).into()),
        ];
        found.push(("ends", writing.prose("find-closers", places)));
    }
    html! {
        h3 { (writing.word("findings")) }
        ul.findings {
            @for (leads_to, sentence) in found {
                li {
                    (sentence) " "
                    a.more href={ "#" (leads_to) } aria-label=(writing.say("more-about", [("section", writing.word(leads_to).into())])) {
                        (writing.word("more"))
                    }
                }
            }
        }
    }
}

/// That a destination runs out of ports, if it does.
fn runs_out(it: &PortsRow, writing: &Writing<'_>) -> Option<Markup> {
    let seconds = it.exhausted_in_s?;
    let to = super::values::row_end(
        it.remote_addr,
        it.remote_port,
        it.interface.as_ref().map(|it| it.shown()),
    );
    let sentence = match seconds > 0.0 {
        true => writing.say(
            "find-ports-soon",
            [(
                "time",
                duration(ns(std::time::Duration::from_secs_f64(seconds.min(1e9)))).into(),
            )],
        ),
        false => writing.word("find-ports-out"),
    };
    Some(html! { span.end { (to) } ": " (sentence) })
}
