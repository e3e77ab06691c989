//! Flows as CSV, with a header line.
//!
//! The fields are those of JSON. Where JSON has a list, CSV has `STATE=ns;STATE=ns`, products
//! with `;` between them, and keepalive as `time/interval/probes`.

use std::{
    fmt::Write as _,
    io::{self, Write},
};

use super::{ShownFlow, row::FlowRow};
use crate::{
    host::Clock,
    output::{Start, Surroundings, TimeFormat, View, cells::Cells, csv::io_error},
};

/// Writes CSV. What is unknown is an empty field.
pub struct FlowCsv<W: Write> {
    out: ::csv::Writer<Cells<W>>,
    time: TimeFormat,
}

impl<W: Write> FlowCsv<W> {
    /// Writes to `out`.
    pub fn new(out: W) -> Self {
        let out = ::csv::WriterBuilder::new()
            .has_headers(false)
            .from_writer(Cells::new(out));
        Self {
            out,
            time: TimeFormat::rfc3339(),
        }
    }
}

impl<W: Write> View<ShownFlow<'_>> for FlowCsv<W> {
    fn start(&mut self, _: &Start, _: &Clock) -> io::Result<()> {
        self.out.write_record(HEADER)?;
        self.flush()
    }

    fn show(&mut self, flow: &ShownFlow<'_>, around: &mut Surroundings<'_>) -> io::Result<()> {
        let row = FlowRow::new(flow, around, &mut self.time);
        self.out.write_record(fields(&row)).map_err(io_error)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.out.flush()
    }
}

const HEADER: [&str; 36] = [
    "time",
    "cookie",
    "netns",
    "family",
    "local_addr",
    "local_port",
    "remote_addr",
    "remote_port",
    "interface",
    "pid",
    "comm",
    "uid",
    "cgroup",
    "opener",
    "closer",
    "opened_at",
    "closed_at",
    "path",
    "handshake_ns",
    "established_ns",
    "teardown_ns",
    "fin_wait2_ns",
    "time_wait_ns",
    "total_ns",
    "end",
    "detail",
    "time_wait_end",
    "bytes_sent",
    "bytes_received",
    "retransmits",
    "srtt_us",
    "idle_before_close_ns",
    "idle_candidates",
    "keepalive",
    "length",
    "complete",
];

fn fields(row: &FlowRow<'_>) -> [String; 36] {
    fn some(value: Option<impl ToString>) -> String {
        value.map_or_else(String::new, |value| value.to_string())
    }
    fn name(value: Option<impl serde::Serialize>) -> String {
        // These are written as JSON strings.
        value
            .and_then(|value| serde_json::to_value(value).ok())
            .and_then(|value| value.as_str().map(str::to_owned))
            .unwrap_or_default()
    }
    let mut path = String::new();
    for stay in row.path {
        let separator = if path.is_empty() { "" } else { ";" };
        // Writing to a string does not fail.
        let _ = write!(path, "{separator}{}={}", stay.state, some(stay.ns));
    }
    let keepalive = row
        .keepalive
        .map(|it| format!("{}/{}/{}", it.time_s, it.interval_s, it.probes));
    [
        row.time.clone(),
        some(row.cookie),
        row.netns.to_string(),
        row.family.to_owned(),
        row.local_addr.to_string(),
        some(row.local_port),
        some(row.remote_addr),
        some(row.remote_port),
        some(row.interface),
        some(row.pid),
        some(row.comm),
        some(row.uid),
        some(row.cgroup),
        name(row.opener),
        name(row.closer),
        some(row.opened_at.as_ref()),
        some(row.closed_at.as_ref()),
        path,
        some(row.handshake_ns),
        some(row.established_ns),
        some(row.teardown_ns),
        some(row.fin_wait2_ns),
        some(row.time_wait_ns),
        some(row.total_ns),
        some(row.end),
        name(row.detail),
        some(row.time_wait_end),
        some(row.bytes_sent),
        some(row.bytes_received),
        some(row.retransmits),
        some(row.srtt_us),
        some(row.idle_before_close_ns),
        row.idle_candidates.join(";"),
        some(keepalive),
        name(row.length),
        row.complete.to_string(),
    ]
}
