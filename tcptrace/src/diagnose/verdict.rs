//! Why a connection does not go on, by name.

use std::fmt;

/// Why a connection does not go on; the names are part of the interface.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Verdict {
    /// SYN_SENT: nobody answers the SYN.
    NoAnswer,
    /// SYN_SENT: connect() was put off to the first write, which does not come
    /// (TCP_FASTOPEN_CONNECT).
    NotSent,
    /// SYN_RECV: the third segment of the handshake does not come.
    HalfOpen,
    /// SYN_RECV: the listener has no room for it, as its program does not accept.
    AcceptQueueFull,
    /// SYN_RECV: connected, and the listener waits for data (TCP_DEFER_ACCEPT).
    DataAwaited,
    /// ESTABLISHED: data is unacknowledged, and nothing comes from the peer.
    PeerSilent,
    /// FIN_WAIT1, LAST_ACK, CLOSING: the peer does not acknowledge. ESTABLISHED: nor there, though
    /// it is heard.
    NotAcked,
    /// ESTABLISHED, FIN_WAIT1, LAST_ACK, CLOSING: the peer's window is closed, its program does
    /// not read.
    ZeroWindow,
    /// FIN_WAIT1, LAST_ACK, CLOSING: data in front of the FIN is still on its way. CLOSE_WAIT: the
    /// process still sends, and the peer reads.
    StillSending,
    /// FIN_WAIT2 of an orphan: the peer has not closed.
    FinAwaited,
    /// FIN_WAIT2 that a process has: shutdown() and no close().
    HalfClosed,
    /// CLOSE_WAIT: the process has read everything, and has not closed. CLOSED: it is over, and
    /// the process has not closed.
    NotClosed,
    /// CLOSE_WAIT: the process does not read.
    NotRead,
    /// CLOSE_WAIT: no process has accepted it.
    NotAccepted,
}

impl Verdict {
    /// All of them.
    pub const ALL: [Self; 14] = [
        Self::NoAnswer,
        Self::NotSent,
        Self::HalfOpen,
        Self::AcceptQueueFull,
        Self::DataAwaited,
        Self::PeerSilent,
        Self::NotAcked,
        Self::ZeroWindow,
        Self::StillSending,
        Self::FinAwaited,
        Self::HalfClosed,
        Self::NotClosed,
        Self::NotRead,
        Self::NotAccepted,
    ];

    /// The name in JSON, CSV and scenario files.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::NoAnswer => "no_answer",
            Self::NotSent => "not_sent",
            Self::HalfOpen => "half_open",
            Self::AcceptQueueFull => "accept_queue_full",
            Self::DataAwaited => "data_awaited",
            Self::PeerSilent => "peer_silent",
            Self::NotAcked => "not_acked",
            Self::ZeroWindow => "zero_window",
            Self::StillSending => "still_sending",
            Self::FinAwaited => "fin_awaited",
            Self::HalfClosed => "half_closed",
            Self::NotClosed => "not_closed",
            Self::NotRead => "not_read",
            Self::NotAccepted => "not_accepted",
        }
    }
}

impl fmt::Display for Verdict {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}
