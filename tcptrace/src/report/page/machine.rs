//! The state machine with what went along each way, laid out as RFC 9293 has it.

use maud::{Markup, html};

use super::{
    Page, Section,
    svg::at,
    table::{cell, number, table, text},
    values::{count, percent},
    writing::Writing,
};
use crate::{
    aggregate::Ways,
    model::{Reason, State},
};

/// Size of the drawing, and of a box.
const SIZE: (f64, f64) = (1000.0, 880.0);
const BOX: (f64, f64) = (210.0, 72.0);

/// The middle of each box: RFC 9293, figure 5. CLOSED is there twice.
const PLACES: [(State, f64, f64); 12] = [
    (State::Closed, 500.0, 46.0),
    (State::Listen, 500.0, 176.0),
    (State::SynRecv, 130.0, 306.0),
    (State::SynSent, 870.0, 306.0),
    (State::Established, 500.0, 436.0),
    (State::FinWait1, 130.0, 566.0),
    (State::CloseWait, 870.0, 566.0),
    (State::FinWait2, 130.0, 696.0),
    (State::Closing, 500.0, 696.0),
    (State::LastAck, 870.0, 696.0),
    (State::TimeWait, 500.0, 826.0),
    (State::Closed, 870.0, 826.0),
];

/// An arrow: its corners, and where its number stands.
struct Arrow {
    from: State,
    to: State,
    corners: &'static [(f64, f64)],
    label: (f64, f64),
}

const fn arrow(from: State, to: State, corners: &'static [(f64, f64)], label: (f64, f64)) -> Arrow {
    Arrow {
        from,
        to,
        corners,
        label,
    }
}

const ARROWS: [Arrow; 18] = [
    arrow(
        State::Closed,
        State::Listen,
        &[(470.0, 82.0), (470.0, 140.0)],
        (430.0, 111.0),
    ),
    arrow(
        State::Listen,
        State::Closed,
        &[(530.0, 140.0), (530.0, 82.0)],
        (570.0, 111.0),
    ),
    arrow(
        State::Closed,
        State::SynSent,
        &[(605.0, 46.0), (870.0, 46.0), (870.0, 270.0)],
        (870.0, 150.0),
    ),
    arrow(
        State::Listen,
        State::SynRecv,
        &[(395.0, 176.0), (130.0, 176.0), (130.0, 270.0)],
        (130.0, 224.0),
    ),
    arrow(
        State::SynSent,
        State::SynRecv,
        &[(765.0, 296.0), (235.0, 296.0)],
        (500.0, 296.0),
    ),
    arrow(
        State::SynRecv,
        State::Established,
        &[(190.0, 342.0), (190.0, 426.0), (395.0, 426.0)],
        (292.0, 426.0),
    ),
    arrow(
        State::SynSent,
        State::Established,
        &[(810.0, 342.0), (810.0, 426.0), (605.0, 426.0)],
        (708.0, 426.0),
    ),
    arrow(
        State::SynRecv,
        State::FinWait1,
        &[(80.0, 342.0), (80.0, 530.0)],
        (80.0, 436.0),
    ),
    arrow(
        State::Established,
        State::FinWait1,
        &[(440.0, 472.0), (440.0, 556.0), (235.0, 556.0)],
        (338.0, 556.0),
    ),
    arrow(
        State::Established,
        State::CloseWait,
        &[(560.0, 472.0), (560.0, 556.0), (765.0, 556.0)],
        (662.0, 556.0),
    ),
    arrow(
        State::FinWait1,
        State::FinWait2,
        &[(130.0, 602.0), (130.0, 660.0)],
        (130.0, 631.0),
    ),
    arrow(
        State::FinWait1,
        State::Closing,
        &[(235.0, 580.0), (500.0, 580.0), (500.0, 660.0)],
        (500.0, 622.0),
    ),
    arrow(
        State::FinWait1,
        State::TimeWait,
        &[(25.0, 566.0), (8.0, 566.0), (8.0, 842.0), (395.0, 842.0)],
        (60.0, 842.0),
    ),
    arrow(
        State::CloseWait,
        State::LastAck,
        &[(870.0, 602.0), (870.0, 660.0)],
        (870.0, 631.0),
    ),
    arrow(
        State::FinWait2,
        State::TimeWait,
        &[(130.0, 732.0), (130.0, 810.0), (395.0, 810.0)],
        (262.0, 810.0),
    ),
    arrow(
        State::Closing,
        State::TimeWait,
        &[(500.0, 732.0), (500.0, 790.0)],
        (500.0, 761.0),
    ),
    arrow(
        State::LastAck,
        State::Closed,
        &[(870.0, 732.0), (870.0, 790.0)],
        (870.0, 761.0),
    ),
    arrow(
        State::TimeWait,
        State::Closed,
        &[(605.0, 826.0), (765.0, 826.0)],
        (685.0, 826.0),
    ),
];

pub(super) fn section(page: &Page<'_>, writing: &Writing<'_>) -> Section {
    let ways = &page.gathered.ways;
    Section {
        id: "machine",
        heading: writing.word("machine"),
        body: html! {
            (writing.note("machine-note", []))
            div.wide tabindex="0" role="group" aria-label=(writing.word("drawing")) {
                (drawing(page, writing))
            }
            (table_of(ways, writing))
        },
    }
}

/// How often a way was taken, for whatever reason.
fn taken(ways: &Ways, from: State, to: State) -> u64 {
    ways.of(from, to).iter().sum()
}

fn drawing(page: &Page<'_>, writing: &Writing<'_>) -> Markup {
    let ways = &page.gathered.ways;
    let now = page.gathered.summary.as_ref().and_then(|it| it.now);
    let most = ARROWS.iter().map(|it| taken(ways, it.from, it.to)).max();
    let most = most.unwrap_or(0).max(1) as f64;
    let width = |number: u64| 1.5 + 6.5 * (number as f64 / most).sqrt();
    html! {
        svg.machine viewBox={ "0 0 " (at(SIZE.0)) " " (at(SIZE.1)) } role="img" aria-labelledby="machine-title machine-desc" {
            title id="machine-title" { (writing.word("machine")) }
            desc id="machine-desc" { (writing.word("machine-desc")) }
            @for it in &ARROWS {
                @let number = taken(ways, it.from, it.to);
                (line(it, number, width(number)))
            }
            @for (at_place, (state, x, y)) in PLACES.iter().enumerate() {
                (place(ways, *state, (*x, *y), at_place == 0, now, writing))
            }
            @for it in &ARROWS {
                @let number = taken(ways, it.from, it.to);
                @if number > 0 {
                    text.label x=(at(it.label.0)) y=(at(it.label.1 + 6.0)) text-anchor="middle" { (count(number)) }
                }
            }
        }
    }
}

/// An arrow, as broad as it is taken; a thin one where nothing went.
fn line(it: &Arrow, number: u64, width: f64) -> Markup {
    let Some([(x0, y0), (x1, y1)]) = it.corners.last_chunk::<2>() else {
        return html! {};
    };
    let long = (x1 - x0).hypot(y1 - y0).max(1.0);
    let (dx, dy) = ((x1 - x0) / long, (y1 - y0) / long);
    let half = 5.0 + width * 0.9;
    let head = 2.0 * half;
    // The line ends within the head.
    let mut corners: Vec<(f64, f64)> = it.corners.to_vec();
    if let Some(last) = corners.last_mut() {
        *last = (x1 - dx * head * 0.8, y1 - dy * head * 0.8);
    }
    let path = super::svg::path(corners.into_iter().map(Some));
    let base = (x1 - dx * head, y1 - dy * head);
    let points = format!(
        "{},{} {},{} {},{}",
        at(*x1),
        at(*y1),
        at(base.0 - dy * half),
        at(base.1 + dx * half),
        at(base.0 + dy * half),
        at(base.1 - dx * half),
    );
    html! {
        g.way.taken[number > 0] {
            title { (it.from) " → " (it.to) ": " (count(number)) }
            path d=(path) stroke-width=(at(width)) {}
            polygon points=(points) {}
        }
    }
}

/// A state: how many came into it, how many are in it, and how many ended there.
fn place(
    ways: &Ways,
    state: State,
    (x, y): (f64, f64),
    is_first: bool,
    now: Option<[u64; State::ALL.len()]>,
    writing: &Writing<'_>,
) -> Markup {
    let (wide, high) = BOX;
    let entered: u64 = State::ALL
        .iter()
        .map(|from| taken(ways, *from, state))
        .sum();
    let drawn = |to: State| ARROWS.iter().any(|it| it.from == state && it.to == to);
    let ended = match drawn(State::Closed) {
        true => 0,
        false => taken(ways, state, State::Closed),
    };
    // At the top is what begins.
    let told = match (state, is_first) {
        (State::Closed, true) => String::new(),
        (State::Closed, false) => writing.say("machine-ended", [("count", entered.into())]),
        _ => match now {
            Some(now) => writing.say(
                "machine-now",
                [
                    ("entered", entered.into()),
                    ("now", now[state as usize].into()),
                ],
            ),
            None => writing.say("machine-entered", [("entered", entered.into())]),
        },
    };
    let middle = match (told.is_empty(), ended) {
        (true, _) => y + 7.0,
        (false, 0) => y - 4.0,
        (false, _) => y - 12.0,
    };
    html! {
        g.state.{(class(state))} {
            rect x=(at(x - wide / 2.0)) y=(at(y - high / 2.0)) width=(at(wide)) height=(at(high)) rx="8" {}
            text.name x=(at(x)) y=(at(middle)) text-anchor="middle" { (state) }
            @if !told.is_empty() {
                text.told x=(at(x)) y=(at(middle + 20.0)) text-anchor="middle" { (told) }
            }
            @if ended > 0 {
                text.ended x=(at(x)) y=(at(middle + 39.0)) text-anchor="middle" {
                    (writing.say("machine-cut", [("count", ended.into())]))
                }
            }
        }
    }
}

/// The class of a state's colour: as in the other views, by who closed.
pub(super) fn class(state: State) -> &'static str {
    match state {
        State::Closed => "s-closed",
        State::Listen | State::SynSent => "s-opening",
        State::SynRecv => "s-opening2",
        State::Established => "s-open",
        State::FinWait1 => "s-first1",
        State::FinWait2 => "s-first2",
        State::TimeWait => "s-first3",
        State::CloseWait => "s-last1",
        State::LastAck => "s-last2",
        State::Closing => "s-last3",
    }
}

fn table_of(ways: &Ways, writing: &Writing<'_>) -> Markup {
    let mut all: Vec<(State, State, Reason, u64)> = ways
        .iter()
        .map(|(way, reason, count)| (way.from, way.to, reason, count))
        .collect();
    all.sort_by_key(|it| std::cmp::Reverse(it.3));
    let sum = all.iter().map(|it| it.3).sum();
    let rows: Vec<Vec<Markup>> = all
        .iter()
        .map(|(from, to, reason, number)| {
            vec![
                html! { (writing.state(*from)) " → " (writing.state(*to)) },
                writing.reason(*reason),
                cell(count(*number)),
                cell(percent(*number, sum)),
            ]
        })
        .collect();
    if rows.is_empty() {
        return writing.note("nothing-happened", []);
    }
    let columns = [
        text(writing.word("way")),
        text(writing.word("reason")),
        number(writing.word("count")),
        number(writing.word("share")),
    ];
    let caption = writing.prose("ways", []);
    let rows = table(writing, caption, &columns, &rows, 0);
    html! {
        details.list {
            summary { (writing.say("ways-shown", [("count", all.len().into())])) }
            (rows)
        }
    }
}
