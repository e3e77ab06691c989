//! The lists of a report.

use std::{
    borrow::Cow,
    num::{NonZeroU16, NonZeroU32},
};

use super::{
    by_name::{CountsBy, Now, StateRows},
    groups::ShownGroup,
    link::NamedLink,
    report::{
        FailureRow, GroupRow, ListenerRow, MOST_ROWS, MakerRow, PortsRow, RetriedRow, ServiceRow,
    },
};
use crate::{
    aggregate::stats::{
        Bounded, Ends, ListenAddress, Outlook, Period, TimeWaitMaker, TimeWaitsMade,
    },
    host::{Cgroups, Links},
};

pub(super) fn beside<K: Eq + std::hash::Hash, V: Default>(table: &Bounded<K, V>) -> usize {
    table.len().saturating_sub(MOST_ROWS)
}

/// The tables that had no room for all.
pub fn overflowed(period: &Period<'_>) -> Vec<&'static str> {
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

pub(super) fn failures(ends: &Ends) -> Vec<FailureRow> {
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
pub fn makers(period: &Period<'_>, links: &mut Links, most: usize) -> Vec<MakerRow> {
    let made = &period.figures.makers;
    let mut rows: Vec<(&TimeWaitMaker, TimeWaitsMade)> = made
        .top(most, |made| made.count)
        .into_iter()
        .map(|(maker, made)| (maker, *made))
        .collect();
    if let (Some(now), None) = (period.now, made.others()) {
        let before = now.time_waits.top(most, |waiting| waiting.now);
        let before = before.into_iter().map(|(maker, _)| maker);
        let unmade = before.filter(|maker| made.get(maker).is_none());
        rows.extend(unmade.map(|maker| (maker, TimeWaitsMade::default())));
        rows.truncate(most);
    }
    rows.into_iter()
        .map(|(maker, made)| {
            let waiting = period
                .now
                .map(|now| now.time_waits.get(maker).copied().unwrap_or_default());
            MakerRow {
                netns: maker.netns,
                pid: made.pid().and_then(NonZeroU32::new),
                comm: maker.comm,
                local_addr: maker.local,
                remote_addr: maker.remote,
                port: maker.port.and_then(NonZeroU16::new),
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
pub fn ports(period: &Period<'_>, links: &mut Links, most: usize) -> Vec<PortsRow> {
    let rows = period.ports(most).into_iter();
    rows.map(|it| {
        let look = |of: fn(&Outlook) -> f64| it.outlook.as_ref().map(of);
        PortsRow {
            netns: it.route.netns,
            local_addr: it.route.local,
            remote_addr: it.route.remote,
            remote_port: NonZeroU16::new(it.route.port),
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
pub fn services(period: &Period<'_>, links: &mut Links, most: usize) -> Vec<ServiceRow> {
    let rows = period.figures.services.top(most, |it| (it.short, it.long));
    rows.into_iter()
        .map(|(service, it)| ServiceRow {
            netns: service.netns,
            opener: service.opener,
            addr: service.addr,
            port: NonZeroU16::new(service.port),
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
pub fn retried(period: &Period<'_>, links: &mut Links, most: usize) -> Vec<RetriedRow> {
    let rows = period.figures.retried.top(most, |it| it.handshakes);
    rows.into_iter()
        .map(|(service, it)| RetriedRow {
            netns: service.netns,
            opener: service.opener,
            addr: service.addr,
            port: NonZeroU16::new(service.port),
            interface: NamedLink::new(links, service.netns, service.link),
            handshakes: it.handshakes,
            failed: it.failed,
            retransmits: it.retransmits,
        })
        .collect()
}

/// Where SYNs arrived, or were dropped, or connections are half-open: those with the most half-open
/// ones first.
pub fn listeners(period: &Period<'_>, links: &mut Links) -> Vec<ListenerRow> {
    let mut row = |listener: &ListenAddress, half_open| {
        let it = period.figures.listeners.get(listener);
        let it = it.copied().unwrap_or_default();
        ListenerRow {
            netns: listener.netns,
            addr: listener.addr,
            port: NonZeroU16::new(listener.port),
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

pub(super) fn groups<'a>(period: &'a Period<'a>, cgroups: &mut Cgroups) -> Vec<GroupRow<'a>> {
    let rows = ShownGroup::all(period, cgroups).into_iter();
    rows.map(|it| {
        let ShownGroup {
            value,
            comm,
            figures,
            counted,
        } = it;
        GroupRow {
            value,
            comm,
            transitions: figures.transitions,
            ends: CountsBy::of(&figures.ends.by_reason()),
            states: StateRows {
                figures: match figures {
                    Cow::Borrowed(figures) => Cow::Borrowed(&figures.states),
                    Cow::Owned(figures) => Cow::Owned(figures.states),
                },
                now: match period.now {
                    Some(now) => Now::Of(now, counted),
                    None => Now::Unknown,
                },
            },
        }
    })
    .collect()
}
