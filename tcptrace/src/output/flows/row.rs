//! A flow as the fields of the interface.

use std::net::IpAddr;

use serde::Serialize;

use super::{Keepalive, ShownFlow};
use crate::{
    model::{
        CgroupPaths as _, Closer, Cookie, Detail, End, Endpoint, Family, Length, Reason, Side,
        State, Stay,
    },
    output::{Surroundings, TimeFormat},
};

/// The fields, in the order in which they are written.
#[derive(Serialize)]
pub(super) struct FlowRow<'a> {
    pub time: String,
    pub cookie: Option<Cookie>,
    pub netns: u32,
    pub family: &'static str,
    pub local_addr: IpAddr,
    pub local_port: Option<u16>,
    pub remote_addr: Option<IpAddr>,
    pub remote_port: Option<u16>,
    pub interface: Option<&'a str>,
    pub pid: Option<u32>,
    pub comm: Option<&'a str>,
    pub uid: Option<u32>,
    pub cgroup: Option<&'a str>,
    pub opener: Option<Side>,
    pub closer: Option<Closer>,
    pub opened_at: Option<String>,
    pub closed_at: Option<String>,
    pub path: &'a [Stay],
    pub handshake_ns: Option<u64>,
    pub established_ns: Option<u64>,
    pub teardown_ns: Option<u64>,
    pub fin_wait2_ns: Option<u64>,
    pub time_wait_ns: Option<u64>,
    pub total_ns: Option<u64>,
    pub end: Option<&'static str>,
    pub detail: Option<Detail>,
    pub time_wait_end: Option<Reason>,
    pub bytes_sent: Option<u64>,
    pub bytes_received: Option<u64>,
    pub retransmits: Option<u32>,
    pub srtt_us: Option<u32>,
    pub idle_before_close_ns: Option<u64>,
    pub idle_candidates: Vec<String>,
    pub keepalive: Option<Keepalive>,
    pub length: Option<Length>,
    pub complete: bool,
}

impl<'a> FlowRow<'a> {
    pub fn new(
        flow: &ShownFlow<'a>,
        around: &'a mut Surroundings<'_>,
        format: &mut TimeFormat,
    ) -> Self {
        let it = flow.record;
        let port = |end: &Endpoint| end.port.map(std::num::NonZeroU16::get);
        let mut time = |ns: u64| format.write(around.clock.wall(ns)).to_owned();
        Self {
            time: time(it.time_ns),
            cookie: it.cookie,
            netns: it.tuple.netns,
            family: Family::of(it.tuple.local.addr).name(),
            local_addr: it.tuple.local.addr,
            local_port: port(&it.tuple.local),
            remote_addr: it.tuple.remote.port.map(|_| it.tuple.remote.addr),
            remote_port: port(&it.tuple.remote),
            interface: around.links.name(&it.tuple),
            pid: it.owner.process.and_then(|process| process.pid),
            comm: it
                .owner
                .process
                .as_ref()
                .map(|process| process.comm.as_str()),
            uid: it.owner.uid,
            cgroup: it.owner.cgroup.and_then(|id| around.cgroups.path(id.get())),
            opener: it.opener,
            closer: it.closer,
            opened_at: it.opened_ns.map(&mut time),
            closed_at: it.closed_ns.map(&mut time),
            path: &it.path,
            handshake_ns: it.handshake_ns(),
            established_ns: it.time_in(State::Established),
            teardown_ns: it.teardown_ns(),
            fin_wait2_ns: it.time_in(State::FinWait2),
            time_wait_ns: it.time_in(State::TimeWait),
            total_ns: it.total_ns(),
            end: it.end.map(End::name),
            detail: it.detail,
            time_wait_end: it.time_wait_end,
            bytes_sent: it.bytes_sent(),
            bytes_received: it.bytes_received(),
            retransmits: it.retransmits(),
            srtt_us: it.srtt_us(),
            idle_before_close_ns: flow.idle_before_close_ns,
            idle_candidates: flow
                .idle_candidates
                .iter()
                .map(|it| format!("{} {} {} s", it.product, it.setting, it.seconds))
                .collect(),
            keepalive: flow.keepalive,
            length: it.length,
            complete: it.is_complete(),
        }
    }
}
