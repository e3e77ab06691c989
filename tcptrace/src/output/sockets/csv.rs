//! Sockets as CSV, with a header line. What is unknown is an empty field; the fields of JSON's
//! objects are fields of their own.

use std::io::{self, Write};

use serde::Serialize;

use super::{ShownSockets, row::SocketRow};
use crate::{
    host::TimerKind,
    output::{TimeFormat, cells::Cells, csv::io_error, holders::flat},
};

const HEADER: [&str; 29] = [
    "time",
    "cookie",
    "netns",
    "family",
    "local_addr",
    "local_port",
    "remote_addr",
    "remote_port",
    "interface",
    "state",
    "pid",
    "comm",
    "uid",
    "cgroup",
    "age_ns",
    "timer_kind",
    "timer_remaining_ns",
    "timer_retries",
    "orphan",
    "minisock",
    "keepalive",
    "keepalive_time_s",
    "keepalive_interval_s",
    "keepalive_probes",
    "keepalive_dead_peer_s",
    "recv_queue",
    "send_queue",
    "dropped",
    "holders",
];

/// The fields from the timer on.
#[derive(Serialize)]
struct Rest {
    timer_kind: Option<TimerKind>,
    timer_remaining_ns: Option<u64>,
    timer_retries: Option<u8>,
    orphan: bool,
    minisock: bool,
    /// `true`, or unknown: what JSON tells by an object.
    keepalive: Option<bool>,
    keepalive_time_s: Option<u32>,
    keepalive_interval_s: Option<u32>,
    keepalive_probes: Option<u32>,
    keepalive_dead_peer_s: Option<u64>,
    recv_queue: u32,
    send_queue: u32,
    dropped: Option<u32>,
    holders: String,
}

/// Writes them to `out`.
///
/// # Errors
/// Whatever writing fails with.
pub fn write(out: &mut impl Write, shown: &mut ShownSockets<'_>) -> io::Result<()> {
    let mut out = ::csv::WriterBuilder::new()
        .has_headers(false)
        .from_writer(Cells::new(out));
    let mut format = TimeFormat::rfc3339();
    let time = format.write(shown.wall_ns);
    out.write_record(HEADER).map_err(io_error)?;
    for socket in shown.sockets {
        let row = SocketRow::new(socket, time, shown.cgroups, shown.links);
        let identity = (
            row.time,
            row.cookie,
            row.netns,
            row.family,
            row.local_addr,
            row.local_port,
            row.remote_addr,
            row.remote_port,
            row.interface,
            row.state,
        );
        let owner = (row.pid, row.comm, row.uid, row.cgroup);
        let rest = Rest {
            timer_kind: row.timer.map(|timer| timer.kind),
            timer_remaining_ns: row.timer.map(|timer| timer.remaining_ns),
            timer_retries: row.timer.map(|timer| timer.retries),
            orphan: row.orphan,
            minisock: row.minisock,
            keepalive: row.keepalive.map(|_| true),
            keepalive_time_s: row.keepalive.and_then(|it| it.time_s),
            keepalive_interval_s: row.keepalive.and_then(|it| it.interval_s),
            keepalive_probes: row.keepalive.and_then(|it| it.probes),
            keepalive_dead_peer_s: row.keepalive.and_then(|it| it.dead_peer_s),
            recv_queue: row.recv_queue,
            send_queue: row.send_queue,
            dropped: row.dropped,
            holders: flat(&socket.holders),
        };
        out.serialize((identity, owner, row.age_ns, rest))
            .map_err(io_error)?;
    }
    out.flush()
}
