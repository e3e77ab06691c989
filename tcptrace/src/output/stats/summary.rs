//! What happened, as rows to be laid out elsewhere: the figures that a report of `stats` has.

use crate::{
    aggregate::stats::{Ends, Period, States},
    model::State,
    output::{
        Context,
        rows::{
            ListenerRow, MakerRow, PortsRow, RetriedRow, ServiceRow, began, listeners, makers,
            overflowed, ports, retried, services,
        },
    },
};

/// Rows of a list, and how many there are in all.
pub struct FirstRows<T> {
    /// Those that matter most.
    pub rows: Vec<T>,
    /// How many there are in all, those among them.
    pub all: usize,
}

impl<T> FirstRows<T> {
    /// How many there are beside those that are there.
    #[must_use]
    pub fn beside(&self) -> usize {
        self.all.saturating_sub(self.rows.len())
    }
}

/// A period, summed up. What each row says is said where it is made: see `tcptrace schema stats`.
pub struct Summary {
    /// When it began: ns since 1970.
    pub from_wall_ns: i64,
    /// When it ended: ns since 1970.
    pub to_wall_ns: i64,
    /// For how long of it was traced, ns.
    pub traced_ns: u64,
    /// Transitions counted.
    pub transitions: u64,
    /// Events that were lost.
    pub lost: u64,
    /// Figures by state.
    pub states: States,
    /// How many are in each state at the end, in the order of [`State::ALL`]; `None`: unknown, as
    /// events were lost.
    pub now: Option<[u64; State::ALL.len()]>,
    /// How connections ended.
    pub ends: Ends,
    /// Who made the most TIME_WAITs.
    pub makers: FirstRows<MakerRow>,
    /// Where the most local ports are taken.
    pub ports: FirstRows<PortsRow>,
    /// Services with the most short connections.
    pub services: FirstRows<ServiceRow>,
    /// Listeners with the most half-open connections.
    pub listeners: FirstRows<ListenerRow>,
    /// Services with the most handshakes that needed a segment again.
    pub retried: FirstRows<RetriedRow>,
    /// Lists that had no room for all, by their names in JSON.
    pub overflowed: Vec<&'static str>,
}

impl Summary {
    /// Sums a period up, with so many rows of each list at the most.
    #[must_use]
    pub fn of(period: &Period<'_>, around: &mut Context<'_>, most: usize) -> Self {
        let figures = period.figures;
        let links = &mut *around.links;
        let mut listeners = listeners(period, links);
        let all_listeners = listeners.len();
        listeners.truncate(most);
        Self {
            from_wall_ns: began(period, around.clock),
            to_wall_ns: around.clock.wall(period.to_ns),
            traced_ns: period.ns(),
            transitions: figures.transitions,
            lost: figures.lost,
            states: figures.states.clone(),
            now: period.now.map(|now| State::ALL.map(|state| now.now(state))),
            ends: figures.ends.clone(),
            makers: FirstRows {
                rows: makers(period, links, most),
                all: figures.makers.len(),
            },
            ports: FirstRows {
                rows: ports(period, links, most),
                all: period.now.map_or(0, |now| now.taken.len()),
            },
            services: FirstRows {
                rows: services(period, links, most),
                all: figures.services.len(),
            },
            listeners: FirstRows {
                rows: listeners,
                all: all_listeners,
            },
            retried: FirstRows {
                rows: retried(period, links, most),
                all: figures.retried.len(),
            },
            overflowed: overflowed(period),
        }
    }
}
