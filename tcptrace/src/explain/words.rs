//! Reasons, in words.

use crate::model::{Detail, Reason};

/// The columns of the longest words.
pub const WIDTH: usize = 14;

/// Why, in at most [`WIDTH`] columns.
#[must_use]
pub fn why(reason: Reason, detail: Option<Detail>) -> &'static str {
    match (reason, detail) {
        (_, Some(Detail::GivenUp)) => "given up",
        (_, Some(Detail::NoFreePort)) => "no free port",
        (_, Some(Detail::AddressInUse)) => "address in use",
        (_, Some(Detail::NothingSent)) => "nothing sent",
        (_, Some(Detail::ListenerGone)) => "listener gone",
        (_, Some(Detail::NetnsGone)) => "netns gone",
        (_, Some(Detail::SeenLate)) => "seen late",
        (_, Some(Detail::Icmp)) => "ICMP error",
        (_, Some(Detail::Repair)) => "in repair",
        (Reason::Listen, None) => "listening",
        (Reason::ListenerClosed, None) => "listen ended",
        (Reason::Connect, None) => "SYN sent",
        (Reason::SynReceived, None) => "SYN received",
        (Reason::SimultaneousOpen, None) => "SYNs crossed",
        (Reason::HandshakeComplete, None) => "handshake done",
        (Reason::FinSent, None) => "FIN sent",
        (Reason::FinReceived, None) => "FIN received",
        (Reason::FinAcked, None) => "FIN acked",
        (Reason::SimultaneousClose, None) => "FINs crossed",
        (Reason::Expired, None) => "expired",
        (Reason::ReusedBySyn, None) => "reused by SYN",
        (Reason::ReusedByConnect, None) => "reused by conn",
        (Reason::Overflow, None) => "TW overflow",
        (Reason::FinTimeout, None) => "no FIN came",
        (Reason::Refused, None) => "refused",
        (Reason::Unreachable, None) => "unreachable",
        (Reason::TimedOut, None) => "timed out",
        (Reason::KeepaliveTimeout, None) => "keepalive lost",
        (Reason::ResetByPeer, None) => "reset by peer",
        (Reason::ResetByUs, None) => "reset by us",
        (Reason::Killed, None) => "killed",
        (Reason::Unknown, None) => "unknown",
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::language::{self, Language};

    #[test]
    fn they_are_those_of_the_language() {
        let said = |reason, detail| language::why(reason, detail, Language::English);
        for reason in Reason::ALL {
            assert_eq!(why(reason, None), said(reason, None));
        }
        for detail in Detail::ALL {
            let reason = Reason::Unknown;
            assert_eq!(why(reason, Some(detail)), said(reason, Some(detail)));
        }
    }

    #[test]
    fn words_fit_their_column() {
        for reason in Reason::ALL {
            assert!(why(reason, None).len() <= WIDTH, "{reason}");
        }
        for detail in Detail::ALL {
            assert!(
                why(Reason::Unknown, Some(detail)).len() <= WIDTH,
                "{detail:?}"
            );
        }
    }
}
