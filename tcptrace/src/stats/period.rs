//! A span of time, ready to be shown.

use rustc_hash::FxHashMap;

use super::{Census, Figures, Outlook, PortRange, Route, Taken};
use crate::track::Side;

/// Which span of the run.
#[derive(Clone, Copy, Debug, PartialEq, Eq, serde::Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Span {
    /// Since the report before.
    Interval,
    /// All of it.
    Run,
}

/// A span of time with all that is known of it.
pub struct Period<'a> {
    /// Which one.
    pub span: Span,
    /// When it began: CLOCK_MONOTONIC, ns.
    pub from_ns: u64,
    /// When it ended.
    pub to_ns: u64,
    /// What happened.
    pub figures: &'a Figures,
    /// What there was at the beginning; `None`: as for `now`.
    pub before: Option<&'a Census>,
    /// What there is at the end; `None`: events were lost, so that nobody knows.
    pub now: Option<&'a Census>,
    /// The ports of the network namespaces.
    pub ranges: &'a FxHashMap<u32, Option<PortRange>>,
}

/// The ports of a route.
#[derive(Clone, Copy, Debug)]
pub struct RoutePorts<'a> {
    /// The route.
    pub route: &'a Route,
    /// Ports taken.
    pub taken: Taken,
    /// Ports that there are.
    pub available: u32,
    /// TIME_WAITs made on it, a second; `None`: too many makers to tell.
    pub time_waits_per_s: Option<f64>,
    /// Where that leads; `None`: unknown.
    pub outlook: Option<Outlook>,
}

impl Period<'_> {
    /// Its length, s.
    #[must_use]
    pub fn seconds(&self) -> f64 {
        self.to_ns.saturating_sub(self.from_ns) as f64 / 1e9
    }

    /// A count as a rate; 0 for a period of no length.
    #[must_use]
    pub fn per_s(&self, count: u64) -> f64 {
        match self.seconds() {
            seconds if seconds > 0.0 => count as f64 / seconds,
            _ => 0.0,
        }
    }

    /// The routes on which the most ports are taken; nothing when that isn't known.
    #[must_use]
    pub fn ports(&self, most: usize) -> Vec<RoutePorts<'_>> {
        let Some(now) = self.now else {
            return Vec::new();
        };
        now.taken
            .top(most, |taken| taken.ports)
            .into_iter()
            .filter_map(|(route, taken)| {
                let range = self.ranges.get(&route.netns)?.as_ref()?;
                let made = self.made(route);
                let before = |census: &Census| census.taken.get(route).copied();
                Some(RoutePorts {
                    route,
                    taken: *taken,
                    available: range.available,
                    time_waits_per_s: made.map(|made| self.per_s(made)),
                    outlook: self.before.zip(made).and_then(|(census, made)| {
                        let before = before(census).unwrap_or_default();
                        Outlook::of(before, *taken, made, self.seconds(), range.available)
                    }),
                })
            })
            .collect()
    }

    /// The TIME_WAITs made on a route; `None` when not all makers have a row.
    fn made(&self, route: &Route) -> Option<u64> {
        if self.figures.makers.others().is_some() {
            return None;
        }
        let on_it = self.figures.makers.iter().filter(|(maker, _)| {
            maker.netns == route.netns
                && maker.local == route.local
                && maker.remote == route.remote
                && maker.port == Some(route.port)
                && maker.opener == Some(Side::Local)
        });
        Some(on_it.map(|(_, made)| made.count).sum())
    }
}
