//! The eleven states.

use std::{error::Error, fmt, str::FromStr};

use serde::{Deserialize, Serialize};

/// A state of a TCP connection, named as netstat does.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum State {
    /// No connection.
    Closed,
    /// Waits for connections.
    Listen,
    /// A SYN was sent.
    SynSent,
    /// A SYN was received and answered.
    SynRecv,
    /// Data can flow.
    Established,
    /// A FIN was sent.
    FinWait1,
    /// The FIN was acknowledged; the peer's is awaited.
    FinWait2,
    /// Closed on both sides; waits until no old segment can be on its way.
    TimeWait,
    /// The peer's FIN was received; the application has not closed.
    CloseWait,
    /// Closed after the peer; the last acknowledgement is awaited.
    LastAck,
    /// Both FINs crossed; the acknowledgement of ours is awaited.
    Closing,
}

impl State {
    /// All, in the order of a connection's life.
    pub const ALL: [Self; 11] = [
        Self::Closed,
        Self::Listen,
        Self::SynSent,
        Self::SynRecv,
        Self::Established,
        Self::FinWait1,
        Self::FinWait2,
        Self::TimeWait,
        Self::CloseWait,
        Self::LastAck,
        Self::Closing,
    ];

    /// Reads the kernel's number (include/net/tcp_states.h). TCP_NEW_SYN_RECV, 12, is SYN_RECV to
    /// a user; so is TCP_BOUND_INACTIVE, 13, CLOSED.
    #[must_use]
    pub fn from_kernel(number: u8) -> Option<Self> {
        Some(match number {
            1 => Self::Established,
            2 => Self::SynSent,
            3 | 12 => Self::SynRecv,
            4 => Self::FinWait1,
            5 => Self::FinWait2,
            6 => Self::TimeWait,
            7 | 13 => Self::Closed,
            8 => Self::CloseWait,
            9 => Self::LastAck,
            10 => Self::Listen,
            11 => Self::Closing,
            _ => return None,
        })
    }

    /// The kernel's number of it (include/net/tcp_states.h): what [`from_kernel`](Self::from_kernel)
    /// reads.
    #[must_use]
    pub const fn to_kernel(self) -> u8 {
        match self {
            Self::Established => 1,
            Self::SynSent => 2,
            Self::SynRecv => 3,
            Self::FinWait1 => 4,
            Self::FinWait2 => 5,
            Self::TimeWait => 6,
            Self::Closed => 7,
            Self::CloseWait => 8,
            Self::LastAck => 9,
            Self::Listen => 10,
            Self::Closing => 11,
        }
    }

    /// The name, as netstat users know it.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Closed => "CLOSED",
            Self::Listen => "LISTEN",
            Self::SynSent => "SYN_SENT",
            Self::SynRecv => "SYN_RECV",
            Self::Established => "ESTABLISHED",
            Self::FinWait1 => "FIN_WAIT1",
            Self::FinWait2 => "FIN_WAIT2",
            Self::TimeWait => "TIME_WAIT",
            Self::CloseWait => "CLOSE_WAIT",
            Self::LastAck => "LAST_ACK",
            Self::Closing => "CLOSING",
        }
    }
}

impl fmt::Display for State {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.name())
    }
}

/// Not the name of a state.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct UnknownState(String);

impl fmt::Display for UnknownState {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let names = State::ALL.map(State::name).join(" ");
        write!(f, "'{}' is no TCP state; the states are {names}", self.0)
    }
}

impl Error for UnknownState {}

impl FromStr for State {
    type Err = UnknownState;

    /// Takes any case and the usual spellings: `fin-wait-2`, `FIN_WAIT_2`, `syn-recv`,
    /// `SYN_RECEIVED`, `close`, `estab`.
    fn from_str(given: &str) -> Result<Self, Self::Err> {
        let plain: String = given
            .chars()
            .filter(|c| !matches!(c, '-' | '_' | ' '))
            .flat_map(char::to_uppercase)
            .collect();
        Ok(match plain.as_str() {
            "CLOSED" | "CLOSE" => Self::Closed,
            "LISTEN" | "LISTENING" => Self::Listen,
            "SYNSENT" => Self::SynSent,
            "SYNRECV" | "SYNRECEIVED" | "SYNRCVD" | "NEWSYNRECV" => Self::SynRecv,
            "ESTABLISHED" | "ESTAB" => Self::Established,
            "FINWAIT1" => Self::FinWait1,
            "FINWAIT2" => Self::FinWait2,
            "TIMEWAIT" => Self::TimeWait,
            "CLOSEWAIT" => Self::CloseWait,
            "LASTACK" => Self::LastAck,
            "CLOSING" => Self::Closing,
            _ => return Err(UnknownState(given.escape_default().to_string())),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn usual_spellings_are_understood() {
        for (spelling, state) in [
            ("fin-wait-2", State::FinWait2),
            ("FIN_WAIT_2", State::FinWait2),
            ("FIN_WAIT2", State::FinWait2),
            ("syn-recv", State::SynRecv),
            ("SYN_RECEIVED", State::SynRecv),
            ("close", State::Closed),
            ("estab", State::Established),
            ("Time-Wait", State::TimeWait),
        ] {
            assert_eq!(spelling.parse(), Ok(state), "{spelling}");
        }
        for state in State::ALL {
            assert_eq!(state.name().parse(), Ok(state));
            assert_eq!(state.to_string(), state.name());
        }
        assert!("ESTABLISH".parse::<State>().is_err());
    }
}
