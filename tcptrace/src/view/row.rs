//! A transition as the fields of the interface, for JSON and CSV.

use std::net::IpAddr;

use serde::Serialize;

use super::{
    Surroundings, TimeFormat,
    append::{Append as _, Word},
};
use crate::{
    decode::{Cookie, Endpoint},
    filter::Family,
    track::{Closer, Detail, Reason, Side, State, Transition},
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
    pub from: State,
    pub to: State,
    pub held_ns: Option<u64>,
    pub reason: Reason,
    pub detail: Option<Detail>,
    pub opener: Option<Side>,
    pub closer: Option<Closer>,
    pub pid: Option<u32>,
    pub comm: Option<&'a str>,
    pub uid: Option<u32>,
    pub cgroup: Option<&'a str>,
}

/// Appends fields to a line of JSON, each with a comma and its name before it.
macro_rules! append {
    ($line:ident, $($field:ident = $value:expr;)+) => {
        $(
            $line.extend_from_slice(concat!(",\"", stringify!($field), "\":").as_bytes());
            $value.append($line);
        )+
    };
}

impl<'a> Row<'a> {
    /// Appends its fields to a line of JSON, each with a comma before it.
    pub fn append(&self, line: &mut Vec<u8>) {
        append! { line,
            time = Word(self.time);
            mono_ns = self.mono_ns;
            cookie = self.cookie;
            netns = self.netns;
            family = Word(self.family);
            local_addr = self.local_addr;
            local_port = self.local_port;
            remote_addr = self.remote_addr;
            remote_port = self.remote_port;
            from = self.from;
            to = self.to;
            held_ns = self.held_ns;
            reason = self.reason;
            detail = self.detail;
            opener = self.opener;
            closer = self.closer;
            pid = self.pid;
            comm = self.comm;
            uid = self.uid;
            cgroup = self.cgroup;
        }
    }

    pub fn new(
        it: &'a Transition,
        around: &'a mut Surroundings<'_>,
        time: &'a mut TimeFormat,
    ) -> Self {
        let port = |end: &Endpoint| end.port.map(std::num::NonZeroU16::get);
        let tuple = &it.tuple;
        Self {
            time: time.write(around.clock.wall(it.time_ns)),
            mono_ns: it.time_ns,
            cookie: it.cookie,
            netns: tuple.netns,
            family: Family::of(tuple.local.addr).name(),
            local_addr: tuple.local.addr,
            local_port: port(&tuple.local),
            remote_addr: tuple.remote.port.map(|_| tuple.remote.addr),
            remote_port: port(&tuple.remote),
            from: it.from,
            to: it.to,
            held_ns: it.held_ns,
            reason: it.reason,
            detail: it.detail,
            opener: it.opener,
            closer: it.closer,
            pid: it.owner.process.map(|process| process.pid),
            comm: it
                .owner
                .process
                .as_ref()
                .map(|process| process.comm.as_str()),
            uid: it.owner.uid,
            cgroup: it.owner.cgroup.and_then(|id| around.cgroups.path(id.get())),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn json_has_the_fields_of_csv() {
        let row = Row {
            time: "2026-11-22T10:39:11.000000001Z",
            mono_ns: 1,
            cookie: Cookie::new(0x3ea),
            netns: 2,
            family: "ipv4",
            local_addr: [127, 0, 0, 1].into(),
            local_port: Some(3),
            remote_addr: None,
            remote_port: None,
            from: State::Closed,
            to: State::SynSent,
            held_ns: None,
            reason: Reason::Connect,
            detail: None,
            opener: Some(Side::Local),
            closer: Some(Closer::Both),
            pid: Some(4),
            comm: Some("\"\\"),
            uid: Some(5),
            cgroup: Some("/a\"b"),
        };
        let mut line = Vec::new();
        row.append(&mut line);
        let all = serde_json::to_string(&row).expect("it can be written");
        assert_eq!(format!("{{{}}}", &String::from_utf8_lossy(&line)[1..]), all);
    }
}
