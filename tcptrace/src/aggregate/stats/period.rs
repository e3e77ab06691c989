//! A span of time, ready to be shown.

use rustc_hash::FxHashMap;

use super::{Census, Drops, Figures, ListenAddress, Outlook, Route, Taken, TakenPorts};
use crate::model::{PortRange, Side};

/// Which span of the run.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Span {
    /// Since the report before.
    Interval,
    /// All of it.
    Run,
}

impl Span {
    /// All of them.
    pub const ALL: [Self; 2] = [Self::Interval, Self::Run];

    /// The name in JSON and CSV.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Interval => "interval",
            Self::Run => "run",
        }
    }
}

/// The ports that were taken not long ago: a forecast from the beginning of a long run would be
/// one of its average.
#[derive(Clone, Debug)]
pub struct Lately {
    /// When: CLOCK_MONOTONIC, ns.
    pub at_ns: u64,
    /// By route.
    pub taken: TakenPorts,
}

/// What was summed up of a recording before something was missing in it, or before the machine was
/// started anew: its CLOCK_MONOTONIC may be another.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Earlier {
    /// When it began: ns since 1970.
    pub began_wall_ns: i64,
    /// For how long it was traced, ns.
    pub ns: u64,
}

/// A span of time with all that is known of it.
pub struct Period<'a> {
    /// Which one.
    pub span: Span,
    /// What belongs to it and was before that; `None`: nothing.
    pub earlier: Option<Earlier>,
    /// When it began, or the last part of it: CLOCK_MONOTONIC, ns.
    pub from_ns: u64,
    /// When it ended.
    pub to_ns: u64,
    /// What happened.
    pub figures: &'a Figures,
    /// What there was at the beginning; `None`: as for `now`.
    pub before: Option<&'a Census>,
    /// What there is at the end; `None`: events were lost, so that nobody knows.
    pub now: Option<&'a Census>,
    /// What forecasts go by, which `now` was counted for; `None`: the whole of it.
    pub lately: Option<&'a Lately>,
    /// What listeners dropped; `None`: it could not be found out.
    pub drops: Option<&'a Drops>,
    /// Those that nobody came to, as they dropped all SYNs.
    pub full_listeners: &'a [ListenAddress],
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

/// The routes on which connect() finds the fewest ports, those that are taken at `now_ns`
/// (CLOCK_MONOTONIC), and where they have led since `before`.
#[must_use]
pub fn fullest<'a>(
    taken: &'a TakenPorts,
    before: Option<&Lately>,
    now_ns: u64,
    ranges: &FxHashMap<u32, Option<PortRange>>,
    most: usize,
) -> Vec<RoutePorts<'a>> {
    let routes = taken.top(most, |it| it.held()).into_iter();
    routes
        .filter_map(|(route, taken)| {
            let range = ranges.get(&route.netns)?.as_ref()?;
            let outlook = before.and_then(|before| {
                Outlook::of(
                    before.taken.get(route).copied().unwrap_or_default(),
                    *taken,
                    taken.lately,
                    now_ns.saturating_sub(before.at_ns) as f64 / 1e9,
                    range.available,
                    range.reuse.after(route.local, route.remote).is_some(),
                )
            });
            Some(RoutePorts {
                route,
                taken: *taken,
                available: range.available,
                time_waits_per_s: None,
                outlook,
            })
        })
        .collect()
}

impl Period<'_> {
    /// Its length, ns: what was traced of it.
    #[must_use]
    pub fn ns(&self) -> u64 {
        let earlier = self.earlier.map_or(0, |it| it.ns);
        self.to_ns.saturating_sub(self.from_ns) + earlier
    }

    /// The same in s.
    #[must_use]
    pub fn seconds(&self) -> f64 {
        self.ns() as f64 / 1e9
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
                let (since, before, made_since) = match self.lately {
                    Some(it) => (it.at_ns, Some(&it.taken), Some(taken.lately)),
                    None => (self.from_ns, self.before.map(|it| &it.taken), made),
                };
                let seconds = self.to_ns.saturating_sub(since) as f64 / 1e9;
                Some(RoutePorts {
                    route,
                    taken: *taken,
                    available: range.available,
                    time_waits_per_s: made.map(|made| self.per_s(made)),
                    outlook: before.zip(made_since).and_then(|(before, made)| {
                        Outlook::of(
                            before.get(route).copied().unwrap_or_default(),
                            *taken,
                            made,
                            seconds,
                            range.available,
                            range.reuse.after(route.local, route.remote).is_some(),
                        )
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
                && maker.link == route.link
                && maker.local == route.local
                && maker.remote == route.remote
                && maker.port == Some(route.port)
                && maker.opener == Some(Side::Local)
        });
        Some(on_it.map(|(_, made)| made.count).sum())
    }
}
