//! A line of `list`.

use std::{fmt, num::NonZeroU32};

use serde_json::Value;

use super::{
    holders::Holders,
    identity::{Identity, pid_of},
    workload::{ContainerRow, PodRow, Whose},
};
use crate::{
    host::{Cgroups, Keepalive, Links, Socket, Timer, TimerKind},
    language::{Words, table_words},
    model::{Comm, KeepaliveSettings, SocketKind, State, ns},
    output::{
        address::{IPV4, IPV6},
        columns::{Column, LONGEST_WORKLOAD, WORKLOAD},
        duration::{DURATION, Human},
        fields::{CgroupPath, Time},
        row::{Cells, Field, line, object, row, stored_as_text},
        table::{Cell, Tabled},
    },
};

row! {
    /// A socket.
    pub struct SocketRow<'a> {
        /// When the sockets were looked at: RFC 3339 with nanoseconds, UTC.
        time: Time,
        /// Which socket.
        identity: Identity<'a>,
        /// Its state, as netstat names it: tcptrace explain STATE tells more.
        state: State,
        /// Id of a process that has the socket open, in tcptrace's own pid namespace; null when none
        /// has, or it can't be told.
        pid: Option<NonZeroU32>,
        /// Name of that process, with ? for what is no text; null when unknown.
        comm: Option<Comm>,
        /// Id of the user that the socket belongs to; null when nobody has it.
        uid: Option<u32>,
        /// Path of the control group (v2) of the process, or that the socket was made in, below the
        /// root of all; null when unknown.
        cgroup: Option<CgroupPath<'a>>,
        /// The container that the process runs in, or that the socket was made
        /// in; null when in none, or unknown.
        container: Option<ContainerRow<'a>>,
        /// The pod that the container belongs to; null when to none, or unknown. Its uid may be known
        /// where its name is not.
        pod: Option<PodRow<'a>>,
        /// The unit of systemd, or of a user's, as systemctl status PID finds it; null when none, or
        /// unknown.
        unit: Option<&'a str>,
        /// How long it has been in its state, ns; known of TIME_WAIT alone, null otherwise.
        age_ns: Option<u64>,
        /// The timer that runs, and matters most; null when none does.
        timer: Option<TimerRow>,
        /// Whether a process had it, and none has it any more.
        orphan: Option<bool>,
        /// Whether it is one of the small sockets of TIME_WAIT and an orphan's FIN_WAIT2.
        minisock: bool,
        /// An object where keepalive is on (in CSV, true); null when it is off, or that can't be
        /// told. What a socket set for itself only the socket tells: the fields are null without
        /// --keepalive.
        keepalive: KeepaliveCells,
        /// Bytes that were not read, a FIN being one, as ss counts; of a listener, connections that
        /// wait to be accepted.
        recv_queue: Option<u32>,
        /// Bytes that were not acknowledged, a SYN or FIN being one, as ss counts; of a listener,
        /// its backlog.
        send_queue: Option<u32>,
        /// SYNs and third ACKs that a listener has dropped since it began to listen; null of
        /// anything else, and where the kernel does not tell.
        dropped: Option<u32>,
        /// All processes that hold the socket, with the lowest descriptor by which each does; empty
        /// when none does, or none can be told.
        holders: Holders<'a>,
    }
}
line!(SocketRow<'_> = "socket", "A socket that there is now", "A line of list.");

row! {
    /// A timer.
    pub struct TimerRow {
        /// What it is for: to send again, to probe a quiet peer, to end a TIME_WAIT or an orphan's
        /// FIN_WAIT2, to probe a closed window.
        kind: TimerKind,
        /// When it runs out, ns from now; 0 when it should have by now.
        remaining_ns: u64,
        /// How often it ran out without an answer.
        retries: u8,
    }
}
object!(TimerRow);

row! {
    /// Keepalive of a socket that has it on. What a socket set for itself sock_diag does not tell: as
    /// long as it is not asked, nothing is known, whatever the namespace's settings are.
    #[derive(Default)]
    pub struct KeepaliveRow {
        /// Idle time before the first probe, s; null when unknown.
        time_s: Option<u32>,
        /// Time between probes, s; null when unknown.
        interval_s: Option<u32>,
        /// Probes without an answer until the peer is given up; null when unknown.
        probes: Option<u32>,
        /// After how long without a sign of life a dead peer is found, s: time_s + interval_s x
        /// probes; null when unknown.
        dead_peer_s: Option<u64>,
    }
}
object!(KeepaliveRow);

/// Keepalive, if it is on. In CSV, a cell before its own says so.
pub struct KeepaliveCells(Option<KeepaliveRow>);

impl Field for KeepaliveCells {
    fn json(&self, line: &mut Vec<u8>) {
        self.0.json(line);
    }

    fn text(&self, cell: &mut Vec<u8>) {
        self.0.as_ref().map(|_| true).text(cell);
    }

    fn schema() -> Value {
        <Option<KeepaliveRow>>::schema()
    }

    fn names(name: &str, names: &mut Vec<String>) {
        names.push(name.to_owned());
        KeepaliveRow::names(name, names);
    }

    fn cells(&self, cells: &mut Cells) {
        self.text(cells.next());
        self.0.cells(cells);
    }
}

stored_as_text!(KeepaliveCells);

impl KeepaliveCells {
    fn new(it: &Socket) -> Self {
        let on = match it.asked {
            Some(Keepalive::On(settings)) => Some(settings),
            _ => None,
        };
        let row = it.keepalive().filter(|on| *on).map(|_| KeepaliveRow {
            time_s: on.map(|it| it.time_s),
            interval_s: on.map(|it| it.interval_s),
            probes: on.map(|it| it.probes),
            dead_peer_s: on.map(KeepaliveSettings::dead_peer_s),
        });
        Self(row)
    }
}

impl<'a> SocketRow<'a> {
    pub fn new(it: &'a Socket, time: Time, cgroups: &'a mut Cgroups, links: &'a mut Links) -> Self {
        let owner = &it.owner;
        let whose = Whose::of(owner, cgroups);
        Self {
            time,
            identity: Identity::new(it.cookie, &it.tuple, links),
            state: it.state,
            pid: pid_of(owner.process.as_ref()),
            comm: owner.process.map(|process| process.comm),
            uid: owner.uid,
            cgroup: whose.path.map(CgroupPath),
            container: whose.container,
            pod: whose.pod,
            unit: whose.unit,
            age_ns: it.age().map(ns),
            timer: it.timer.map(|timer| TimerRow {
                kind: timer.kind,
                remaining_ns: ns(timer.remaining),
                retries: timer.retries,
            }),
            orphan: it.orphan,
            minisock: it.kind == SocketKind::Minisock,
            keepalive: KeepaliveCells::new(it),
            recv_queue: it.recv_queue,
            send_queue: it.send_queue,
            dropped: it.dropped,
            holders: Holders(&it.holders),
        }
    }
}

/// The columns of `list`.
#[derive(Clone, Copy, Debug)]
pub enum SocketColumn {
    State,
    ReceiveQueue,
    SendQueue,
    Local,
    Remote,
    Timer,
    Left,
    Age,
    Process,
    Workload,
    Note,
}

/// The longest name of a state.
const STATE: usize = 11;
/// Bytes below a million.
const QUEUE: usize = 6;
/// `retransmit×15`.
const TIMER: usize = 13;
/// `drop 9999`.
const NOTE: usize = 9;

impl Tabled for Socket {
    type Column = SocketColumn;
    const COLUMNS: &'static [Column<SocketColumn>] = {
        use SocketColumn as Of;
        &[
            Column::new(Of::State, "STATE", STATE),
            Column::new(Of::ReceiveQueue, "RECV-Q", QUEUE)
                .right()
                .goes(1),
            Column::new(Of::SendQueue, "SEND-Q", QUEUE).right().goes(1),
            Column::new(Of::Local, "LOCAL", IPV4)
                .shares(IPV6)
                .fits_in_a_file(),
            Column::new(Of::Remote, "REMOTE", IPV4)
                .shares(IPV6)
                .fits_in_a_file(),
            Column::new(Of::Timer, "TIMER", TIMER).goes(3),
            Column::new(Of::Left, "LEFT", DURATION).right().goes(3),
            Column::new(Of::Age, "AGE", DURATION).right().goes(2),
            Column::new(Of::Process, "PROCESS", 12)
                .grows_first(23)
                .fits_in_a_file(),
            Column::new(Of::Workload, "RUNS IN", WORKLOAD)
                .goes(0)
                .shares(LONGEST_WORKLOAD),
            Column::new(Of::Note, "NOTE", NOTE).goes(4),
        ]
    };

    fn cell(&self, of: SocketColumn, cell: &mut Cell<'_, '_>) {
        let (palette, ascii) = (cell.palette(), cell.ascii());
        match of {
            SocketColumn::State => cell.put(palette.state(self.state), self.state),
            SocketColumn::ReceiveQueue => cell.known(self.recv_queue.map(Queue)),
            SocketColumn::SendQueue => cell.known(self.send_queue.map(Queue)),
            SocketColumn::Local => cell.local(&self.tuple),
            SocketColumn::Remote => cell.remote(&self.tuple),
            SocketColumn::Timer => cell.known(self.timer.map(|timer| Running { timer, ascii })),
            SocketColumn::Left => {
                cell.duration(self.timer.map(|timer| ns(timer.remaining)));
            }
            SocketColumn::Age => cell.duration(self.age().map(ns)),
            SocketColumn::Workload => cell.workload(&self.owner),
            SocketColumn::Process => {
                cell.process(&self.owner, self.holders.len().saturating_sub(1));
            }
            SocketColumn::Note => {
                let socket = self;
                let words = table_words(cell.language());
                cell.put(palette.faint(), note(socket, ascii, words));
            }
        }
    }
}

/// What it is, where it is not a socket that a process has; otherwise how long a dead peer stays
/// unnoticed, if the socket was asked.
fn note(socket: &Socket, ascii: bool, words: &Words) -> String {
    match socket.kind {
        SocketKind::Minisock => words.word("note-minisock"),
        SocketKind::Request => words.word("note-request"),
        SocketKind::Full if socket.orphan == Some(true) => words.word("note-orphan"),
        // It has a user as soon as it is accepted.
        SocketKind::Full
            if socket.owner.uid.is_none()
                && matches!(socket.state, State::Established | State::CloseWait) =>
        {
            words.word("note-queued")
        }
        SocketKind::Full if socket.state == State::Listen => match socket.dropped {
            None | Some(0) => String::new(),
            Some(dropped) => {
                let count = Dropped(dropped).to_string();
                words.say("note-dropped", [("count", count.into())])
            }
        },
        SocketKind::Full => match socket.asked {
            Some(Keepalive::On(settings)) => {
                let ns = settings.dead_peer_s().saturating_mul(1_000_000_000);
                let time = Human { ns, ascii }.to_string();
                words.say("note-keepalive", [("time", time.into())])
            }
            Some(Keepalive::Off) | None => String::new(),
        },
    }
}

/// Bytes, to the byte as long as they fit.
struct Queue(u32);

impl fmt::Display for Queue {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.0 {
            bytes @ 0..1_000_000 => write!(f, "{bytes}"),
            bytes @ 1_000_000..1_000_000_000 => write!(f, "{}K", bytes >> 10),
            bytes => write!(f, "{}M", bytes >> 20),
        }
    }
}

/// A count of no more than four characters.
struct Dropped(u32);

impl fmt::Display for Dropped {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.0 {
            count @ 0..10_000 => write!(f, "{count}"),
            count @ 10_000..1_000_000 => write!(f, "{}K", count / 1000),
            count @ 1_000_000..1_000_000_000 => write!(f, "{}M", count / 1_000_000),
            count => write!(f, "{}G", count / 1_000_000_000),
        }
    }
}

/// The kind of a timer, and how often it ran out.
struct Running {
    timer: Timer,
    ascii: bool,
}

impl fmt::Display for Running {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.timer.kind.name())?;
        match (self.timer.retries, self.ascii) {
            (0, _) => Ok(()),
            (retries, false) => write!(f, "×{retries}"),
            (retries, true) => write!(f, "x{retries}"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn queues_and_counts_of_any_size_fit_their_columns() {
        for (bytes, text) in [
            (0, "0"),
            (999_999, "999999"),
            (1_000_000, "976K"),
            (999_999_999, "976562K"),
            (1_000_000_000, "953M"),
            (u32::MAX, "4095M"),
        ] {
            assert_eq!(Queue(bytes).to_string(), text);
        }
        for (dropped, text) in [
            (1, "1"),
            (9_999, "9999"),
            (10_000, "10K"),
            (999_999, "999K"),
            (1_000_000, "1M"),
            (999_999_999, "999M"),
            (u32::MAX, "4G"),
        ] {
            assert_eq!(Dropped(dropped).to_string(), text);
            assert!("drop ".len() + text.len() <= NOTE);
        }
    }

    #[test]
    fn a_timer_says_how_often_it_ran_out() {
        let running = |retries, ascii| {
            let timer = Timer {
                kind: TimerKind::Retransmit,
                remaining: std::time::Duration::ZERO,
                retries,
            };
            Running { timer, ascii }.to_string()
        };
        assert_eq!(running(0, false), "retransmit");
        assert_eq!(running(1, false), "retransmit×1");
        assert_eq!(running(15, true), "retransmitx15");
    }
}
