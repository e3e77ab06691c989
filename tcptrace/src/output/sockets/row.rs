//! A socket as the fields of the interface.

use std::{net::IpAddr, time::Duration};

use serde::Serialize;

use crate::{
    host::{Cgroups, Keepalive, KeepaliveSettings, Links, Socket, TimerKind},
    model::{CgroupPaths as _, Cookie, Endpoint, ExistingKind, Family, State},
    output::holders::{HolderRow, rows},
};

/// The fields, in the order in which they are written.
#[derive(Serialize)]
pub(super) struct SocketRow<'a> {
    pub time: &'a str,
    pub cookie: Option<Cookie>,
    pub netns: u32,
    pub family: &'static str,
    pub local_addr: IpAddr,
    pub local_port: Option<u16>,
    pub remote_addr: Option<IpAddr>,
    pub remote_port: Option<u16>,
    pub interface: Option<&'a str>,
    pub state: State,
    pub pid: Option<u32>,
    pub comm: Option<&'a str>,
    pub uid: Option<u32>,
    pub cgroup: Option<&'a str>,
    pub age_ns: Option<u64>,
    pub timer: Option<TimerRow>,
    pub orphan: bool,
    pub minisock: bool,
    pub keepalive: Option<KeepaliveRow>,
    pub recv_queue: u32,
    pub send_queue: u32,
    pub dropped: Option<u32>,
    pub holders: Vec<HolderRow<'a>>,
}

/// A timer.
#[derive(Clone, Copy, Serialize)]
pub(super) struct TimerRow {
    pub kind: TimerKind,
    pub remaining_ns: u64,
    pub retries: u8,
}

/// Keepalive of a socket that has it on. What a socket set for itself sock_diag does not tell: as
/// long as it is not asked, nothing is known, whatever the namespace's settings are.
#[derive(Clone, Copy, Serialize)]
pub(super) struct KeepaliveRow {
    pub time_s: Option<u32>,
    pub interval_s: Option<u32>,
    pub probes: Option<u32>,
    pub dead_peer_s: Option<u64>,
}

impl KeepaliveRow {
    fn new(it: &Socket) -> Option<Self> {
        let on = match it.asked {
            Some(Keepalive::On(settings)) => Some(settings),
            _ => None,
        };
        it.keepalive().filter(|on| *on).map(|_| Self {
            time_s: on.map(|it| it.time_s),
            interval_s: on.map(|it| it.interval_s),
            probes: on.map(|it| it.probes),
            dead_peer_s: on.map(KeepaliveSettings::dead_peer_s),
        })
    }
}

impl<'a> SocketRow<'a> {
    pub fn new(
        it: &'a Socket,
        time: &'a str,
        cgroups: &'a mut Cgroups,
        links: &'a mut Links,
    ) -> Self {
        let port = |end: &Endpoint| end.port.map(std::num::NonZeroU16::get);
        let (tuple, owner) = (&it.tuple, &it.owner);
        Self {
            time,
            cookie: it.cookie,
            netns: tuple.netns,
            family: Family::of(tuple.local.addr).name(),
            local_addr: tuple.local.addr,
            local_port: port(&tuple.local),
            remote_addr: tuple.remote.port.map(|_| tuple.remote.addr),
            remote_port: port(&tuple.remote),
            interface: links.name(tuple),
            state: it.state,
            pid: owner.process.and_then(|process| process.pid),
            comm: owner.process.as_ref().map(|process| process.comm.as_str()),
            uid: owner.uid,
            cgroup: owner.cgroup.and_then(|id| cgroups.path(id.get())),
            age_ns: it.age().map(nanoseconds),
            timer: it.timer.map(|timer| TimerRow {
                kind: timer.kind,
                remaining_ns: nanoseconds(timer.remaining),
                retries: timer.retries,
            }),
            orphan: it.orphan,
            minisock: it.kind == ExistingKind::Minisock,
            keepalive: KeepaliveRow::new(it),
            recv_queue: it.recv_queue,
            send_queue: it.send_queue,
            dropped: it.dropped,
            holders: rows(&it.holders),
        }
    }
}

/// In nanoseconds, as many as there is room for.
pub(super) fn nanoseconds(duration: Duration) -> u64 {
    u64::try_from(duration.as_nanos()).unwrap_or(u64::MAX)
}
