//! The ports of a network namespace.

use std::net::IpAddr;

use serde::{Deserialize, Serialize};

/// When connect() takes the port of a TIME_WAIT over: `tcp_twsk_unique()`, net/ipv4/tcp_ipv4.c.
/// That the peer sends timestamps is taken for granted.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Reuse {
    /// For which destinations.
    scope: ReuseScope,
    /// How old a TIME_WAIT must be: ns.
    delay_ns: u64,
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
enum ReuseScope {
    #[default]
    Nowhere,
    Loopback,
    Everywhere,
}

impl Reuse {
    /// Reads the texts of tcp_tw_reuse, tcp_timestamps and tcp_tw_reuse_delay (ms; not there
    /// before 6.14, when it is a second).
    #[must_use]
    pub fn parse(reuse: &str, timestamps: &str, delay: Option<&str>) -> Self {
        let number = |text: &str| text.trim().parse::<u64>().ok();
        let scope = match number(reuse) {
            _ if number(timestamps) == Some(0) => ReuseScope::Nowhere,
            Some(1) => ReuseScope::Everywhere,
            Some(2) => ReuseScope::Loopback,
            _ => ReuseScope::Nowhere,
        };
        let delay_ms = delay.and_then(number).unwrap_or(1000);
        Self {
            scope,
            delay_ns: delay_ms.saturating_mul(1_000_000),
        }
    }

    /// How old a TIME_WAIT between two addresses must be, ns; `None`: it lasts until it is over.
    #[must_use]
    pub fn after(&self, local: IpAddr, remote: IpAddr) -> Option<u64> {
        let reused = match self.scope {
            ReuseScope::Nowhere => false,
            ReuseScope::Loopback => local.is_loopback() || remote.is_loopback(),
            ReuseScope::Everywhere => true,
        };
        reused.then_some(self.delay_ns)
    }
}

/// The ports that connect() chooses from: ip_local_port_range less ip_local_reserved_ports.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct PortRange {
    /// The first.
    pub first: u16,
    /// The last.
    pub last: u16,
    /// How many of them are not reserved.
    pub available: u32,
    /// When those of TIME_WAITs come back.
    pub reuse: Reuse,
}

impl PortRange {
    /// Reads the texts of ip_local_port_range (`32768 60999`) and ip_local_reserved_ports
    /// (`8080,9000-9099`, or nothing).
    #[must_use]
    pub fn parse(range: &str, reserved: &str) -> Option<Self> {
        let mut ends = range.split_whitespace().map(str::parse);
        let (first, last): (u16, u16) = (ends.next()?.ok()?, ends.next()?.ok()?);
        let mut taken_out = 0;
        for part in reserved.trim().split(',').filter(|part| !part.is_empty()) {
            let (from, to) = part.split_once('-').unwrap_or((part, part));
            let (from, to): (u16, u16) = (from.parse().ok()?, to.parse().ok()?);
            // The kernel shows them in order, each once.
            let within = from.max(first)..=to.min(last);
            taken_out += u32::try_from(within.count()).ok()?;
        }
        let all = u32::from(last.checked_sub(first)?) + 1;
        Some(Self {
            first,
            last,
            available: all.checked_sub(taken_out)?,
            reuse: Reuse::default(),
        })
    }

    /// Whether a port is one of them, reserved or not.
    #[must_use]
    pub fn contains(&self, port: u16) -> bool {
        (self.first..=self.last).contains(&port)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reserved_ports_are_not_available() {
        let range = |reserved| PortRange::parse("32768\t60999\n", reserved);
        assert_eq!(range("\n").unwrap().available, 28_232);
        assert_eq!(range("80,40000,50000-50009\n").unwrap().available, 28_221);
        assert_eq!(range("60990-65535\n").unwrap().available, 28_222);
        assert_eq!(PortRange::parse("", ""), None);
        assert_eq!(PortRange::parse("5 4", ""), None);
    }

    #[test]
    fn time_waits_are_reused_as_tcp_tw_reuse_says() {
        let after = |reuse, timestamps, delay, addr: &str| {
            let remote = addr.parse().unwrap();
            Reuse::parse(reuse, timestamps, delay).after("10.0.0.1".parse().unwrap(), remote)
        };
        let second = Some(1_000_000_000);
        assert_eq!(after("2\n", "1", None, "127.0.0.9"), second);
        assert_eq!(after("2", "1", None, "10.0.0.2"), None);
        assert_eq!(
            after("1", "1", Some("200\n"), "10.0.0.2"),
            Some(200_000_000)
        );
        assert_eq!(after("1", "0", None, "127.0.0.1"), None);
        assert_eq!(after("0", "1", None, "127.0.0.1"), None);
    }
}
