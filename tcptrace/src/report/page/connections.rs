//! Connections of interest, each as a timeline.

use std::{collections::BTreeMap, rc::Rc};

use maud::{Markup, html};

use super::{
    Page, Section,
    idle::closer,
    machine::class,
    svg::at,
    table::{cell, number, table, text},
    values::{clock, dash, date, duration, ends, known_count, known_duration, name, named, owner},
    writing::Writing,
};
use crate::{
    model::{FlowEnd, FlowRecord, Reason, State},
    report::{Life, LifeKind},
};

/// Size of a timeline.
const WIDE: f64 = 960.0;
const HIGH: f64 = 26.0;
/// What is there at all is so wide.
const LEAST: f64 = 3.0;

/// The words for a kind: its heading, and what is shown of it.
const fn words(kind: LifeKind) -> (&'static str, &'static str) {
    match kind {
        LifeKind::ResetByPeer => ("life-reset-by-peer", "measure-lasted"),
        LifeKind::ResetByUs => ("life-reset-by-us", "measure-lasted"),
        LifeKind::TimedOut => ("life-timed-out", "measure-lasted"),
        LifeKind::KeepaliveTimeout => ("life-keepalive", "measure-lasted"),
        LifeKind::Refused => ("life-refused", "measure-lasted"),
        LifeKind::Unreachable => ("life-unreachable", "measure-lasted"),
        LifeKind::Overflow => ("life-overflow", "measure-lasted"),
        LifeKind::FinTimeout => ("life-fin-timeout", "measure-lasted"),
        LifeKind::Killed => ("life-killed", "measure-lasted"),
        LifeKind::NotOver => ("life-not-over", "measure-waits"),
        LifeKind::Handshake => ("life-handshake", "measure-slowest"),
        LifeKind::FinWait2 => ("life-fin-wait2", "measure-longest"),
        LifeKind::CloseWait => ("life-close-wait", "measure-longest"),
        LifeKind::TimeWait => ("life-time-wait", "measure-longest"),
        LifeKind::Resent => ("life-resent", "measure-most"),
    }
}

/// What a link to a connection names.
pub(super) fn anchor(it: &Life) -> String {
    format!("c-{}", it.number)
}

pub(super) fn section(page: &Page<'_>, writing: &Writing<'_>) -> Section {
    let lives = &page.gathered.lives;
    // Where each is told in full.
    let mut told: BTreeMap<u64, LifeKind> = BTreeMap::new();
    let mut kinds = Vec::new();
    for kind in LifeKind::ALL {
        let of_it = lives.of(kind);
        if of_it.is_empty() {
            continue;
        }
        let rows: Vec<Markup> = of_it
            .iter()
            .map(|(_, it)| match told.get(&it.number) {
                Some(_) => again(it, writing),
                None => {
                    told.insert(it.number, kind);
                    life(it, writing)
                }
            })
            .collect();
        let (heading, measure) = words(kind);
        let shown = [("shown", of_it.len().into()), ("all", of_it.count().into())];
        kinds.push(html! {
            div.kind {
                h3 { (writing.prose(heading, [])) }
                p.quiet { (writing.say(measure, shown)) }
                @for row in rows { (row) }
            }
        });
    }
    Section {
        id: "connections",
        heading: writing.word("connections"),
        body: match kinds.is_empty() {
            true => writing.note("no-connections", []),
            false => html! {
                (writing.note("connections-note", []))
                (legend(writing))
                // The script puts what chooses among them here.
                div id="choose" {}
                div id="lives" { @for kind in kinds { (kind) } }
            },
        },
    }
}

/// Which colour is which state.
fn legend(writing: &Writing<'_>) -> Markup {
    html! {
        ul.legend.states {
            @for state in State::ALL.into_iter().filter(|it| !matches!(it, State::Closed | State::Listen)) {
                li { span.key.{(class(state))} {} (writing.state(state)) }
            }
        }
    }
}

/// What stands of a connection that is told in full before.
fn again(it: &Life, writing: &Writing<'_>) -> Markup {
    html! {
        p.again {
            a href={ "#" (anchor(it)) } {
                (ends(&it.flow.tuple, it.flow.opener, it.around.interface.as_deref()))
            }
            " " span.quiet { (writing.word("told-above")) }
        }
    }
}

fn life(it: &Rc<Life>, writing: &Writing<'_>) -> Markup {
    let flow = &it.flow;
    let ended = match flow.end {
        Some(FlowEnd::Graceful) => html! { code { "graceful" } },
        Some(FlowEnd::Reason(reason)) => html! { code { (reason) } },
        None => html! { (writing.word("not-over")) },
    };
    let steps = Steps::of(it);
    html! {
        details.life id=(anchor(it)) {
            summary {
                span.who { (owner(&flow.owner)) }
                " " span.ends { (ends(&flow.tuple, flow.opener, it.around.interface.as_deref())) }
                " " span.how { (ended) }
                " " span.took { (known_duration(flow.total_ns().or(steps.known_ns()))) }
            }
            (timeline(&steps, writing))
            (table_of(it, &steps, writing))
            (facts(it, writing))
        }
    }
}

/// A state that it was in, with when it came into it: ns since 1970; `None`: unknown.
struct Step {
    state: State,
    ns: Option<u64>,
    why: Option<Reason>,
    at: Option<i64>,
}

/// The states that it was in, in their order, and when they were over.
struct Steps {
    all: Vec<Step>,
    /// When the last thing happened: ns since 1970.
    last: i64,
}

impl Steps {
    /// Times are counted back from the last one, which is known.
    fn of(it: &Life) -> Self {
        let FlowRecord { path, time_ns, .. } = &it.flow;
        let wall = |ns: u64| it.wall_ahead_ns.saturating_add_unsigned(ns);
        let mut ends = Some(*time_ns);
        let mut all: Vec<Step> = Vec::new();
        for (place, step) in path.iter().rev().enumerate() {
            // The last one goes on: it began when the last thing happened.
            let goes_on = place == 0 && step.ns.is_none() && is_in(&it.flow);
            let began = match goes_on {
                true => ends,
                false => ends.zip(step.ns).map(|(ends, ns)| ends.saturating_sub(ns)),
            };
            all.push(Step {
                state: step.state,
                ns: step.ns,
                why: step.why,
                at: began.map(wall),
            });
            ends = began;
        }
        all.reverse();
        Self {
            all,
            last: wall(*time_ns),
        }
    }

    /// How long all of it took, as far as that is known: ns.
    fn known_ns(&self) -> Option<u64> {
        let known = self.all.iter().filter_map(|it| it.ns);
        let sum: u64 = known.sum();
        (sum > 0).then_some(sum)
    }
}

/// Whether it is in the last of its states still.
fn is_in(flow: &FlowRecord) -> bool {
    match flow.path.last().map(|step| step.state) {
        Some(State::TimeWait) => flow.time_wait_end.is_none(),
        _ => flow.end.is_none(),
    }
}

/// A bar with a part for each state, as long as it lasted. What is short is seen nonetheless, and what
/// is not known is hatched.
fn timeline(steps: &Steps, writing: &Writing<'_>) -> Markup {
    let sum: u64 = steps.all.iter().filter_map(|it| it.ns).sum();
    let narrow = LEAST * steps.all.len() as f64;
    let room = (WIDE - narrow).max(0.0);
    let unknown = steps.all.iter().filter(|it| it.ns.is_none()).count() as f64;
    // What is not known has a tenth, all together.
    let known_room = if unknown > 0.0 && sum > 0 {
        room * 0.9
    } else {
        room
    };
    let mut x = 0.0;
    let mut parts = Vec::new();
    let mut said = Vec::new();
    for step in &steps.all {
        let wide = LEAST
            + match step.ns {
                Some(ns) => ns as f64 / sum.max(1) as f64 * known_room,
                None => (room - if sum > 0 { known_room } else { 0.0 }) / unknown.max(1.0),
            };
        let text = format!("{} {}", step.state, known_duration(step.ns));
        said.push(text.clone());
        let label = (wide > 92.0).then(|| step.state.name());
        parts.push(html! {
            g.{(class(step.state))} {
                title { (text) }
                rect x=(at(x)) y="0" width=(at(wide)) height=(at(HIGH)) {}
                @if step.ns.is_none() {
                    rect.unknown x=(at(x)) y="0" width=(at(wide)) height=(at(HIGH)) {}
                }
                @if let Some(label) = label {
                    text x=(at(x + wide / 2.0)) y=(at(HIGH / 2.0 + 4.5)) text-anchor="middle" { (label) }
                }
            }
        });
        x += wide;
    }
    let said = writing.say("timeline-says", [("states", said.join(", ").into())]);
    html! {
        svg.timeline viewBox={ "0 0 " (at(WIDE)) " " (at(HIGH)) } preserveAspectRatio="none" role="img" aria-label=(said) {
            @for part in parts { (part) }
        }
    }
}

fn table_of(it: &Life, steps: &Steps, writing: &Writing<'_>) -> Markup {
    let time = |at: Option<i64>| match at {
        Some(at) => clock(at),
        None => html! { (dash()) },
    };
    let mut rows = Vec::new();
    let mut from: Option<&Step> = None;
    for step in &steps.all {
        // A server's connection leaves LISTEN, a client's CLOSED.
        let left = match (from, step.state) {
            (Some(from), _) => Some(from.state),
            (None, State::SynRecv) => Some(State::Listen),
            (None, State::SynSent) => Some(State::Closed),
            (None, _) => None,
        };
        rows.push(vec![
            time(step.at),
            html! {
                @if let Some(left) = left { (writing.state(left)) " → " }
                (writing.state(step.state))
            },
            match step.why {
                Some(why) => writing.reason(why),
                None => html! { (writing.word("before")) },
            },
            cell(known_duration(from.and_then(|it| it.ns))),
        ]);
        from = Some(step);
    }
    if let Some(last) = from
        && !is_in(&it.flow)
    {
        let why = match (last.state, it.flow.time_wait_end, it.flow.end) {
            (State::TimeWait, Some(reason), _) => writing.reason(reason),
            (_, _, Some(FlowEnd::Reason(reason))) => writing.reason(reason),
            (_, _, Some(FlowEnd::Graceful)) => writing.reason(Reason::FinAcked),
            _ => html! { (dash()) },
        };
        rows.push(vec![
            time(Some(steps.last)),
            html! { (writing.state(last.state)) " → " (writing.state(State::Closed)) },
            html! {
                (why)
                @if let Some(detail) = it.flow.detail { " " (writing.detail(detail)) }
            },
            cell(known_duration(last.ns)),
        ]);
    }
    let columns = [
        text(writing.word("time")),
        text(writing.word("way")),
        text(writing.word("reason")),
        number(writing.word("held")),
    ];
    table(
        writing,
        writing.prose("transitions", []),
        &columns,
        &rows,
        0,
    )
}

fn facts(it: &Life, writing: &Writing<'_>) -> Markup {
    let flow = &it.flow;
    let known = |id: &str, value: Option<String>| {
        html! {
            @if let Some(value) = value {
                div { dt { (writing.word(id)) } dd { (value) } }
            }
        }
    };
    let bytes = |it: Option<u64>| it.map(|it| writing.say("bytes", [("count", it.into())]));
    html! {
        dl.facts.inline {
            @if let Some(opened) = flow.opened_ns {
                div {
                    dt { (writing.word("opened-at")) }
                    dd { (date(it.wall_ahead_ns.saturating_add_unsigned(opened))) }
                }
            }
            (known("closed-first", flow.closer.map(|by| closer(Some(by), writing))))
            (known("handshake-took", flow.handshake_ns().map(duration)))
            (known("sent", bytes(flow.bytes_sent())))
            (known("received", bytes(flow.bytes_received())))
            (known("sent-again", flow.resent.map(|it| known_count(Some(it.into())))))
            (known("srtt", flow.srtt_us().map(|us| duration(u64::from(us) * 1000))))
            (known("idle-before", it.idle_ns.map(duration)))
            @if !it.timeouts.is_empty() {
                div {
                    dt { (writing.word("timeouts")) }
                    dd lang="en" { (it.timeouts.iter().map(|it| name(it)).collect::<Vec<_>>().join("; ")) }
                }
            }
            @if let Some(workload) = &it.around.workload {
                div { dt { (writing.word("runs-in")) } dd { (named(workload)) } }
            }
            (known("netns", Some(flow.tuple.netns.to_string())))
            (known("cookie", flow.cookie.map(|it| it.to_string())))
            @if flow.opened_ns.is_none() {
                div { dt { (writing.word("begun")) } dd { (writing.word("before-recording")) } }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_kind_has_words() {
        let mut headings: Vec<_> = LifeKind::ALL.map(|kind| words(kind).0).to_vec();
        headings.sort_unstable();
        headings.dedup();
        assert_eq!(headings.len(), LifeKind::ALL.len());
    }
}
