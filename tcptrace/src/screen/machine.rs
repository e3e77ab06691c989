//! The state machine, drawn with what goes on in it.

use super::{
    canvas::{Canvas, Tone},
    snapshot::Snapshot,
    words::{Around, age, count, rate},
};
use crate::{
    aggregate::{Beat, Traffic, Way},
    language::heading,
    model::State,
};

/// A box of the drawing.
struct Place {
    state: State,
    x: u16,
    y: u16,
}

/// Columns and lines of a box.
const WIDTH: u16 = 30;
const HEIGHT: u16 = 5;
/// Columns and lines of the drawing.
pub const WHOLE: (u16, u16) = (130, 50);

const LEFT: u16 = 0;
const MIDDLE: u16 = 50;
const RIGHT: u16 = 100;

const PLACES: [Place; 12] = [
    place(State::Closed, MIDDLE, 0),
    place(State::SynSent, LEFT, 6),
    place(State::Listen, RIGHT, 6),
    place(State::SynRecv, RIGHT, 13),
    place(State::Established, MIDDLE, 19),
    place(State::FinWait1, LEFT, 27),
    place(State::Closing, MIDDLE, 27),
    place(State::CloseWait, RIGHT, 27),
    place(State::FinWait2, LEFT, 35),
    place(State::LastAck, RIGHT, 35),
    place(State::TimeWait, LEFT, 43),
    place(State::Closed, RIGHT, 43),
];

const fn place(state: State, x: u16, y: u16) -> Place {
    Place { state, x, y }
}

/// An arrow of the drawing: its corners, and where its words stand.
struct Arrow {
    from: State,
    to: State,
    corners: &'static [(u16, u16)],
    /// Column, line, columns and lines of the words.
    words: (u16, u16, u16, u16),
}

const fn arrow(
    from: State,
    to: State,
    corners: &'static [(u16, u16)],
    words: (u16, u16, u16, u16),
) -> Arrow {
    Arrow {
        from,
        to,
        corners,
        words,
    }
}

const ARROWS: [Arrow; 15] = [
    arrow(
        State::Closed,
        State::SynSent,
        &[(49, 1), (15, 1), (15, 5)],
        (17, 2, 30, 2),
    ),
    arrow(
        State::Closed,
        State::Listen,
        &[(80, 1), (115, 1), (115, 5)],
        (84, 2, 30, 2),
    ),
    arrow(
        State::Listen,
        State::SynRecv,
        &[(115, 11), (115, 12)],
        (86, 11, 28, 2),
    ),
    arrow(
        State::SynSent,
        State::SynRecv,
        &[(24, 11), (24, 15), (99, 15)],
        (26, 14, 60, 1),
    ),
    arrow(
        State::SynSent,
        State::Established,
        &[(8, 11), (8, 21), (49, 21)],
        (10, 19, 36, 2),
    ),
    arrow(
        State::SynRecv,
        State::Established,
        &[(115, 18), (115, 21), (80, 21)],
        (84, 19, 30, 2),
    ),
    arrow(
        State::Established,
        State::FinWait1,
        &[(56, 24), (56, 25), (15, 25), (15, 26)],
        (17, 24, 38, 1),
    ),
    arrow(
        State::Established,
        State::CloseWait,
        &[(73, 24), (73, 25), (115, 25), (115, 26)],
        (75, 24, 38, 1),
    ),
    arrow(
        State::FinWait1,
        State::Closing,
        &[(30, 29), (49, 29)],
        (31, 27, 18, 2),
    ),
    arrow(
        State::FinWait1,
        State::FinWait2,
        &[(15, 32), (15, 34)],
        (17, 32, 30, 2),
    ),
    arrow(
        State::FinWait2,
        State::TimeWait,
        &[(15, 40), (15, 42)],
        (17, 40, 30, 2),
    ),
    arrow(
        State::Closing,
        State::TimeWait,
        &[(65, 32), (65, 45), (30, 45)],
        (33, 43, 30, 2),
    ),
    arrow(
        State::CloseWait,
        State::LastAck,
        &[(115, 32), (115, 34)],
        (86, 32, 28, 2),
    ),
    arrow(
        State::LastAck,
        State::Closed,
        &[(115, 40), (115, 42)],
        (86, 40, 28, 2),
    ),
    arrow(
        State::TimeWait,
        State::Closed,
        &[(15, 48), (15, 49), (115, 49), (115, 48)],
        (17, 48, 60, 1),
    ),
];

/// Draws it as there is room: all of it, or a line a state and the ways that are taken the most.
pub fn draw(canvas: &mut Canvas<'_>, shown: &Snapshot, selected: State, around: &Around) {
    if canvas.width() >= WHOLE.0 && canvas.height() >= WHOLE.1 {
        let (width, height) = (canvas.width(), canvas.height());
        whole(
            &mut canvas.part(0, 0, WHOLE.0, WHOLE.1),
            shown,
            selected,
            around,
        );
        let left = width.saturating_sub(WHOLE.0 + 2);
        if left >= 30 {
            ways(
                &mut canvas.part(WHOLE.0 + 2, 0, left, height),
                shown,
                around,
            );
        }
    } else {
        compact(canvas, shown, selected, around);
    }
}

/// Whether anything of it could be out of the ordinary: a way that has no arrow.
fn has_arrow(way: Way) -> bool {
    ARROWS
        .iter()
        .any(|it| it.from == way.from && it.to == way.to)
}

fn beat(shown: &Snapshot, state: State) -> Beat {
    shown.states[state as usize]
}

fn now(beat: Beat) -> String {
    beat.now.map_or_else(|| "-".to_owned(), count)
}

fn whole(canvas: &mut Canvas<'_>, shown: &Snapshot, selected: State, around: &Around) {
    for arrow in &ARROWS {
        let traffic = shown
            .traffic
            .iter()
            .find(|it| it.way.from == arrow.from && it.way.to == arrow.to);
        draw_arrow(canvas, arrow, traffic);
    }
    for place in &PLACES {
        let state = place.state;
        let mut own = canvas.part(place.x, place.y, WIDTH, HEIGHT);
        own.clear();
        own.frame("");
        let beat = beat(shown, state);
        let tone = if state == selected {
            Tone::Selected
        } else {
            Tone::State(state)
        };
        own.put(2, 1, state.name(), tone);
        if state != State::Closed {
            own.put_before(WIDTH - 2, 1, &now(beat), Tone::Heading);
        }
        own.put(2, 2, &rate(beat.per_second), Tone::Plain);
        let median = match beat.median_ns {
            Some(ns) => {
                let time = age(Some(ns), around);
                let words = around.words();
                words.say("machine-half-below", [("time", time.into())])
            }
            None => String::new(),
        };
        own.put_before(WIDTH - 2, 2, &median, Tone::Faint);
        // What leaves it by no arrow that is drawn: resets, mostly.
        let other = shown
            .traffic
            .iter()
            .find(|it| it.way.from == state && !has_arrow(it.way));
        if let Some(other) = other {
            let words = format!(
                "→{} {} {}",
                other.way.to,
                rate(other.per_second),
                other.reason.map_or("", |it| it.name())
            );
            let tone = other.reason.map_or(Tone::Plain, Tone::Reason);
            own.put_within(2, 3, WIDTH - 4, &words, tone);
        }
    }
}

fn draw_arrow(canvas: &mut Canvas<'_>, arrow: &Arrow, traffic: Option<&Traffic>) {
    let busy = traffic.is_some_and(|it| it.per_second.is_some_and(|rate| rate > 0.0));
    let tone = if busy { Tone::Plain } else { Tone::Faint };
    for pair in arrow.corners.windows(2) {
        let ((x1, y1), (x2, y2)) = (pair[0], pair[1]);
        if y1 == y2 {
            for x in x1.min(x2)..=x1.max(x2) {
                canvas.put_within(x, y1, 1, "─", tone);
            }
        } else {
            for y in y1.min(y2)..=y1.max(y2) {
                canvas.put_within(x1, y, 1, "│", tone);
            }
        }
    }
    for corner in arrow.corners.windows(3) {
        let (before, at, after) = (corner[0], corner[1], corner[2]);
        let side = |other: (u16, u16)| (other.0.cmp(&at.0) as i8, other.1.cmp(&at.1) as i8);
        let (one, two) = (side(before), side(after));
        let has = |wanted| one == wanted || two == wanted;
        let (right, below) = (has((1, 0)), has((0, 1)));
        let sign = match (right, below) {
            (true, true) => "┌",
            (false, true) => "┐",
            (true, false) => "└",
            (false, false) => "┘",
        };
        canvas.put_within(at.0, at.1, 1, sign, tone);
    }
    if let [.., before, tip] = arrow.corners {
        let sign = match (tip.0.cmp(&before.0) as i8, tip.1.cmp(&before.1) as i8) {
            (1, _) => "▶",
            (-1, _) => "◀",
            (_, -1) => "▲",
            _ => "▼",
        };
        canvas.put_within(tip.0, tip.1, 1, sign, tone);
    }
    let Some(traffic) = traffic else {
        return;
    };
    let (x, y, width, height) = arrow.words;
    let mut words = canvas.part(x, y, width, height);
    let name = traffic.reason.map_or("", |it| it.name());
    let reason = traffic.reason.map_or(Tone::Plain, Tone::Reason);
    let speed = rate(traffic.per_second);
    // Words on the left of an arrow end in front of it.
    let tip = arrow.corners.first().map_or(0, |it| it.0);
    match (height, x + width <= tip && arrow.corners.len() == 2) {
        (1, _) => {
            let end = words.put(0, 0, &speed, tone);
            words.put(end + 1, 0, name, reason);
        }
        (_, false) => {
            words.put(0, 0, &speed, tone);
            words.put(0, 1, name, reason);
        }
        (_, true) => {
            words.put_before(width, 0, &speed, tone);
            words.put_before(width, 1, name, reason);
        }
    }
}

/// Columns of the ways beside the states, where there is room for them.
const BESIDE: u16 = 46;
/// Columns of the states.
const STATES: u16 = 44;

fn compact(canvas: &mut Canvas<'_>, shown: &Snapshot, selected: State, around: &Around) {
    let lines = State::ALL.len() as u16 + 1;
    let language = around.language;
    canvas.put(0, 0, &heading("STATE", language), Tone::Heading);
    for (end, name) in [(20, "NOW"), (29, "COME"), (40, "HALF BELOW")] {
        canvas.put_before(end, 0, &heading(name, language), Tone::Heading);
    }
    let most = State::ALL
        .iter()
        .filter_map(|it| beat(shown, *it).now)
        .max()
        .unwrap_or(0);
    let bar = if canvas.width() >= STATES + BESIDE {
        0
    } else {
        canvas.width().saturating_sub(STATES)
    };
    for (y, state) in (1..).zip(State::ALL) {
        let beat = beat(shown, state);
        if state == selected {
            canvas.mark_line(y, Tone::Selected);
        }
        let tone = if state == selected {
            Tone::Selected
        } else {
            Tone::State(state)
        };
        canvas.put_within(0, y, 12, state.name(), tone);
        let number = match state {
            // Connections are not in it: they begin and end there.
            State::Closed => String::new(),
            _ => now(beat),
        };
        canvas.put_before(20, y, &number, Tone::Plain);
        canvas.put_before(29, y, &rate(beat.per_second), Tone::Plain);
        if beat.median_ns.is_some() {
            canvas.put_before(40, y, &age(beat.median_ns, around), Tone::Plain);
        }
        if let Some(now @ 1..) = beat.now
            && bar > 2
        {
            let length = (u128::from(now) * u128::from(bar - 1)).div_ceil(u128::from(most.max(1)));
            let length = usize::try_from(length).unwrap_or(0);
            canvas.put_within(
                STATES,
                y,
                bar - 1,
                &"█".repeat(length.min(usize::from(bar))),
                Tone::State(state),
            );
        }
    }
    let (width, height) = (canvas.width(), canvas.height());
    if bar == 0 && width >= STATES + BESIDE {
        ways(
            &mut canvas.part(STATES, 0, width - STATES, height),
            shown,
            around,
        );
    } else if height > lines + 2 {
        ways(
            &mut canvas.part(0, lines + 1, width, height - lines - 1),
            shown,
            around,
        );
    }
}

/// The ways that are taken, a line each.
fn ways(canvas: &mut Canvas<'_>, shown: &Snapshot, around: &Around) {
    let title = around.words().word("machine-ways");
    canvas.put(0, 0, &title, Tone::Heading);
    for (y, it) in (1..canvas.height()).zip(&shown.traffic) {
        canvas.put_before(8, y, &rate(it.per_second), Tone::Plain);
        let end = canvas.put(9, y, it.way.from.name(), Tone::State(it.way.from));
        let end = canvas.put(end + 1, y, "→", Tone::Faint);
        let end = canvas.put(end + 1, y, it.way.to.name(), Tone::State(it.way.to));
        if let Some(reason) = it.reason {
            canvas.put(end.max(35) + 1, y, reason.name(), Tone::Reason(reason));
        }
    }
}
