//! A connection that is stuck as the fields of the interface, for JSON and CSV.

use std::net::IpAddr;

use serde::Serialize;

use super::ShownStuck;
use crate::{
    diagnose::Verdict,
    host::TimerKind,
    model::{CgroupPaths as _, Cookie, Endpoint, Family, Reason, State},
    output::{Surroundings, TimeFormat},
};

/// The fields, in the order in which they are written.
#[derive(Serialize)]
pub(super) struct StuckRow<'a, H> {
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
    pub state: State,
    pub held_ns: Option<u64>,
    pub held_at_least: bool,
    pub held_estimated: bool,
    pub reason: Option<Reason>,
    pub verdict: Verdict,
    pub verdict_text: &'a str,
    pub pid: Option<u32>,
    pub comm: Option<&'a str>,
    pub uid: Option<u32>,
    pub cgroup: Option<&'a str>,
    pub fd: Option<u32>,
    pub holders: H,
    pub orphan: bool,
    pub setting: Option<&'static str>,
    pub setting_value: Option<u32>,
    pub timer: Option<TimerKind>,
    pub remaining_ns: Option<u64>,
    pub retries: Option<u32>,
    pub most_retries: Option<u32>,
    pub unread_bytes: Option<u32>,
    pub unsent_bytes: Option<u32>,
    pub unacked_bytes: Option<u32>,
    pub zero_window: Option<bool>,
    pub accept_queue: Option<u32>,
    pub backlog: Option<u32>,
    pub advice: &'static str,
}

/// Their names, for CSV.
pub(super) const HEADER: [&str; 37] = [
    "time",
    "mono_ns",
    "cookie",
    "netns",
    "family",
    "local_addr",
    "local_port",
    "remote_addr",
    "remote_port",
    "interface",
    "state",
    "held_ns",
    "held_at_least",
    "held_estimated",
    "reason",
    "verdict",
    "verdict_text",
    "pid",
    "comm",
    "uid",
    "cgroup",
    "fd",
    "holders",
    "orphan",
    "setting",
    "setting_value",
    "timer",
    "remaining_ns",
    "retries",
    "most_retries",
    "unread_bytes",
    "unsent_bytes",
    "unacked_bytes",
    "zero_window",
    "accept_queue",
    "backlog",
    "advice",
];

impl<'a, H> StuckRow<'a, H> {
    /// `holders`: as the format writes them.
    pub fn new(
        shown: &'a ShownStuck,
        holders: H,
        around: &'a mut Surroundings<'_>,
        time: &'a mut TimeFormat,
    ) -> Self {
        let port = |end: &Endpoint| end.port.map(std::num::NonZeroU16::get);
        let (it, why) = (&shown.connection, &shown.diagnosis);
        let (tuple, owner) = (&it.tuple, &it.owner);
        let waiting = shown.suspect.listening;
        Self {
            time: time.write(around.clock.wall(shown.mono_ns)),
            mono_ns: around.clock.own(shown.mono_ns),
            cookie: it.cookie,
            netns: tuple.netns,
            family: Family::of(tuple.local.addr).name(),
            local_addr: tuple.local.addr,
            local_port: port(&tuple.local),
            remote_addr: tuple.remote.port.map(|_| tuple.remote.addr),
            remote_port: port(&tuple.remote),
            interface: around.links.name(tuple),
            state: it.state,
            held_ns: shown.held.ns,
            held_at_least: shown.held.at_least,
            held_estimated: shown.held.estimated,
            reason: shown.suspect.context.ended,
            verdict: why.verdict,
            verdict_text: &why.text,
            pid: owner.process.and_then(|process| process.pid),
            comm: owner.process.as_ref().map(|process| process.comm.as_str()),
            uid: owner.uid,
            cgroup: owner.cgroup.and_then(|id| around.cgroups.path(id.get())),
            fd: shown.descriptor,
            holders,
            orphan: shown.suspect.is_orphan(),
            setting: why.setting.map(|setting| setting.name),
            setting_value: why.setting.and_then(|setting| setting.value),
            timer: shown.suspect.timer.map(|timer| timer.kind),
            remaining_ns: why
                .remaining
                .map(|left| u64::try_from(left.as_nanos()).unwrap_or(u64::MAX)),
            retries: why.retries,
            most_retries: why.most_retries,
            unread_bytes: why.queues.unread,
            unsent_bytes: why.queues.unsent,
            unacked_bytes: why.queues.unacked,
            zero_window: why.queues.zero_window,
            accept_queue: waiting.map(|it| it.queue),
            backlog: waiting.map(|it| it.backlog),
            advice: why.advice,
        }
    }
}
