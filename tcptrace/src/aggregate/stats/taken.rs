//! Counts the ports that are taken at a moment.

use rustc_hash::{FxHashMap, FxHashSet};

use super::{Bounded, Route, ports::Taken};
use crate::model::{Connection, Known, PortRange, Side, State};

/// So many routes are told apart.
const MOST: usize = 1 << 16;

/// When ports are counted: CLOCK_MONOTONIC, ns.
#[derive(Clone, Copy, Debug)]
pub struct At {
    /// Now.
    pub now: u64,
    /// TIME_WAITs since then are young: see [`Taken::lately`].
    pub lately: u64,
}

/// Ports taken, by route.
pub type TakenPorts = Bounded<Route, Taken>;

impl TakenPorts {
    /// Counts those of the connections that are asked for. `range_of` tells the ports of a network
    /// namespace; without them, ports are not counted.
    #[must_use]
    pub fn of<'a>(
        known: &impl Known,
        at: At,
        wanted: impl FnMut(&Connection) -> bool,
        range_of: impl FnMut(u32) -> Option<&'a PortRange>,
    ) -> Self {
        PortCount::of(known, at, wanted, range_of)
    }
}

/// The ports as they are counted.
#[derive(Debug)]
pub(super) struct PortCount {
    /// Without those that bind() took.
    routes: TakenPorts,
    /// Those that bind() took, listeners' too, by namespace. connect() leaves them out whatever
    /// the destination is: their bucket says so (`__inet_hash_connect()`,
    /// net/ipv4/inet_hashtables.c: `fastreuse`).
    bound: FxHashMap<u32, FxHashSet<u16>>,
}

impl Default for PortCount {
    fn default() -> Self {
        Self {
            routes: Bounded::new(MOST),
            bound: FxHashMap::default(),
        }
    }
}

impl PortCount {
    /// Counts connections alone.
    fn of<'a>(
        known: &impl Known,
        at: At,
        mut wanted: impl FnMut(&Connection) -> bool,
        mut range_of: impl FnMut(u32) -> Option<&'a PortRange>,
    ) -> TakenPorts {
        let mut count = Self::default();
        for it in known.connections() {
            if let Some(range) = range_of(it.tuple.netns) {
                count.bound(&it, range);
                if it.state != State::Listen && wanted(&it) {
                    count.chosen(&it, known, range, at);
                }
            }
        }
        count.sum()
    }

    /// Takes note of a port that bind() took. What was accepted shares its listener's, which it
    /// keeps when that is gone.
    pub fn bound(&mut self, it: &Connection, range: &PortRange) {
        let port = it.tuple.local.port_or_zero();
        let bound = it.bound || it.state == State::Listen || it.opener == Some(Side::Remote);
        if bound && range.contains(port) {
            self.bound.entry(it.tuple.netns).or_default().insert(port);
        }
    }

    /// Counts a connection that this side opened.
    pub fn chosen(&mut self, it: &Connection, known: &impl Known, range: &PortRange, at: At) {
        let ours = match it.opener {
            Some(side) => side == Side::Local,
            // Of what is older than the trace, nobody saw who opened it.
            None => !known.is_listened_at(&it.tuple),
        };
        let port = it.tuple.local.port_or_zero();
        if !ours || !range.contains(port) {
            return;
        }
        let taken = self.routes.row(Route::of(&it.tuple));
        taken.ports += u64::from(!it.bound);
        if it.state == State::TimeWait {
            taken.time_waits += 1;
            let waits_for = |ns| {
                it.since
                    .is_none_or(|since| since.saturating_add(ns) <= at.now)
            };
            let reusable = range
                .reuse
                .after(it.tuple.local.addr, it.tuple.remote.addr)
                .is_some_and(waits_for);
            taken.reusable += u64::from(reusable && !it.bound);
            taken.lately += u64::from(it.since.is_some_and(|since| since >= at.lately));
        }
    }

    /// Adds what bind() took to each route.
    pub fn sum(self) -> TakenPorts {
        let Self { mut routes, bound } = self;
        for (route, taken) in routes.iter_mut() {
            taken.ports += bound
                .get(&route.netns)
                .map_or(0, |ports| ports.len() as u64);
        }
        routes
    }
}
