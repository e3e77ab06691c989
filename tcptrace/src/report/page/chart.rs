//! Lines over time, drawn where there is no script; with one, they can be looked into.

use maud::{Markup, html};
use serde_json::json;

use super::{
    svg::{at, path, round_up},
    values::rate,
    writing::{Writing, data},
};
use crate::output::TimeFormat;

/// Size of a drawing, and of what stands around the lines.
const SIZE: (f64, f64) = (960.0, 240.0);
const LEFT: f64 = 60.0;
const RIGHT: f64 = 12.0;
const TOP: f64 = 10.0;
const BOTTOM: f64 = 26.0;
/// About so many times are named.
const TIMES: f64 = 7.0;
const SECOND: i64 = 1_000_000_000;
/// Distances between times that are named, s.
const STEPS: [i64; 18] = [
    1, 2, 5, 10, 15, 30, 60, 120, 300, 600, 900, 1800, 3600, 7200, 14_400, 21_600, 43_200, 86_400,
];

/// One line.
pub(super) struct Series {
    pub name: String,
    /// The class of its colour, which the script asks for, too.
    pub class: &'static str,
    /// 1/s, slot by slot; `None`: unknown.
    pub values: Vec<Option<f64>>,
}

/// Lines over the same time.
pub(super) struct Chart<'a> {
    pub id: &'a str,
    pub title: String,
    /// When each slot begins, ns since 1970.
    pub times: &'a [i64],
    /// How long a slot is, ns.
    pub width_ns: i64,
    /// Its values are rates, not counts.
    pub per_s: bool,
    pub series: Vec<Series>,
}

impl Chart<'_> {
    pub fn drawn(&self, writing: &Writing<'_>) -> Markup {
        let (Some(first), Some(last)) = (self.times.first(), self.times.last()) else {
            return html! {};
        };
        let (from, to) = (*first, last.saturating_add(self.width_ns));
        let values = self.series.iter().flat_map(|it| it.values.iter().flatten());
        let most = round_up(values.copied().fold(0.0, f64::max));
        let (right, bottom) = (SIZE.0 - RIGHT, SIZE.1 - BOTTOM);
        let x = |ns: i64| {
            let share = (ns - from) as f64 / (to - from).max(1) as f64;
            LEFT + share * (right - LEFT)
        };
        let y = |value: f64| bottom - value / most * (bottom - TOP);
        // Each slot is as high from its beginning to its end.
        let steps = |values: &[Option<f64>]| {
            let slots = self.times.iter().zip(values);
            let corners = slots.flat_map(|(begins, value)| match value {
                Some(value) => {
                    let (y, ends) = (y(*value), begins.saturating_add(self.width_ns));
                    [Some((x(*begins), y)), Some((x(ends), y))]
                }
                None => [None, None],
            });
            path(corners)
        };
        let said = writing.say(
            match self.per_s {
                true => "chart-says",
                false => "chart-counts",
            },
            [
                ("lines", self.names().into()),
                ("from", TimeFormat::date(true).write(from).to_owned().into()),
                ("to", TimeFormat::date(true).write(to).to_owned().into()),
                ("most", rate(most).into()),
            ],
        );
        html! {
            figure.chart data-chart=(self.id) {
                figcaption { (self.title) }
                ul.legend {
                    @for it in &self.series {
                        li { span.key.{(it.class)} {} (it.name) }
                    }
                }
                svg viewBox={ "0 0 " (at(SIZE.0)) " " (at(SIZE.1)) } role="img" aria-label=(said) {
                    @for share in [0.0, 0.25, 0.5, 0.75, 1.0] {
                        @let value = most * share;
                        line.grid x1=(at(LEFT)) x2=(at(right)) y1=(at(y(value))) y2=(at(y(value))) {}
                        text.scale x=(at(LEFT - 6.0)) y=(at(y(value) + 4.0)) text-anchor="end" { (rate(value)) }
                    }
                    @for (ns, name) in ticks(from, to) {
                        line.grid x1=(at(x(ns))) x2=(at(x(ns))) y1=(at(TOP)) y2=(at(bottom)) {}
                        text.scale x=(at(x(ns))) y=(at(bottom + 17.0)) text-anchor="middle" { (name) }
                    }
                    @for it in &self.series {
                        path.line.{(it.class)} d=(steps(&it.values)) {}
                    }
                }
                (self.data())
            }
        }
    }

    fn names(&self) -> String {
        let names: Vec<&str> = self.series.iter().map(|it| it.name.as_str()).collect();
        names.join(", ")
    }

    /// What the script draws it from: times in s, and a row of numbers for each line.
    fn data(&self) -> Markup {
        let times: Vec<f64> = self.times.iter().map(|ns| *ns as f64 / 1e9).collect();
        // Four digits are enough for a line.
        let short = |value: &Option<f64>| value.map(|it| (it * 1e4).round() / 1e4);
        let series: Vec<_> = self
            .series
            .iter()
            .map(|it| {
                let values: Vec<Option<f64>> = it.values.iter().map(short).collect();
                json!({ "name": it.name, "class": it.class, "values": values })
            })
            .collect();
        let id = format!("data-{}", self.id);
        data(
            &id,
            &json!({ "times": times, "perSecond": self.per_s, "series": series }),
        )
    }
}

/// Times that are named below the lines.
fn ticks(from: i64, to: i64) -> Vec<(i64, String)> {
    let seconds = (to - from) as f64 / 1e9;
    let steps = STEPS.iter().copied();
    let days = steps.clone().chain((1..=400).map(|days| days * 5 * 86_400));
    let wanted = seconds / TIMES;
    let step = days.into_iter().find(|step| *step as f64 >= wanted);
    let step = step.unwrap_or(2000 * 86_400);
    let mut clock = TimeFormat::rfc3339();
    let mut ticks = Vec::new();
    let mut at = from.div_euclid(step * SECOND) * step * SECOND;
    while at <= to {
        if at >= from {
            let text = clock.write(at);
            // 2026-11-22T10:39:11.…
            let shown = match step {
                ..60 => text.get(11..19),
                60..86_400 => text.get(11..16),
                _ => text.get(..10),
            };
            ticks.push((at, shown.unwrap_or_default().to_owned()));
        }
        at = at.saturating_add(step * SECOND);
    }
    ticks
}

#[cfg(test)]
mod tests {
    use super::*;

    /// 2026-11-22T10:39:11Z, ns.
    const BEGAN: i64 = 1_795_343_951_000_000_000;

    #[test]
    fn a_few_times_are_named_however_long_it_is() {
        for seconds in [1_i64, 10, 60, 3600, 86_400, 864_000, 86_400 * 4000] {
            let ticks = ticks(BEGAN, BEGAN + seconds * SECOND);
            assert!(ticks.len() <= 9, "{seconds}: {ticks:?}");
            assert!(seconds < 10 || ticks.len() >= 2, "{seconds}: {ticks:?}");
        }
        let ticks = ticks(BEGAN, BEGAN + 60 * SECOND);
        assert_eq!(ticks[0].1, "10:39:20");
    }
}
