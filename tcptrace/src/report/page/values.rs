//! How values are written: what is not known is a dash, never 0.

use std::{fmt::Write as _, net::IpAddr, num::NonZeroU16};

use maud::{Markup, html};

use crate::{
    host::Interface,
    language::thousands,
    model::{Endpoint, Owner, Side, Tuple, printable},
    output::{Human, TimeFormat},
};

/// The longest name of others' choice, in characters.
const LONGEST: usize = 120;
/// The longest sentence: it says what helps at its end.
const LONGEST_SENTENCE: usize = 600;

/// A name that others chose: whoever made the recording may have written anything into it.
pub(super) fn name(text: &str) -> String {
    printable(text.as_bytes(), LONGEST)
}

/// A sentence that others may have put words into, or written.
pub(super) fn sentence(text: &str) -> String {
    printable(text.as_bytes(), LONGEST_SENTENCE)
}

/// A name, kept apart from what stands around it: it may be written from right to left.
pub(super) fn named(text: &str) -> Markup {
    html! { bdi { (name(text)) } }
}

/// A duration; what may be longer has `≥` before it.
pub(super) fn duration(ns: u64) -> String {
    Human { ns, ascii: false }.to_string()
}

/// A duration that is a whole number of something: `200 ms`, `10 s`, `2 h`.
pub(super) fn round_duration(ns: u64) -> String {
    const UNITS: [(u64, &str); 5] = [
        (86_400_000_000_000, "d"),
        (3_600_000_000_000, "h"),
        (60_000_000_000, "min"),
        (1_000_000_000, "s"),
        (1_000_000, "ms"),
    ];
    let whole = |(unit, _): &&(u64, &str)| ns >= *unit && ns.is_multiple_of(*unit);
    match UNITS.iter().find(whole) {
        Some((unit, name)) => format!("{} {name}", ns / unit),
        None => duration(ns),
    }
}

/// A duration, or a dash.
pub(super) fn known_duration(ns: Option<u64>) -> String {
    ns.map_or_else(dash, duration)
}

pub(super) fn count(count: u64) -> String {
    thousands(count)
}

/// A count, or a dash.
pub(super) fn known_count(it: Option<u64>) -> String {
    it.map_or_else(dash, count)
}

pub(super) fn dash() -> String {
    "-".to_owned()
}

/// A rate, to three digits.
pub(super) fn rate(per_s: f64) -> String {
    match per_s.abs() {
        0.0 => "0".to_owned(),
        ..0.001 => "< 0.001".to_owned(),
        ..1.0 => format!("{per_s:.3}"),
        ..10.0 => format!("{per_s:.2}"),
        ..100.0 => format!("{per_s:.1}"),
        _ if per_s < 0.0 => format!("-{}", thousands(per_s.abs().round() as u64)),
        _ => thousands(per_s.round() as u64),
    }
}

/// A part of all, in percent; a dash of nothing.
pub(super) fn percent(part: u64, all: u64) -> String {
    match all {
        0 => dash(),
        _ => {
            let share = part as f64 * 100.0 / all as f64;
            match share {
                0.0 => "0 %".to_owned(),
                ..0.1 => "< 0.1 %".to_owned(),
                ..10.0 => format!("{share:.1} %"),
                _ => format!("{share:.0} %"),
            }
        }
    }
}

/// A time of the day and a date, UTC.
pub(super) fn date(wall_ns: i64) -> Markup {
    html! {
        time datetime=(TimeFormat::rfc3339().write(wall_ns)) {
            (TimeFormat::date(true).write(wall_ns))
        }
    }
}

/// A time of the day, to the microsecond, UTC.
pub(super) fn clock(wall_ns: i64) -> Markup {
    html! {
        time datetime=(TimeFormat::rfc3339().write(wall_ns)) {
            (TimeFormat::clock(6, true).write(wall_ns))
        }
    }
}

/// An address with its port: `10.0.0.1:80`, `[fe80::1%eth0]:80`; `*` for what is not known.
pub(super) fn end(addr: IpAddr, port: Option<NonZeroU16>, interface: Option<&str>) -> String {
    let mut text = match addr {
        _ if addr.is_unspecified() => "*".to_owned(),
        _ => addr.to_string(),
    };
    if let Some(interface) = interface {
        // Writing to a string does not fail.
        let _ = write!(text, "%{}", name(interface));
    }
    if addr.is_ipv6() && !addr.is_unspecified() {
        text = format!("[{text}]");
    }
    match port {
        Some(port) => format!("{text}:{port}"),
        None => format!("{text}:*"),
    }
}

/// The same of a row of a list.
pub(super) fn row_end(
    addr: IpAddr,
    port: Option<NonZeroU16>,
    interface: Option<Interface<'_>>,
) -> String {
    let interface = interface.map(|it| match it.name {
        Some(name) => name.to_owned(),
        None => it.index.to_string(),
    });
    end(addr, port, interface.as_deref())
}

/// Both ends of a connection, with who opened it.
pub(super) fn ends(tuple: &Tuple, opener: Option<Side>, interface: Option<&str>) -> Markup {
    let side = |it: Endpoint| end(it.addr, it.port, interface);
    let arrow = match opener {
        Some(Side::Local) => "→",
        Some(Side::Remote) => "←",
        None => "·",
    };
    html! {
        span.end { (side(tuple.local)) } " " span.arrow { (arrow) } " "
        span.end { (side(tuple.remote)) }
    }
}

/// Whose a connection is: the name and id of the process.
pub(super) fn owner(owner: &Owner) -> Markup {
    match owner.process {
        None => html! { (dash()) },
        Some(process) => html! {
            (named(process.comm.as_str())) "/"
            (process.pid.map_or_else(dash, |pid| pid.to_string()))
        },
    }
}
