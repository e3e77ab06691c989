//! A connection, from its first transition to its last.

use crate::model::{
    Closer, Cookie, Detail, Length, Measured, Owner, Reason, Side, State, Transition, Tuple,
};

/// A state that a connection was in.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct PathStep {
    /// The state.
    pub state: State,
    /// For how long, ns; `None` when unknown or not over.
    pub ns: Option<u64>,
    /// Why it came into it; `None`: unknown, as that was before tracing began, or was lost.
    pub why: Option<Reason>,
}

/// How a connection ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum FlowEnd {
    /// By a FIN of each side.
    Graceful,
    /// By something else.
    Reason(Reason),
}

impl FlowEnd {
    /// The end that a transition is of a connection; `None` if it goes on. What ends a TIME_WAIT
    /// is no end: the connection left the application's hands before.
    #[must_use]
    pub fn of(it: &Transition) -> Option<Self> {
        match (it.from, it.to, it.reason) {
            (State::TimeWait | State::Listen, State::Closed, _) => None,
            (_, State::TimeWait, _) | (State::LastAck, State::Closed, Reason::FinAcked) => {
                Some(Self::Graceful)
            }
            (_, State::Closed, reason) => Some(Self::Reason(reason)),
            _ => None,
        }
    }

    /// The name in JSON and CSV: `graceful`, or the reason.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Graceful => "graceful",
            Self::Reason(reason) => reason.name(),
        }
    }
}

/// One connection.
#[derive(Clone, Debug)]
pub struct FlowRecord {
    /// `None` for a half-open connection that never got a socket.
    pub cookie: Option<Cookie>,
    /// Its addresses and ports.
    pub tuple: Tuple,
    /// Who had it last.
    pub owner: Owner,
    /// It is of the traced command, or of one of its children.
    pub followed: bool,
    /// Who opened it; `None`: unknown.
    pub opener: Option<Side>,
    /// Who sent the first FIN or RST; `None`: nobody did, or unknown.
    pub closer: Option<Closer>,
    /// Whether it was short or kept; `None`: unknown, or not closed.
    pub length: Option<Length>,
    /// When it left CLOSED or LISTEN: CLOCK_MONOTONIC, ns; `None`: before tracing began.
    pub opened_ns: Option<u64>,
    /// When it left the application's hands (came to TIME_WAIT or CLOSED): CLOCK_MONOTONIC, ns;
    /// `None`: it has not.
    pub closed_ns: Option<u64>,
    /// When the last thing happened that is told here: CLOCK_MONOTONIC, ns.
    pub time_ns: u64,
    /// The states that it was in, in order.
    pub path: Vec<PathStep>,
    /// How it ended; `None`: it has not.
    pub end: Option<FlowEnd>,
    /// More about how it ended, where more is known.
    pub detail: Option<Detail>,
    /// What ended its TIME_WAIT; `None`: there was none, or it is not over.
    pub time_wait_end: Option<Reason>,
    /// How long it was in SYN_SENT before its SYN was sent, ns; `None`: it was not, or unknown.
    pub unsent_ns: Option<u64>,
    /// Segments sent again, as it was told last; `None`: it was not told.
    pub resent: Option<u32>,
    /// What it did, as it was told last; `None`: it was not told.
    pub measured: Option<Measured>,
    /// Our FIN is among the bytes acknowledged that `measured` has.
    pub fin_acked: bool,
    /// The peer's FIN is not among the bytes received that `measured` has: it came in a SYN or
    /// SYN+ACK (tcp_fastopen_add_skb(), net/ipv4/tcp_fastopen.c).
    pub fin_uncounted: bool,
    /// What it had done when its first side closed; `None`: none has, or it was not told.
    pub at_close: Option<Measured>,
    /// SO_KEEPALIVE is on; `None`: unknown.
    pub keepalive: Option<bool>,
}

impl FlowRecord {
    /// How long it was in a state, all stays together, ns; `None`: never, unknown, or not over.
    #[must_use]
    pub fn time_in(&self, state: State) -> Option<u64> {
        let mut stays = self
            .path
            .iter()
            .filter(|stay| stay.state == state)
            .peekable();
        stays.peek()?;
        stays.map(|stay| stay.ns).sum()
    }

    /// Whether it went through a state.
    #[must_use]
    pub fn went_through(&self, state: State) -> bool {
        self.path.iter().any(|stay| stay.state == state)
    }

    /// The handshake, ns: first SYN to SYN+ACK for who opened it, SYN to ACK for the other side;
    /// `None`: it was not completed, or is not known from its beginning.
    #[must_use]
    pub fn handshake_ns(&self) -> Option<u64> {
        let phase = [State::SynSent, State::SynRecv];
        if !self.went_through(State::Established) {
            return None;
        }
        let held = self.sum(|state| phase.contains(&state))?;
        match self.went_through(State::SynSent) {
            true => Some(held.saturating_sub(self.unsent_ns?)),
            false => Some(held),
        }
    }

    /// From the first FIN to the end, or to TIME_WAIT, ns; `None`: there was none, unknown, or not
    /// over.
    #[must_use]
    pub fn teardown_ns(&self) -> Option<u64> {
        self.sum(|state| {
            matches!(
                state,
                State::FinWait1
                    | State::FinWait2
                    | State::Closing
                    | State::CloseWait
                    | State::LastAck
            )
        })
    }

    /// From the first transition until it left the application's hands, ns; `None`: it began before
    /// tracing did, or has not.
    #[must_use]
    pub fn total_ns(&self) -> Option<u64> {
        Some(self.closed_ns?.saturating_sub(self.opened_ns?))
    }

    /// Whether it is known from its beginning.
    #[must_use]
    pub fn is_complete(&self) -> bool {
        self.opened_ns.is_some()
    }

    /// Data sent and acknowledged, bytes; `None`: unknown, or not over.
    ///
    /// `bytes_acked` counts the SYN of who opened the connection, and the FIN once it is
    /// acknowledged (tcp_snd_una_update(), net/ipv4/tcp_input.c).
    #[must_use]
    pub fn bytes_sent(&self) -> Option<u64> {
        // The SYN comes first: where anything is acknowledged, it is.
        let syn = match self.opener? {
            Side::Local => 1,
            Side::Remote => 0,
        };
        let fin = u64::from(self.fin_acked);
        self.last_measured()
            .map(|measured| measured.bytes_acked.saturating_sub(syn + fin))
    }

    /// Data received, bytes; `None`: unknown, or not over. `bytes_received` counts the FIN, if a full socket got it
    /// (tcp_rcv_nxt_update(), net/ipv4/tcp_input.c).
    #[must_use]
    pub fn bytes_received(&self) -> Option<u64> {
        self.last_measured().map(|measured| {
            measured
                .bytes_received
                .saturating_sub(u64::from(measured.fin_received && !self.fin_uncounted))
        })
    }

    /// Segments sent again; `None`: unknown, or not over.
    #[must_use]
    pub fn retransmits(&self) -> Option<u32> {
        self.resent.filter(|_| self.end.is_some())
    }

    /// The smoothed round-trip time, µs; `None` when it was never measured.
    #[must_use]
    pub fn srtt_us(&self) -> Option<u32> {
        self.last_measured()
            .map(|measured| measured.srtt_us_8 / 8)
            .filter(|us| *us > 0)
    }

    /// How long neither side had sent data when the first one closed, in jiffies; `None`: neither
    /// has closed, or unknown.
    #[must_use]
    pub fn idle_jiffies(&self) -> Option<u32> {
        let it = self.at_close?;
        let since = |then: u32| it.now.wrapping_sub(then);
        Some(since(it.last_sent).min(since(it.last_received)))
    }

    /// What it did in all. As long as it is not over, the kernel goes on counting, without a word.
    fn last_measured(&self) -> Option<Measured> {
        self.measured.filter(|_| self.end.is_some())
    }

    fn sum(&self, in_phase: impl Fn(State) -> bool) -> Option<u64> {
        let mut stays = self
            .path
            .iter()
            .filter(|stay| in_phase(stay.state))
            .peekable();
        stays.peek()?;
        stays.map(|stay| stay.ns).sum()
    }
}
