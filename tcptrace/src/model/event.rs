//! What the kernel half tells, typed.

use std::{fmt, num::NonZeroU64};

use serde::{Deserialize, Deserializer, Serialize, Serializer};

#[cfg(test)]
use super::Endpoint;
use super::{Tuple, text::is_harmless};
use crate::model::State;

/// The kernel's identity of a socket, never used again: `ss -e` prints it behind `sk:`.
#[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
pub struct Cookie(pub NonZeroU64);

impl Cookie {
    /// A cookie, or `None` for 0: the socket has none yet.
    #[must_use]
    pub fn new(value: u64) -> Option<Self> {
        NonZeroU64::new(value).map(Self)
    }
}

impl fmt::Display for Cookie {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:x}", self.0)
    }
}

impl fmt::Debug for Cookie {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "sk:{self}")
    }
}

/// The name of a task, up to 15 bytes, made harmless: control characters and what is not UTF-8
/// are replaced by `?`, as a process chooses its own name.
#[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Comm {
    bytes: [u8; 16],
    length: u8,
}

impl Comm {
    /// Reads a name up to its zero byte.
    #[must_use]
    pub fn new(raw: &[u8]) -> Self {
        let length = raw.iter().position(|byte| *byte == 0).unwrap_or(raw.len());
        let raw = &raw[..length.min(15)];
        let mut bytes = [0; 16];
        bytes[..raw.len()].copy_from_slice(raw);
        let plain = |byte: &u8| (b' '..0x7f).contains(byte);
        if raw.iter().all(plain) {
            return Self {
                bytes,
                length: raw.len() as u8,
            };
        }
        let mut harmless = Self {
            bytes: [0; 16],
            length: 0,
        };
        for chunk in raw.utf8_chunks() {
            for character in chunk.valid().chars() {
                harmless.push(if is_harmless(character) {
                    character
                } else {
                    '?'
                });
            }
            // Of a character that the kernel cut through, too.
            if !chunk.invalid().is_empty() {
                harmless.push('?');
            }
        }
        harmless
    }

    /// Never more bytes than were read: what is put in for something is not longer.
    fn push(&mut self, character: char) {
        let at = usize::from(self.length);
        if let Some(room) = self.bytes.get_mut(at..at + character.len_utf8()) {
            self.length += character.encode_utf8(room).len() as u8;
        }
    }

    /// The name.
    #[must_use]
    pub fn as_str(&self) -> &str {
        // `new` let nothing but UTF-8 in.
        std::str::from_utf8(&self.bytes[..usize::from(self.length)]).unwrap_or_default()
    }
}

impl Serialize for Comm {
    fn serialize<S: Serializer>(&self, to: S) -> Result<S::Ok, S::Error> {
        to.serialize_str(self.as_str())
    }
}

impl<'de> Deserialize<'de> for Comm {
    fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        let text = String::deserialize(from)?;
        Ok(Self::new(text.as_bytes()))
    }
}

impl fmt::Debug for Comm {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Debug::fmt(self.as_str(), f)
    }
}

/// A process.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
pub struct Process {
    /// Its id in the pid namespace of tcptrace; `None`: it is not in it, or it is not known which
    /// of several processes of that name it is.
    pub pid: Option<u32>,
    /// Its name.
    pub comm: Comm,
}

/// The id of a control group (v2).
pub type Cgroup = NonZeroU64;

/// A control group (v2) was made.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct CgroupMade<'a> {
    /// Its id.
    pub id: u64,
    /// The id of the one that it was made in.
    pub parent: u64,
    /// Its name: any bytes.
    pub name: &'a [u8],
}

/// Who has a socket, as far as it is known.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct Owner {
    /// The process that used it last.
    pub process: Option<Process>,
    /// The name of its thread that did, where it differs from the process's.
    pub thread: Option<Comm>,
    /// The user that it belongs to.
    pub uid: Option<u32>,
    /// The control group of the process.
    pub cgroup: Option<Cgroup>,
}

/// What else than its address and link decides which connections a listener gets.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Reach {
    /// No IPv4 (IPV6_V6ONLY).
    pub only_ipv6: bool,
}

/// What a connection did so far, in the kernel's own units: fields of `struct tcp_sock` and
/// `struct inet_connection_sock`, named where they have another name.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Measured {
    /// Bytes sent and acknowledged; the SYN and the FIN count 1 each.
    pub bytes_acked: u64,
    /// Bytes; the FIN counts 1.
    pub bytes_received: u64,
    /// Segments sent again (`total_retrans`).
    pub retransmits: u32,
    /// The smoothed round trip (`srtt_us`): µs, times 8; 0: none was measured.
    pub srtt_us_8: u32,
    /// Jiffies when this was told, lower 32 bits.
    pub now: u32,
    /// Jiffies when data was last sent (`lsndtime`).
    pub last_sent: u32,
    /// Jiffies when data was last received (`icsk_ack.lrcvtime`).
    pub last_received: u32,
    /// Jiffies; 0: the namespace's setting.
    pub keepalive_time: u32,
    /// Jiffies (`keepalive_intvl`); 0: the namespace's setting.
    pub keepalive_interval: u32,
    /// Segments with data sent, those sent again included (`data_segs_out`).
    pub data_segments_sent: u32,
    /// Segments with data received (`data_segs_in`).
    pub data_segments_received: u32,
    /// Probes; 0: the namespace's setting.
    pub keepalive_probes: u8,
    /// A full socket got the peer's FIN (SOCK_DONE), which `bytes_received` counts mostly.
    pub fin_received: bool,
    /// It is certain that `bytes_received` does not count the peer's FIN: it came in a SYN or
    /// SYN+ACK. Not certain any more once something was read.
    pub fin_uncounted: bool,
}

/// Something that happened in the kernel.
#[derive(Clone, Copy, Debug)]
pub enum Event {
    /// A full socket changed its state.
    Socket(SocketEvent),
    /// Something became of a minisock's timer.
    Minisock(MinisockEvent),
    /// Something became of a request's timer.
    Request(RequestEvent),
    /// An RST was sent for data that came when nobody could read it any more: what was told as
    /// a reset by the peer just before was one by us.
    ResetSent(ResetSentEvent),
    /// A FIN was dropped by whatever it was for: if that is an orphan in FIN_WAIT2, it is in
    /// TIME_WAIT now. Only where the kernel does not tell for whom it was (before 6.11).
    FinDropped(FinDroppedEvent),
    /// A process that has a listener, or what it accepted, made another one.
    Forked(ForkedEvent),
    /// A process accepted a connection. Only where the kernel lets that be seen.
    Accepted(AcceptedEvent),
    /// A SYN was sent, or sent again: by now its port is chosen.
    Syn(SynEvent),
}

impl Event {
    /// When: CLOCK_MONOTONIC, ns.
    #[must_use]
    pub fn time_ns(&self) -> u64 {
        match self {
            Self::Socket(event) => event.time_ns,
            Self::Minisock(event) => event.time_ns,
            Self::Request(event) => event.time_ns,
            Self::ResetSent(event) => event.time_ns,
            Self::FinDropped(event) => event.time_ns,
            Self::Forked(event) => event.time_ns,
            Self::Accepted(event) => event.time_ns,
            Self::Syn(event) => event.time_ns,
        }
    }
}

/// A full socket changed its state.
#[derive(Clone, Copy, Debug)]
pub struct SocketEvent {
    /// CLOCK_MONOTONIC, ns.
    pub time_ns: u64,
    /// Its cookie; `None` if it has none.
    pub cookie: Option<Cookie>,
    /// Its addresses and ports, as far as they are known.
    pub tuple: Tuple,
    /// The state left.
    pub from: State,
    /// The state entered.
    pub to: State,
    /// The process that made the transition; `None` when it was made in softirq.
    pub owner: Option<Owner>,
    /// `owner` is a thread of the kernel, which belongs to no process.
    pub by_kernel: bool,
    /// Made by the traced command or one of its children.
    pub followed: bool,
    /// Told by the kernel's program that stands in for another, which may have told it, too.
    pub stood_in: bool,
    /// `sk_err`: 0, or why the socket closed.
    pub errno: u8,
    /// What else tells why it is closed.
    pub evidence: Evidence,
    /// Its network namespace is being taken down. Only of one whose end is in doubt.
    pub netns_gone: bool,
    /// No process has the socket any more.
    pub orphan: bool,
    /// SO_KEEPALIVE is on.
    pub keepalive: bool,
    /// Segments sent again so far; `None` where the kernel half does not tell.
    pub retransmits: Option<u32>,
    /// Of a socket that begins to listen.
    pub reach: Option<Reach>,
    /// Out of ESTABLISHED, and into CLOSED.
    pub measured: Option<Measured>,
}

#[cfg(test)]
impl SocketEvent {
    /// One that is closed, of which nothing else is known.
    pub(crate) fn closed(from: State) -> Self {
        let nowhere = Endpoint::new([0, 0, 0, 0].into(), 0);
        Self {
            time_ns: 0,
            cookie: None,
            tuple: Tuple {
                netns: 1,
                link: None,
                local: nowhere,
                remote: nowhere,
            },
            from,
            to: State::Closed,
            owner: None,
            by_kernel: false,
            followed: false,
            stood_in: false,
            errno: 0,
            evidence: Evidence::default(),
            netns_gone: false,
            orphan: false,
            keepalive: false,
            retransmits: None,
            reach: None,
            measured: None,
        }
    }
}

/// What a full socket shows of why it is closed. All but the first only where it is closed.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Evidence {
    /// `sk_shutdown` has RCV_SHUTDOWN: a FIN was received, or the socket was closed.
    pub receive_shutdown: bool,
    /// SO_LINGER with a time of zero.
    pub linger_0: bool,
    /// Data was received that nobody has read.
    pub unread: bool,
    /// Data or a FIN is not acknowledged: `snd_una` is not `write_seq`.
    pub unacked: bool,
    /// TCP_REPAIR is on: the socket goes without a word to its peer.
    pub repair: bool,
    /// The RST that closes it arrived just before.
    pub rst_received: bool,
    /// It sent an RST just before. One that it sends just after is an
    /// [`Event::ResetSent`].
    pub rst_sent: bool,
    /// Its SYN was on its way.
    pub syn_out: bool,
}

/// What became of a timer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum TimerChange {
    /// It was armed.
    Started,
    /// It was stopped by whoever has that cause, and may be armed again by the same call; `None`:
    /// by somebody, or because it is about to expire.
    Cancelled(Option<EarlyCause>),
    /// It was stopped for good.
    Ended(EarlyCause),
    /// Its time was over.
    Expired,
    /// Nothing, or it is not told: a segment arrived and was dealt with.
    Segment,
}

/// Which way led to the end of a minisock or request before its time.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum EarlyCause {
    /// `tcp_timewait_state_process()` or `tcp_check_req()`: an RST arrived.
    Reset,
    /// `tcp_check_req()`: a segment arrived that was answered by an RST.
    ResetByUs,
    /// `tcp_v4_rcv()`, `tcp_v6_rcv()` themselves: a segment arrived that a TIME_WAIT makes room
    /// for (a SYN), that a FIN_WAIT2 answers by RST, or whose request has no listener any more.
    Segment,
    /// `__inet_check_established()`: connect() took its port.
    Connect,
    /// `tcp_req_err()`: ICMP.
    Icmp,
    /// `tcp_abort()`: `ss -K`.
    Killed,
    /// `inet_twsk_purge()`: its network namespace goes.
    NetnsGone,
    /// `inet_csk_complete_hashdance()`: the request became a full socket.
    Completed,
    /// None of these.
    Unknown,
}

/// The states that a minisock can be in (`tw_substate`).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum MinisockState {
    /// An orphan that waits for the peer's FIN.
    FinWait2,
    /// TIME_WAIT.
    TimeWait,
}

impl From<MinisockState> for State {
    fn from(state: MinisockState) -> Self {
        match state {
            MinisockState::FinWait2 => Self::FinWait2,
            MinisockState::TimeWait => Self::TimeWait,
        }
    }
}

/// Something became of a minisock (`inet_timewait_sock`).
#[derive(Clone, Copy, Debug)]
pub struct MinisockEvent {
    /// CLOCK_MONOTONIC, ns.
    pub time_ns: u64,
    /// The cookie of the full socket that it came from; `None` if nobody had asked for it.
    pub cookie: Option<Cookie>,
    /// Its addresses and ports.
    pub tuple: Tuple,
    /// What became of its timer.
    pub change: TimerChange,
    /// Its state, which is changed before its timer is.
    pub state: MinisockState,
    /// Its network namespace is being taken down.
    pub netns_gone: bool,
}

/// Something became of a request (`request_sock`, SYN_RECV).
#[derive(Clone, Copy, Debug)]
pub struct RequestEvent {
    /// CLOCK_MONOTONIC, ns.
    pub time_ns: u64,
    /// Its addresses and ports.
    pub tuple: Tuple,
    /// What became of its timer.
    pub change: TimerChange,
    /// Cookie of the listener; only when it begins.
    pub listener: Option<Cookie>,
    /// How often its SYN+ACK was sent again.
    pub retransmits: u8,
    /// Its SYN+ACK was not sent again, and its timer has not expired.
    pub fresh: bool,
    /// Its network namespace is being taken down.
    pub netns_gone: bool,
}

/// A full socket sent an RST just after it was told to be closed.
#[derive(Clone, Copy, Debug)]
pub struct ResetSentEvent {
    /// CLOCK_MONOTONIC, ns.
    pub time_ns: u64,
    /// Its cookie.
    pub cookie: Option<Cookie>,
}

/// A process was made that has copies of another's descriptors.
#[derive(Clone, Copy, Debug)]
pub struct ForkedEvent {
    /// CLOCK_MONOTONIC, ns.
    pub time_ns: u64,
    /// Who made it, by its id in the pid namespace of tcptrace.
    pub pid: Option<u32>,
}

/// A connection was accepted.
#[derive(Clone, Copy, Debug)]
pub struct AcceptedEvent {
    /// CLOCK_MONOTONIC, ns.
    pub time_ns: u64,
    /// Its cookie.
    pub cookie: Option<Cookie>,
    /// Who accepted it.
    pub owner: Owner,
    /// That is the traced command or one of its children.
    pub followed: bool,
}

/// A FIN was dropped.
#[derive(Clone, Copy, Debug)]
pub struct FinDroppedEvent {
    /// CLOCK_MONOTONIC, ns.
    pub time_ns: u64,
    /// Its addresses and ports.
    pub tuple: Tuple,
}

/// A SYN was sent.
#[derive(Clone, Copy, Debug)]
pub struct SynEvent {
    /// CLOCK_MONOTONIC, ns, to the microsecond.
    pub time_ns: u64,
    /// The socket's cookie.
    pub cookie: Option<Cookie>,
    /// Its addresses and ports.
    pub tuple: Tuple,
    /// How often it was sent before.
    pub retransmits: u8,
    /// Whether its port is asked for; where not, the kernel half tells no more of it.
    pub wanted: bool,
}
