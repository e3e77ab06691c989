//! Why a transition happened.

use std::fmt;

use serde::{Deserialize, Serialize};

use super::State;

/// Why a transition happened; the names are part of the interface.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Reason {
    /// listen() was called.
    Listen,
    /// The listener was closed. Also the end of a half-open connection whose listener is gone.
    ListenerClosed,
    /// connect() was called.
    Connect,
    /// A SYN arrived at a listener.
    SynReceived,
    /// Both sides sent a SYN, and they crossed.
    SimultaneousOpen,
    /// The three-way handshake is done.
    HandshakeComplete,
    /// The application closed, or shut its sending side down.
    FinSent,
    /// The peer's FIN arrived.
    FinReceived,
    /// The peer acknowledged our FIN.
    FinAcked,
    /// Both sides sent a FIN, and they crossed.
    SimultaneousClose,
    /// TIME_WAIT was over.
    Expired,
    /// A new connection from the peer took the place of a TIME_WAIT.
    ReusedBySyn,
    /// A new connection to the peer took the place of a TIME_WAIT.
    ReusedByConnect,
    /// TIME_WAIT was skipped: there are too many of them.
    Overflow,
    /// An orphan's FIN_WAIT2 was over, and the peer's FIN never came.
    FinTimeout,
    /// The peer answered the SYN by RST.
    Refused,
    /// ICMP says that there is no way to the peer.
    Unreachable,
    /// The peer did not answer; retransmissions were used up.
    TimedOut,
    /// The peer did not answer keepalive probes.
    KeepaliveTimeout,
    /// The peer sent an RST.
    ResetByPeer,
    /// We sent an RST.
    ResetByUs,
    /// `ss -K`, or the network namespace went.
    Killed,
    /// None of these could be told.
    Unknown,
}

impl Reason {
    /// All of them.
    pub const ALL: [Self; 23] = [
        Self::Listen,
        Self::ListenerClosed,
        Self::Connect,
        Self::SynReceived,
        Self::SimultaneousOpen,
        Self::HandshakeComplete,
        Self::FinSent,
        Self::FinReceived,
        Self::FinAcked,
        Self::SimultaneousClose,
        Self::Expired,
        Self::ReusedBySyn,
        Self::ReusedByConnect,
        Self::Overflow,
        Self::FinTimeout,
        Self::Refused,
        Self::Unreachable,
        Self::TimedOut,
        Self::KeepaliveTimeout,
        Self::ResetByPeer,
        Self::ResetByUs,
        Self::Killed,
        Self::Unknown,
    ];

    /// The name in JSON, CSV and scenario files.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Listen => "listen",
            Self::ListenerClosed => "listener_closed",
            Self::Connect => "connect",
            Self::SynReceived => "syn_received",
            Self::SimultaneousOpen => "simultaneous_open",
            Self::HandshakeComplete => "handshake_complete",
            Self::FinSent => "fin_sent",
            Self::FinReceived => "fin_received",
            Self::FinAcked => "fin_acked",
            Self::SimultaneousClose => "simultaneous_close",
            Self::Expired => "expired",
            Self::ReusedBySyn => "reused_by_syn",
            Self::ReusedByConnect => "reused_by_connect",
            Self::Overflow => "overflow",
            Self::FinTimeout => "fin_timeout",
            Self::Refused => "refused",
            Self::Unreachable => "unreachable",
            Self::TimedOut => "timed_out",
            Self::KeepaliveTimeout => "keepalive_timeout",
            Self::ResetByPeer => "reset_by_peer",
            Self::ResetByUs => "reset_by_us",
            Self::Killed => "killed",
            Self::Unknown => "unknown",
        }
    }
}

impl fmt::Display for Reason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

/// More than the reason, where more is known. Part of the interface like the reasons.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Detail {
    /// The application closed before an answer to its SYN came.
    GivenUp,
    /// connect() found no free local port: EADDRNOTAVAIL.
    NoFreePort,
    /// bind() gave a port that another connection to the same place has: EADDRNOTAVAIL.
    AddressInUse,
    /// Its SYN was never sent: connect() was put off to a first write that did not come
    /// (TCP_FASTOPEN_CONNECT), or failed before.
    NothingSent,
    /// The listener that the half-open connection belonged to was closed.
    ListenerGone,
    /// The network namespace was taken down.
    NetnsGone,
    /// It happened some time before, and nothing told of it then.
    SeenLate,
    /// A router or a firewall said by ICMP that packets don't arrive.
    Icmp,
    /// The socket was in repair (TCP_REPAIR, as for a container that moves): it went without a
    /// word to its peer.
    Repair,
}

impl Detail {
    /// All of them.
    pub const ALL: [Self; 9] = [
        Self::GivenUp,
        Self::NoFreePort,
        Self::AddressInUse,
        Self::NothingSent,
        Self::ListenerGone,
        Self::NetnsGone,
        Self::SeenLate,
        Self::Icmp,
        Self::Repair,
    ];

    /// The name in JSON and CSV.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::GivenUp => "given_up",
            Self::NoFreePort => "no_free_port",
            Self::AddressInUse => "address_in_use",
            Self::NothingSent => "nothing_sent",
            Self::ListenerGone => "listener_gone",
            Self::NetnsGone => "netns_gone",
            Self::SeenLate => "seen_late",
            Self::Icmp => "icmp",
            Self::Repair => "repair",
        }
    }
}

/// Which side.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Side {
    /// This one.
    Local,
    /// The peer.
    Remote,
}

impl Side {
    /// Both.
    pub const ALL: [Self; 2] = [Self::Local, Self::Remote];

    /// The name in JSON and CSV.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Local => "local",
            Self::Remote => "remote",
        }
    }
}

/// Who sent the first FIN or RST.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Closer {
    /// This side.
    Local,
    /// The peer.
    Remote,
    /// Both, before either saw the other's.
    Both,
}

impl Closer {
    /// All of them.
    pub const ALL: [Self; 3] = [Self::Local, Self::Remote, Self::Both];

    /// Who it was, as the state alone shows, however the connection came into it; `None`: it does
    /// not. tcp_fin(), net/ipv4/tcp_input.c, and tcp_close_state(), net/ipv4/tcp.c, go by RFC 9293.
    #[must_use]
    pub const fn shown_by(state: State) -> Option<Self> {
        match state {
            State::FinWait1 | State::FinWait2 => Some(Self::Local),
            State::CloseWait | State::LastAck => Some(Self::Remote),
            State::Closing => Some(Self::Both),
            // TIME_WAIT: this side, or both.
            State::Closed
            | State::Listen
            | State::SynSent
            | State::SynRecv
            | State::Established
            | State::TimeWait => None,
        }
    }

    /// The name in JSON and CSV.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Local => "local",
            Self::Remote => "remote",
            Self::Both => "both",
        }
    }
}

impl From<Side> for Closer {
    fn from(side: Side) -> Self {
        match side {
            Side::Local => Self::Local,
            Side::Remote => Self::Remote,
        }
    }
}
