//! Figures as the fields of the interface.

use std::{collections::BTreeMap, net::IpAddr};

use serde::{Serialize, Serializer, ser::SerializeMap as _};

use crate::{
    aggregate::stats::{
        Bounded, Census, Ends, Group, Held, Listener, Made, Maker, Outlook, Period, Span, States,
    },
    host::{Cgroups, Interface, Links},
    model::{CgroupPaths as _, Detail, End, Link, Reason, Side, State},
    output::{Surroundings, TimeFormat},
};

/// So many rows of each list; `more` says how many there are beside.
const MOST_ROWS: usize = 100;

/// The fields, in the order in which they are written.
#[derive(Serialize)]
pub(super) struct Report<'a> {
    pub time: String,
    pub span: Span,
    pub period: PeriodRow,
    pub transitions: u64,
    pub lost: u64,
    pub states: StateRows<'a>,
    pub ends: Counts<End>,
    pub time_wait_ends: Counts<Reason>,
    pub failed_handshakes: Vec<FailureRow>,
    pub time_wait_makers: Vec<MakerRow<'a>>,
    pub ports: Vec<PortsRow>,
    pub services: Vec<ServiceRow>,
    pub listeners: Vec<ListenerRow>,
    pub retried_handshakes: Vec<RetriedRow>,
    pub by: Option<&'static str>,
    pub groups: Vec<GroupRow<'a>>,
    pub more: More,
    pub overflowed: Vec<&'static str>,
}

#[derive(Serialize)]
pub(super) struct PeriodRow {
    pub from: String,
    pub to: String,
    pub ns: u64,
}

/// An object with a field for each state.
pub(super) struct StateRows<'a> {
    figures: &'a States,
    now: Now<'a>,
}

/// What there is now, of all or of a group; `None`: unknown.
#[derive(Clone, Copy)]
enum Now<'a> {
    Unknown,
    All(&'a Census),
    Of(&'a Census, &'a Group),
}

impl Now<'_> {
    fn of(&self, state: State) -> Option<u64> {
        match self {
            Self::Unknown => None,
            Self::All(census) => Some(census.now(state)),
            Self::Of(census, group) => Some(census.now_of(group, state)),
        }
    }
}

#[derive(Serialize)]
struct StateRow {
    entered: u64,
    left: u64,
    retried: u64,
    now: Option<u64>,
    held_ns: Option<HeldRow>,
}

#[derive(Serialize)]
struct HeldRow {
    count: u64,
    p50: Option<u64>,
    p90: Option<u64>,
    p99: Option<u64>,
    max: Option<u64>,
}

impl HeldRow {
    fn new(held: &Held) -> Option<Self> {
        (held.count() > 0).then(|| Self {
            count: held.count(),
            p50: held.quantile(0.5),
            p90: held.quantile(0.9),
            p99: held.quantile(0.99),
            max: held.max(),
        })
    }
}

impl Serialize for StateRows<'_> {
    fn serialize<S: Serializer>(&self, to: S) -> Result<S::Ok, S::Error> {
        let mut map = to.serialize_map(None)?;
        for (state, figures) in self.figures.iter() {
            let row = StateRow {
                entered: figures.entered,
                left: figures.left,
                retried: figures.retried,
                now: self.now.of(state),
                held_ns: HeldRow::new(&figures.held),
            };
            map.serialize_entry(state.name(), &row)?;
        }
        map.end()
    }
}

/// An object with a count for each name.
pub(super) struct Counts<K>(Vec<(K, u64)>);

/// What has a name in the interface.
pub(super) trait Named {
    fn named(&self) -> &'static str;
}

impl Named for End {
    fn named(&self) -> &'static str {
        self.name()
    }
}

impl Named for Reason {
    fn named(&self) -> &'static str {
        self.name()
    }
}

impl<K: Named> Serialize for Counts<K> {
    fn serialize<S: Serializer>(&self, to: S) -> Result<S::Ok, S::Error> {
        to.collect_map(self.0.iter().map(|(key, count)| (key.named(), count)))
    }
}

impl<K: Copy> Counts<K> {
    fn of(counts: &BTreeMap<K, u64>) -> Self {
        Self(counts.iter().map(|(key, count)| (*key, *count)).collect())
    }
}

#[derive(Serialize)]
pub(super) struct FailureRow {
    pub state: State,
    pub reason: Reason,
    pub detail: Option<Detail>,
    pub count: u64,
}

/// A network interface; in JSON its name, or null where that is not known.
#[derive(Clone, Debug)]
pub(super) struct NamedLink {
    index: u32,
    name: Option<String>,
}

impl NamedLink {
    fn new(links: &mut Links, netns: u32, link: Option<Link>) -> Option<Self> {
        links.at(netns, link).map(|it| Self {
            index: it.index,
            name: it.name.map(str::to_owned),
        })
    }

    pub fn shown(&self) -> Interface<'_> {
        Interface {
            index: self.index,
            name: self.name.as_deref(),
        }
    }
}

impl Serialize for NamedLink {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        self.name.serialize(serializer)
    }
}

#[derive(Serialize)]
pub(super) struct MakerRow<'a> {
    pub netns: u32,
    pub pid: Option<u32>,
    pub comm: Option<&'a str>,
    pub local_addr: IpAddr,
    pub remote_addr: IpAddr,
    pub port: Option<u16>,
    pub interface: Option<NamedLink>,
    pub opener: Option<Side>,
    pub count: u64,
    pub per_s: f64,
    pub now: Option<u64>,
    pub ports_held: Option<u64>,
}

#[derive(Serialize)]
pub(super) struct PortsRow {
    pub netns: u32,
    pub local_addr: IpAddr,
    pub remote_addr: IpAddr,
    pub remote_port: u16,
    pub interface: Option<NamedLink>,
    pub taken: u64,
    pub time_waits: u64,
    pub available: u32,
    pub time_waits_per_s: Option<f64>,
    pub grows_per_s: Option<f64>,
    pub settles_at: Option<f64>,
    pub exhausted_in_s: Option<f64>,
}

#[derive(Serialize)]
pub(super) struct ServiceRow {
    pub netns: u32,
    pub opener: Side,
    pub addr: IpAddr,
    pub port: u16,
    pub interface: Option<NamedLink>,
    pub connections: u64,
    pub short: u64,
    pub long: u64,
    pub short_share: Option<f64>,
    pub time_waits_of_short: u64,
    pub time_waits_of_long: u64,
}

#[derive(Serialize)]
pub(super) struct ListenerRow {
    pub netns: u32,
    pub addr: IpAddr,
    pub port: u16,
    pub interface: Option<NamedLink>,
    pub syns: u64,
    pub completed: u64,
    pub failed: u64,
    pub half_open: Option<u64>,
    pub dropped: Option<u64>,
}

#[derive(Serialize)]
pub(super) struct RetriedRow {
    pub netns: u32,
    pub opener: Side,
    pub addr: IpAddr,
    pub port: u16,
    pub interface: Option<NamedLink>,
    pub handshakes: u64,
    pub failed: u64,
    pub retransmits: u64,
}

#[derive(Serialize)]
pub(super) struct GroupRow<'a> {
    pub value: GroupValue,
    pub comm: Option<&'a str>,
    pub transitions: u64,
    pub states: StateRows<'a>,
    pub ends: Counts<End>,
}

/// The value that a group has in common; `null`: unknown.
#[derive(Serialize)]
#[serde(untagged)]
pub(super) enum GroupValue {
    Text(Option<String>),
    Number(Option<u64>),
}

impl GroupValue {
    pub fn new(group: &Group, cgroups: &mut Cgroups) -> Self {
        match group {
            Group::Comm(comm) => Self::Text(comm.map(|comm| comm.as_str().to_owned())),
            Group::Pid(process) => {
                Self::Number(process.and_then(|process| Some(process.pid?.into())))
            }
            Group::Remote(addr) => Self::Text(addr.map(|addr| addr.to_string())),
            Group::Port(port) => Self::Number(port.map(Into::into)),
            Group::Cgroup(id) => {
                Self::Text(id.and_then(|id| cgroups.path(id.get()).map(str::to_owned)))
            }
            Group::Netns(inode) => Self::Number(Some((*inode).into())),
        }
    }
}

/// How many rows there are beside those that are written.
#[derive(Serialize)]
pub(super) struct More {
    pub time_wait_makers: usize,
    pub services: usize,
    pub listeners: usize,
    pub retried_handshakes: usize,
}

impl<'a> Report<'a> {
    pub fn new(
        period: &'a Period<'a>,
        around: &mut Surroundings<'_>,
        format: &mut TimeFormat,
    ) -> Self {
        let figures = period.figures;
        let mut time = |ns| format.write(around.clock.wall(ns)).to_owned();
        let now = period.now.map_or(Now::Unknown, Now::All);
        let listeners = listeners(period, around.links);
        Self {
            time: time(period.to_ns),
            span: period.span,
            period: PeriodRow {
                from: time(period.from_ns),
                to: time(period.to_ns),
                ns: period.to_ns.saturating_sub(period.from_ns),
            },
            transitions: figures.transitions,
            lost: figures.lost,
            states: StateRows {
                figures: &figures.states,
                now,
            },
            ends: Counts::of(&figures.ends.by_reason()),
            time_wait_ends: Counts::of(&figures.ends.time_waits),
            failed_handshakes: failures(&figures.ends),
            time_wait_makers: makers(period, around.links, MOST_ROWS),
            ports: ports(period, around.links, MOST_ROWS),
            services: services(period, around.links, MOST_ROWS),
            more: More {
                time_wait_makers: beside(&figures.makers),
                services: beside(&figures.services),
                listeners: listeners.len().saturating_sub(MOST_ROWS),
                retried_handshakes: beside(&figures.retried),
            },
            retried_handshakes: retried(period, around.links, MOST_ROWS),
            listeners: listeners.into_iter().take(MOST_ROWS).collect(),
            by: figures.by.map(|by| by.name()),
            groups: groups(period, around.cgroups),
            overflowed: overflowed(period),
        }
    }
}

fn beside<K: Eq + std::hash::Hash, V: Default>(table: &Bounded<K, V>) -> usize {
    table.len().saturating_sub(MOST_ROWS)
}

/// The tables that had no room for all.
pub(super) fn overflowed(period: &Period<'_>) -> Vec<&'static str> {
    let figures = period.figures;
    let mut names = Vec::new();
    let mut note = |name, full: bool| names.extend(full.then_some(name));
    note("time_wait_makers", figures.makers.others().is_some());
    note("services", figures.services.others().is_some());
    note("listeners", figures.listeners.others().is_some());
    note("retried_handshakes", figures.retried.others().is_some());
    note("groups", figures.groups.others().is_some());
    if let Some(now) = period.now {
        note("ports", now.taken.others().is_some());
    }
    names
}

fn failures(ends: &Ends) -> Vec<FailureRow> {
    let rows = ends.failed_handshakes.iter();
    rows.map(|(failure, count)| FailureRow {
        state: failure.state,
        reason: failure.reason,
        detail: failure.detail,
        count: *count,
    })
    .collect()
}

/// Who made the most TIME_WAITs, and then who has the most since before.
pub(super) fn makers<'a>(
    period: &'a Period<'_>,
    links: &mut Links,
    most: usize,
) -> Vec<MakerRow<'a>> {
    let made = &period.figures.makers;
    let mut rows: Vec<(&Maker, Made)> = made
        .top(most, |made| made.count)
        .into_iter()
        .map(|(maker, made)| (maker, *made))
        .collect();
    if let (Some(now), None) = (period.now, made.others()) {
        let before = now.time_waits.top(most, |waiting| waiting.now);
        let before = before.into_iter().map(|(maker, _)| maker);
        let unmade = before.filter(|maker| made.get(maker).is_none());
        rows.extend(unmade.map(|maker| (maker, Made::default())));
        rows.truncate(most);
    }
    rows.into_iter()
        .map(|(maker, made)| {
            let waiting = period
                .now
                .map(|now| now.time_waits.get(maker).copied().unwrap_or_default());
            MakerRow {
                netns: maker.netns,
                pid: made.pid(),
                comm: maker.comm.as_ref().map(|comm| comm.as_str()),
                local_addr: maker.local,
                remote_addr: maker.remote,
                port: maker.port,
                interface: NamedLink::new(links, maker.netns, maker.link),
                opener: maker.opener,
                count: made.count,
                per_s: period.per_s(made.count),
                now: waiting.map(|waiting| waiting.now),
                // Who opened it has the port; of older ones nobody saw who did.
                ports_held: waiting
                    .filter(|_| maker.opener.is_some())
                    .map(|waiting| waiting.ports),
            }
        })
        .collect()
}

/// The routes with the most ports taken.
pub(super) fn ports(period: &Period<'_>, links: &mut Links, most: usize) -> Vec<PortsRow> {
    let rows = period.ports(most).into_iter();
    rows.map(|it| {
        let look = |of: fn(&Outlook) -> f64| it.outlook.as_ref().map(of);
        PortsRow {
            netns: it.route.netns,
            local_addr: it.route.local,
            remote_addr: it.route.remote,
            remote_port: it.route.port,
            interface: NamedLink::new(links, it.route.netns, it.route.link),
            taken: it.taken.ports,
            time_waits: it.taken.time_waits,
            available: it.available,
            time_waits_per_s: it.time_waits_per_s,
            grows_per_s: look(|outlook| outlook.grows_per_s),
            settles_at: look(|outlook| outlook.settles_at),
            exhausted_in_s: match it.outlook {
                Some(outlook) => outlook.exhausted_in_s,
                // There is none left, however that came about.
                None => (it.taken.held() >= u64::from(it.available)).then_some(0.0),
            },
        }
    })
    .collect()
}

/// The services with the most short connections.
pub(super) fn services(period: &Period<'_>, links: &mut Links, most: usize) -> Vec<ServiceRow> {
    let rows = period.figures.services.top(most, |it| (it.short, it.long));
    rows.into_iter()
        .map(|(service, it)| ServiceRow {
            netns: service.netns,
            opener: service.opener,
            addr: service.addr,
            port: service.port,
            interface: NamedLink::new(links, service.netns, service.link),
            connections: it.count(),
            short: it.short,
            long: it.long,
            short_share: it.short_share(),
            time_waits_of_short: it.time_waits_of_short,
            time_waits_of_long: it.time_waits_of_long,
        })
        .collect()
}

/// The services with the most handshakes that needed a SYN or SYN+ACK again.
pub(super) fn retried(period: &Period<'_>, links: &mut Links, most: usize) -> Vec<RetriedRow> {
    let rows = period.figures.retried.top(most, |it| it.handshakes);
    rows.into_iter()
        .map(|(service, it)| RetriedRow {
            netns: service.netns,
            opener: service.opener,
            addr: service.addr,
            port: service.port,
            interface: NamedLink::new(links, service.netns, service.link),
            handshakes: it.handshakes,
            failed: it.failed,
            retransmits: it.retransmits,
        })
        .collect()
}

/// Where SYNs arrived, or were dropped, or connections are half-open: those with the most half-open ones first.
pub(super) fn listeners(period: &Period<'_>, links: &mut Links) -> Vec<ListenerRow> {
    let mut row = |listener: &Listener, half_open| {
        let it = period.figures.listeners.get(listener);
        let it = it.copied().unwrap_or_default();
        ListenerRow {
            netns: listener.netns,
            addr: listener.addr,
            port: listener.port,
            interface: NamedLink::new(links, listener.netns, listener.link),
            syns: it.syns,
            completed: it.completed,
            failed: it.failed,
            half_open,
            dropped: period
                .drops
                .and_then(|it| it.of(listener, &period.figures.closed_listeners)),
        }
    };
    let mut rows: Vec<ListenerRow> = Vec::new();
    for (listener, _) in period.figures.listeners.iter() {
        let half_open = period
            .now
            .map(|now| now.half_open.get(listener).copied().unwrap_or(0));
        rows.push(row(listener, half_open));
    }
    // Some are half-open since before.
    for (listener, count) in period.now.iter().flat_map(|now| now.half_open.iter()) {
        if period.figures.listeners.get(listener).is_none() {
            rows.push(row(listener, Some(*count)));
        }
    }
    let none = period.now.map(|_| 0);
    rows.extend(period.full_listeners.iter().map(|it| row(it, none)));
    rows.sort_by_key(|it| {
        let largest = std::cmp::Reverse((it.half_open, it.failed, it.dropped, it.syns));
        (largest, it.netns, it.port, it.addr)
    });
    rows
}

fn groups<'a>(period: &'a Period<'a>, cgroups: &mut Cgroups) -> Vec<GroupRow<'a>> {
    let table = &period.figures.groups;
    let rows = table.top(table.len(), |it| it.transitions).into_iter();
    rows.map(|(group, it)| GroupRow {
        value: GroupValue::new(group, cgroups),
        comm: match group {
            Group::Pid(Some(process)) => Some(process.comm.as_str()),
            _ => None,
        },
        transitions: it.transitions,
        states: StateRows {
            figures: &it.states,
            now: period.now.map_or(Now::Unknown, |now| Now::Of(now, group)),
        },
        ends: Counts::of(&it.ends.by_reason()),
    })
    .collect()
}
