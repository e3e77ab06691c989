//! Whether a connection was short, or kept and reused.

use crate::model::{Measured, Tuple};

/// So many requests make a connection short, at the most.
const FEW: u32 = 2;
/// The segments of a TLS handshake and of its end that each side sends at least.
const TLS_SEGMENTS: u32 = 3;
/// Ports on which IANA or everybody expects TLS from the first byte.
const TLS_PORTS: [u16; 14] = [
    443, 465, 636, 853, 989, 990, 993, 995, 5061, 5671, 6443, 8443, 8883, 9443,
];
/// A connection that was open for so long was kept, whatever it was used for: 60 s.
const KEPT_NS: u64 = 60_000_000_000;

/// How a connection was used. There is no count of requests in the kernel; but each request and
/// each answer takes a segment with data at least, so there were no more of them than the side
/// that sent fewer segments sent.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Length {
    /// A request or two at the most, and closed within a minute.
    Short,
    /// Kept, and reused.
    Long,
}

impl Length {
    /// Both.
    pub const ALL: [Self; 2] = [Self::Short, Self::Long];

    /// Tells it from what the connection did until its first side closed, and for how long it was
    /// ESTABLISHED (ns). `None` when that began before tracing did, and it may have been short.
    pub(crate) fn of(did: &Measured, tuple: &Tuple, established_ns: Option<u64>) -> Option<Self> {
        // data_segs_out counts what was sent again, too: __tcp_transmit_skb().
        let sent = did.data_segments_sent.saturating_sub(did.retransmits);
        let tls = [tuple.local, tuple.remote]
            .iter()
            .any(|end| TLS_PORTS.contains(&end.port_or_zero()));
        let overhead = if tls { TLS_SEGMENTS } else { 0 };
        if sent.min(did.data_segments_received) > FEW + overhead {
            return Some(Self::Long);
        }
        Some(match established_ns? {
            0..KEPT_NS => Self::Short,
            _ => Self::Long,
        })
    }

    /// The name in JSON and CSV.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Short => "short",
            Self::Long => "long",
        }
    }
}

#[cfg(test)]
mod tests {
    use std::net::{IpAddr, Ipv4Addr};

    use super::*;
    use crate::model::Endpoint;

    fn length(segments: (u32, u32), port: u16, established_s: Option<u64>) -> Option<Length> {
        let did = Measured {
            data_segments_sent: segments.0,
            data_segments_received: segments.1,
            ..Measured::default()
        };
        let end = |port| Endpoint::new(IpAddr::V4(Ipv4Addr::LOCALHOST), port);
        let tuple = Tuple {
            netns: 1,
            link: None,
            local: end(40_000),
            remote: end(port),
        };
        Length::of(&did, &tuple, established_s.map(|s| s * 1_000_000_000))
    }

    #[test]
    fn a_request_or_two_are_short_however_large_the_answer() {
        assert_eq!(length((0, 0), 80, Some(1)), Some(Length::Short));
        assert_eq!(length((2, 9000), 80, Some(5)), Some(Length::Short));
        assert_eq!(length((3, 3), 80, Some(5)), Some(Length::Long));
    }

    #[test]
    fn the_handshake_of_tls_is_no_request() {
        assert_eq!(length((5, 8), 443, Some(1)), Some(Length::Short));
        assert_eq!(length((6, 8), 443, Some(1)), Some(Length::Long));
    }

    #[test]
    fn what_stays_open_was_kept_and_what_is_older_than_the_trace_may_have_been() {
        assert_eq!(length((1, 9000), 80, Some(60)), Some(Length::Long));
        assert_eq!(length((1, 1), 80, None), None);
        assert_eq!(length((100, 100), 80, None), Some(Length::Long));
    }

    #[test]
    fn what_is_sent_again_is_no_request() {
        let did = Measured {
            data_segments_sent: 5,
            retransmits: 4,
            data_segments_received: 9,
            ..Measured::default()
        };
        let end = Endpoint::new(IpAddr::V4(Ipv4Addr::LOCALHOST), 80);
        let tuple = Tuple {
            netns: 1,
            link: None,
            local: end,
            remote: end,
        };
        assert_eq!(Length::of(&did, &tuple, Some(1)), Some(Length::Short));
    }
}
