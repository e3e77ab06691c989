//! A line of `flows`.

use std::{borrow::Cow, fmt, io};

use anstyle::Style;

use super::{ended, identity::Identity, owner::Kept};
#[cfg(feature = "ship")]
use crate::output::row::list;
use crate::{
    explain,
    language::{Language, table_words},
    model::{Closer, Detail, FlowEnd, KeepaliveSettings, Length, PathStep, Reason, Side, State},
    output::{
        Context, Scratch, Shown, ShownFlow,
        address::{IPV4, IPV6, PORT},
        columns::{Column, LONGEST_WORKLOAD, WORKLOAD},
        duration::{DURATION, Human},
        fields::Time,
        line::Line,
        or_dash::OrDash,
        row::{Field, Fields as _, inserted_as, line, row, stored_as},
        table::{Below, Cell, Tabled},
        wrapping::wrapping,
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
        path: Vec<PathCell>,
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
        end: Option<FlowEnd>,
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
    pub struct PathFields {
        /// The state.
        state: State,
        /// For how long, ns; null when unknown or not over.
        ns: Option<u64>,
    }
}

/// A state that it was in; `STATE=ns` in CSV.
pub struct PathCell(PathFields);

impl Field for PathCell {
    fn json(&self, line: &mut Vec<u8>) {
        self.0.object(line);
    }

    fn text(&self, cell: &mut Vec<u8>) {
        self.0.state.text(cell);
        cell.push(b'=');
        self.0.ns.text(cell);
    }

    fn schema() -> serde_json::Value {
        PathFields::object_schema()
    }

    /// Two columns, one of states and one of times: a table in a table, as databases have it.
    #[cfg(feature = "ship")]
    fn insert_all(all: &[Self], key: &str, line: &mut Vec<u8>) {
        let name = key.trim_matches([',', '"', ':']).as_bytes();
        let column = |of: &[u8], line: &mut Vec<u8>| {
            line.extend_from_slice(b",\"");
            line.extend_from_slice(name);
            line.extend_from_slice(of);
        };
        column(b".state\":", line);
        list(all, line, |it, line| it.0.state.json(line));
        column(b".ns\":", line);
        list(all, line, |it, line| it.0.ns.json(line));
    }

    #[cfg(feature = "ship")]
    fn all_inserted(name: &str, names: &mut Vec<String>) {
        names.push(format!("{name}.state"));
        names.push(format!("{name}.ns"));
    }
}

stored_as!(PathCell, PathFields, |it| &it.0);

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

    inserted_as!(KeepaliveFields, |it| &it.0);
}

stored_as!(KeepaliveCell, KeepaliveFields, |it| &it.0);

impl From<KeepaliveSettings> for KeepaliveCell {
    fn from(it: KeepaliveSettings) -> Self {
        Self(KeepaliveFields {
            time_s: it.time_s,
            interval_s: it.interval_s,
            probes: it.probes,
        })
    }
}

impl From<&PathStep> for PathCell {
    fn from(it: &PathStep) -> Self {
        Self(PathFields {
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

    fn row<'a>(&'a self, around: &'a mut Context<'_>, scratch: &'a mut Scratch) -> FlowRow<'a> {
        let it = self.record;
        let mut time = |ns: u64| scratch.time.of(around.clock.wall(ns));
        FlowRow {
            time: time(it.time_ns),
            opened_at: it.opened_ns.map(&mut time),
            closed_at: it.closed_ns.map(&mut time),
            identity: Identity::new(it.cookie, &it.tuple, around.links),
            owner: scratch.owners.of(&it.owner, around.cgroups),
            opener: it.opener,
            closer: it.closer,
            path: it.path.iter().map(PathCell::from).collect(),
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

/// The columns of `flows`.
#[derive(Clone, Copy, Debug)]
pub enum FlowColumn {
    Process,
    Workload,
    Local,
    Direction,
    Remote,
    Open,
    Data,
    Close,
    Sent,
    Received,
    Kind,
    EndedBy,
}

const BYTES: usize = 6;
/// `you: ` or `peer: `, and why.
pub(super) const ENDED_BY: usize = 6 + explain::WIDTH;
/// `short`.
const KIND: usize = 5;

impl Tabled for ShownFlow<'_> {
    type Column = FlowColumn;
    const COLUMNS: &'static [Column<FlowColumn>] = {
        use FlowColumn as Of;
        &[
            Column::new(Of::Process, "PROCESS", 12)
                .goes(2)
                .grows_first(23)
                .in_a_file(23),
            Column::new(Of::Workload, "RUNS IN", WORKLOAD)
                .goes(0)
                .shares(LONGEST_WORKLOAD),
            Column::new(Of::Local, "LOCAL", IPV4)
                .narrows(4, PORT, "LOCAL")
                .shares(IPV6),
            Column::new(Of::Direction, "", 1),
            Column::new(Of::Remote, "REMOTE", IPV4).shares(IPV6),
            Column::new(Of::Open, "OPEN", DURATION).right(),
            Column::new(Of::Data, "DATA", DURATION).right(),
            Column::new(Of::Close, "CLOSE", DURATION).right(),
            Column::new(Of::Sent, "SENT", BYTES).right().goes(3),
            Column::new(Of::Received, "RECVD", BYTES).right().goes(3),
            Column::new(Of::Kind, "KIND", KIND).goes(1),
            Column::new(Of::EndedBy, "ENDED BY", ENDED_BY),
        ]
    };

    fn cell(&self, of: FlowColumn, cell: &mut Cell<'_, '_>) {
        let (it, plain, palette) = (self.record, Style::new(), cell.palette());
        match of {
            FlowColumn::Workload => cell.workload(&it.owner),
            FlowColumn::Process => cell.process(&it.owner, 0),
            FlowColumn::Local => cell.local(&it.tuple),
            FlowColumn::Direction => cell.direction(it.opener),
            FlowColumn::Remote => cell.remote(&it.tuple),
            FlowColumn::Open => cell.put(plain, known_ns(it.handshake_ns(), cell.ascii())),
            FlowColumn::Data => {
                let ns = it.time_in(State::Established);
                cell.put(plain, known_ns(ns, cell.ascii()));
            }
            FlowColumn::Close => cell.put(plain, known_ns(it.teardown_ns(), cell.ascii())),
            FlowColumn::Sent => cell.put(plain, OrDash(it.bytes_sent().map(Bytes))),
            FlowColumn::Received => cell.put(plain, OrDash(it.bytes_received().map(Bytes))),
            FlowColumn::Kind => {
                let words = table_words(cell.language());
                let length = it.length.map(|length| match (length, cell.language()) {
                    (length, Language::English) => Cow::Borrowed(length.name()),
                    (Length::Short, _) => words.word("short").into(),
                    (Length::Long, _) => words.word("long").into(),
                });
                cell.put(palette.faint(), OrDash(length));
            }
            FlowColumn::EndedBy => {
                let words = table_words(cell.language());
                cell.put(palette.reason(ended::reason(it)), ended::kept(it, words));
            }
        }
    }

    /// Which timeouts explain the end, if any do: in as many lines as that takes.
    fn below(&self, below: &mut Below<'_>) -> io::Result<()> {
        let (Some(ns), [first, rest @ ..]) = (self.idle_before_close_ns, self.idle_candidates)
        else {
            return Ok(());
        };
        let words = table_words(below.look.language);
        let ascii = below.look.ascii;
        let time = ("time", Human { ns, ascii }.to_string().into());
        let said = match self.record.closer {
            Some(Closer::Remote) => words.say("idle-before-peer", [time]),
            _ => words.say("idle-before-us", [time]),
        };
        let said = format!("  {said}");
        let names = words.say(
            "timeout",
            [
                ("product", first.product.as_str().into()),
                ("setting", first.setting.as_str().into()),
                ("seconds", first.seconds.to_string().into()),
            ],
        );
        let names = rest.iter().fold(names, |names, it| {
            let another = format!("{} {}", it.product, it.setting);
            words.say(
                "or-timeout",
                [("first", names.into()), ("second", another.into())],
            )
        });
        let options = wrapping(below.width).subsequent_indent("    ");
        let mut line = Line::default();
        for text in textwrap::wrap(&format!("{said} {names}"), options) {
            let (plain, faint) = (Style::new(), below.look.palette.faint());
            line.clear(below.width);
            match text.strip_prefix(&*said) {
                Some(names) => {
                    line.column(plain, 0, &said);
                    line.column(faint, 0, names.trim_start());
                }
                None => line.column(faint, 0, text),
            }
            below.line(&mut line)?;
        }
        Ok(())
    }
}

fn known_ns(ns: Option<u64>, ascii: bool) -> OrDash<Human> {
    OrDash(ns.map(|ns| Human { ns, ascii }))
}

/// Bytes in at most six columns: `512`, `1.5K`, `20M`.
struct Bytes(u64);

impl fmt::Display for Bytes {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        const UNITS: [&str; 7] = ["", "K", "M", "G", "T", "P", "E"];
        let mut value = self.0 as f64;
        let mut unit = 0;
        while value >= 1023.5 && unit + 1 < UNITS.len() {
            value /= 1024.0;
            unit += 1;
        }
        let digits = usize::from(unit > 0 && value < 9.95);
        write!(f, "{value:.digits$}{}", UNITS[unit])
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bytes_are_short() {
        for (bytes, text) in [
            (0, "0"),
            (1023, "1023"),
            (1024, "1.0K"),
            (20_480, "20K"),
            (10_188, "9.9K"),
            (10_189, "10K"),
            (1_048_063, "1023K"),
            (1_048_064, "1.0M"),
            (1_048_575, "1.0M"),
            (u64::MAX, "16E"),
        ] {
            assert_eq!(Bytes(bytes).to_string(), text);
        }
    }
}
