//! `struct tcp_info` (include/uapi/linux/tcp.h), as far as it tells why a connection does not go
//! on. It grows at its end from kernel to kernel: what is not there is unknown.

use std::time::Duration;

use serde::{Deserialize, Serialize};

/// What the kernel tells of the progress of a full socket.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct TcpInfo {
    /// Retransmissions since the last acknowledgement that told something new.
    pub retransmits: u8,
    /// Window and keepalive probes since the last answer.
    pub probes: u8,
    /// How often the retransmission timeout, or the pause between window probes, was doubled.
    pub backoff: u8,
    /// The retransmission timeout, doubled as often as there were retransmissions.
    pub rto: Duration,
    /// Since data was sent last, or sent again.
    pub last_sent: Duration,
    /// Since the last ACK came; every segment after a SYN has one.
    pub last_ack: Duration,
    /// Bytes that were not sent yet, a FIN being one (Linux 4.6).
    pub unsent: Option<u32>,
    /// The peer's window, in bytes (Linux 5.4).
    pub window: Option<u32>,
    /// Since the first retransmission, while nothing new is acknowledged; `None` where it did not
    /// have to send again, or not for the first time (Linux 6.7).
    pub in_recovery: Option<Duration>,
}

impl TcpInfo {
    /// Reads it; `None` if it is cut off before the times.
    pub(super) fn read(bytes: &[u8]) -> Option<Self> {
        let word = |at: usize| -> Option<u32> {
            let word = bytes.get(at..at + 4)?;
            Some(u32::from_ne_bytes(word.try_into().ok()?))
        };
        Some(Self {
            retransmits: *bytes.get(2)?,
            probes: *bytes.get(3)?,
            backoff: *bytes.get(4)?,
            rto: Duration::from_micros(word(8)?.into()),
            last_sent: Duration::from_millis(word(44)?.into()),
            last_ack: Duration::from_millis(word(56)?.into()),
            unsent: word(144),
            window: word(228),
            in_recovery: word(240)
                // tcpi_total_rto_recoveries, behind tcpi_total_rto.
                .filter(|_| bytes[2] > 0 && bytes[242..244] == 1_u16.to_ne_bytes())
                .and_then(|_| Some(Duration::from_millis(word(244)?.into()))),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn bytes() -> Vec<u8> {
        let mut bytes = vec![0; 248];
        bytes[2..5].copy_from_slice(&[3, 1, 2]);
        for (at, value) in [
            (8, 816_000),
            (44, 99),
            (56, 1234),
            (144, 991),
            (228, 60_000),
        ] {
            bytes[at..at + 4].copy_from_slice(&u32::to_ne_bytes(value));
        }
        bytes
    }

    #[test]
    fn retransmissions_times_and_window_are_read() {
        assert_eq!(
            TcpInfo::read(&bytes()),
            Some(TcpInfo {
                retransmits: 3,
                probes: 1,
                backoff: 2,
                rto: Duration::from_millis(816),
                last_sent: Duration::from_millis(99),
                last_ack: Duration::from_millis(1234),
                unsent: Some(991),
                window: Some(60_000),
                in_recovery: None,
            })
        );
    }

    #[test]
    fn how_long_it_has_sent_again_is_known_the_first_time() {
        let mut bytes = bytes();
        bytes[242] = 1;
        bytes[244..248].copy_from_slice(&5000_u32.to_ne_bytes());
        let since = |bytes: &[u8]| TcpInfo::read(bytes).unwrap().in_recovery;
        assert_eq!(since(&bytes), Some(Duration::from_secs(5)));
        assert_eq!(since(&bytes[..244]), None, "an older kernel");
        bytes[2] = 0;
        assert_eq!(since(&bytes), None, "it is over");
        bytes[2] = 3;
        bytes[242] = 2;
        assert_eq!(since(&bytes), None, "all times together");
    }

    #[test]
    fn an_older_kernel_does_not_know_the_window() {
        let info = TcpInfo::read(&bytes()[..228]).unwrap();
        assert_eq!((info.unsent, info.window), (Some(991), None));
        let info = TcpInfo::read(&bytes()[..104]).unwrap();
        assert_eq!((info.unsent, info.window), (None, None));
        for length in 0..60 {
            assert_eq!(TcpInfo::read(&bytes()[..length]), None, "{length}");
        }
    }
}
