//! A line of `flows`.

use super::{identity::Identity, owner::Kept};
use crate::{
    model::{Closer, Detail, End, Length, Reason, Side, State, Stay},
    output::{
        Keepalive, Scratch, Shown, ShownFlow, Surroundings,
        fields::Time,
        row::{Field, Fields as _, line, row},
    },
};

row! {
    /// A connection.
    pub struct FlowRow<'a> {
        /// When the last thing happened that is told here: RFC 3339 with nanoseconds, UTC.
        time: Time,
        /// Which connection.
        identity: Identity<'a>,
        /// Whose it is.
        owner: &'a Kept,
        /// Who opened the connection: this side or the peer; null when unknown.
        opener: Option<Side>,
        /// Who sent the first FIN or RST: this side, the peer, or both before either saw the
        /// other's; null when nobody did, or unknown.
        closer: Option<Closer>,
        /// When it left CLOSED or LISTEN: RFC 3339 with nanoseconds, UTC; null when that was before
        /// tracing began.
        opened_at: Option<Time>,
        /// When it came to TIME_WAIT or CLOSED: RFC 3339 with nanoseconds, UTC; null when it has not.
        closed_at: Option<Time>,
        /// The states that it was in, in order, without LISTEN and without the CLOSED before and
        /// after.
        path: Vec<StayRow>,
        /// SYN to SYN+ACK for who opened it, SYN to ACK for the other side, ns; null when unknown or
        /// never done.
        handshake_ns: Option<u64>,
        /// In ESTABLISHED, ns; null when never, unknown or not over.
        established_ns: Option<u64>,
        /// From the first FIN to TIME_WAIT or CLOSED, ns; null when there was none, unknown or not
        /// over.
        teardown_ns: Option<u64>,
        /// In FIN_WAIT2, ns; null when never, unknown or not over.
        fin_wait2_ns: Option<u64>,
        /// In TIME_WAIT, ns; null when never, unknown or not over. Known with --time-wait.
        time_wait_ns: Option<u64>,
        /// From opened_at to closed_at, ns; null when one of them is.
        total_ns: Option<u64>,
        /// How it ended: graceful (by a FIN of each side), or the reason; null when it has not.
        end: Option<End>,
        /// More about how it ended, where more is known: tcptrace explain DETAIL tells more.
        detail: Option<Detail>,
        /// What ended its TIME_WAIT; null when there was none, or it is not over. Known with
        /// --time-wait.
        time_wait_end: Option<Reason>,
        /// Data sent and acknowledged, bytes; null when unknown.
        bytes_sent: Option<u64>,
        /// Data received, bytes; null when unknown, or not over.
        bytes_received: Option<u64>,
        /// Segments sent again; null when unknown, or not over.
        retransmits: Option<u32>,
        /// The smoothed round-trip time at the end, microseconds; null when it was never measured.
        srtt_us: Option<u32>,
        /// How long neither side had sent data when the first one closed, ns; null when unknown.
        idle_before_close_ns: Option<u64>,
        /// Products whose idle timeout is as long as that: PRODUCT SETTING SECONDS s. Empty if there
        /// is none.
        idle_candidates: Vec<String>,
        /// Keepalive as it was set; null when it was off, or that is unknown. In CSV,
        /// time/interval/probes.
        keepalive: Option<KeepaliveCell>,
        /// How it was used: short (a request or two at the most, and closed within a minute), or
        /// long (kept, and reused); null when unknown, or not closed.
        length: Option<Length>,
        /// Whether it is known from its beginning; false when it began before tracing did.
        complete: bool,
    }
}
line!(FlowRow<'_> = "flow", "A connection, when it is over", "A line of flows.");

row! {
    /// A state that it was in.
    pub struct StayFields {
        /// The state.
        state: State,
        /// For how long, ns; null when unknown or not over.
        ns: Option<u64>,
    }
}

/// A state that it was in; `STATE=ns` in CSV.
pub struct StayRow(StayFields);

impl Field for StayRow {
    fn json(&self, line: &mut Vec<u8>) {
        self.0.object(line);
    }

    fn text(&self, cell: &mut Vec<u8>) {
        self.0.state.text(cell);
        cell.push(b'=');
        self.0.ns.text(cell);
    }

    fn schema() -> serde_json::Value {
        StayFields::object_schema()
    }
}

row! {
    /// Keepalive.
    pub struct KeepaliveFields {
        /// Idle time before the first probe, s.
        time_s: u32,
        /// Time between probes, s.
        interval_s: u32,
        /// Probes without an answer until the peer is given up.
        probes: u32,
    }
}

/// Keepalive; `time/interval/probes` in CSV.
pub struct KeepaliveCell(KeepaliveFields);

impl Field for KeepaliveCell {
    fn json(&self, line: &mut Vec<u8>) {
        self.0.object(line);
    }

    fn text(&self, cell: &mut Vec<u8>) {
        self.0.time_s.text(cell);
        cell.push(b'/');
        self.0.interval_s.text(cell);
        cell.push(b'/');
        self.0.probes.text(cell);
    }

    fn schema() -> serde_json::Value {
        KeepaliveFields::object_schema()
    }
}

impl From<Keepalive> for KeepaliveCell {
    fn from(it: Keepalive) -> Self {
        Self(KeepaliveFields {
            time_s: it.time_s,
            interval_s: it.interval_s,
            probes: it.probes,
        })
    }
}

impl From<&Stay> for StayRow {
    fn from(it: &Stay) -> Self {
        Self(StayFields {
            state: it.state,
            ns: it.ns,
        })
    }
}

impl Shown for ShownFlow<'_> {
    type Row<'a>
        = FlowRow<'a>
    where
        Self: 'a;

    fn row<'a>(
        &'a self,
        around: &'a mut Surroundings<'_>,
        scratch: &'a mut Scratch,
    ) -> FlowRow<'a> {
        let it = self.record;
        let mut time = |ns: u64| scratch.time.stamp(around.clock.wall(ns));
        FlowRow {
            time: time(it.time_ns),
            opened_at: it.opened_ns.map(&mut time),
            closed_at: it.closed_ns.map(&mut time),
            identity: Identity::new(it.cookie, &it.tuple, around.links),
            owner: scratch.owners.of(&it.owner, around.cgroups),
            opener: it.opener,
            closer: it.closer,
            path: it.path.iter().map(StayRow::from).collect(),
            handshake_ns: it.handshake_ns(),
            established_ns: it.time_in(State::Established),
            teardown_ns: it.teardown_ns(),
            fin_wait2_ns: it.time_in(State::FinWait2),
            time_wait_ns: it.time_in(State::TimeWait),
            total_ns: it.total_ns(),
            end: it.end,
            detail: it.detail,
            time_wait_end: it.time_wait_end,
            bytes_sent: it.bytes_sent(),
            bytes_received: it.bytes_received(),
            retransmits: it.retransmits(),
            srtt_us: it.srtt_us(),
            idle_before_close_ns: self.idle_before_close_ns,
            idle_candidates: self
                .idle_candidates
                .iter()
                .map(|it| format!("{} {} {} s", it.product, it.setting, it.seconds))
                .collect(),
            keepalive: self.keepalive.map(KeepaliveCell::from),
            length: it.length,
            complete: it.is_complete(),
        }
    }
}
