//! A transition as the fields of the interface, for CSV.

use std::net::IpAddr;

use serde::Serialize;

use super::{Surroundings, TimeFormat};
use crate::model::{
    CgroupPaths as _, Closer, Cookie, Detail, Endpoint, Family, Reason, Side, State, Transition,
};

/// The fields, in the order in which they are written.
#[derive(Serialize)]
pub(super) struct Row<'a> {
    pub time: &'a str,
    pub mono_ns: u64,
    pub cookie: Option<Cookie>,
    pub netns: u32,
    pub family: &'static str,
    pub local_addr: IpAddr,
    pub local_port: Option<u16>,
    pub remote_addr: Option<IpAddr>,
    pub remote_port: Option<u16>,
    pub interface: Option<&'a str>,
    pub from: State,
    pub to: State,
    pub held_ns: Option<u64>,
    pub reason: Reason,
    pub detail: Option<Detail>,
    pub opener: Option<Side>,
    pub closer: Option<Closer>,
    pub retransmits: Option<u32>,
    pub pid: Option<u32>,
    pub comm: Option<&'a str>,
    pub uid: Option<u32>,
    pub cgroup: Option<&'a str>,
    pub thread: Option<&'a str>,
}

impl<'a> Row<'a> {
    pub fn new(
        it: &'a Transition,
        around: &'a mut Surroundings<'_>,
        time: &'a mut TimeFormat,
    ) -> Self {
        let port = |end: &Endpoint| end.port.map(std::num::NonZeroU16::get);
        let tuple = &it.tuple;
        Self {
            time: time.write(around.clock.wall(it.time_ns)),
            mono_ns: around.clock.own(it.time_ns),
            cookie: it.cookie,
            netns: tuple.netns,
            family: Family::of(tuple.local.addr).name(),
            local_addr: tuple.local.addr,
            local_port: port(&tuple.local),
            remote_addr: tuple.remote.port.map(|_| tuple.remote.addr),
            remote_port: port(&tuple.remote),
            interface: around.links.name(tuple),
            from: it.from,
            to: it.to,
            held_ns: it.held_ns,
            reason: it.reason,
            detail: it.detail,
            opener: it.opener,
            closer: it.closer,
            retransmits: it.retransmits,
            pid: it.owner.process.and_then(|process| process.pid),
            comm: it
                .owner
                .process
                .as_ref()
                .map(|process| process.comm.as_str()),
            uid: it.owner.uid,
            cgroup: it.owner.cgroup.and_then(|id| around.cgroups.path(id.get())),
            thread: it.thread.as_ref().map(|thread| thread.as_str()),
        }
    }
}
