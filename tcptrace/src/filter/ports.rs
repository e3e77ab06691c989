//! Sets of ports, as a user writes them: `80`, `80,443`, `8000-8099,443`.

use std::{num::NonZeroU16, str::FromStr};

const WORDS: usize = 65_536 / 64;

/// A set of ports.
#[derive(Clone, PartialEq, Eq)]
pub struct PortSet {
    /// One bit a port: asking costs the same for one port and for ten thousand.
    bits: Box<[u64; WORDS]>,
}

/// Not a set of ports.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum PortError {
    /// Not a number from 1 to 65535.
    #[error("'{0}' is no port: a port is a number from 1 to 65535, as in 80 or 8000-8099,443")]
    NotAPort(String),
    /// A range that ends before it begins.
    #[error("'{0}' is no range of ports: it ends before it begins")]
    Backwards(String),
}

impl PortSet {
    /// Whether a known port is in it.
    #[must_use]
    pub fn has(&self, port: Option<NonZeroU16>) -> bool {
        port.is_some_and(|port| {
            let port = usize::from(port.get());
            self.bits[port / 64] >> (port % 64) & 1 == 1
        })
    }

    /// The words of the bitmap that are not zero, with their index.
    pub fn words(&self) -> impl Iterator<Item = (u32, u64)> + '_ {
        (0..)
            .zip(self.bits.iter().copied())
            .filter(|(_, bits)| *bits != 0)
    }

    /// The ports, in ascending order.
    pub fn iter(&self) -> impl Iterator<Item = u16> + '_ {
        (1..=u16::MAX).filter(|port| self.has(NonZeroU16::new(*port)))
    }
}

impl std::fmt::Debug for PortSet {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_set().entries(self.iter()).finish()
    }
}

impl FromStr for PortSet {
    type Err = PortError;

    fn from_str(given: &str) -> Result<Self, Self::Err> {
        let mut bits = Box::new([0; WORDS]);
        for part in given.split(',') {
            let (first, last) = part.split_once('-').unwrap_or((part, part));
            let (first, last) = (port(first)?, port(last)?);
            if first > last {
                return Err(PortError::Backwards(part.escape_default().to_string()));
            }
            for port in first..=last {
                bits[usize::from(port) / 64] |= 1 << (port % 64);
            }
        }
        Ok(Self { bits })
    }
}

fn port(given: &str) -> Result<u16, PortError> {
    given
        .trim()
        .parse()
        .ok()
        .filter(|port| *port != 0)
        .ok_or_else(|| PortError::NotAPort(given.escape_default().to_string()))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ports(given: &str) -> Vec<u16> {
        given.parse::<PortSet>().unwrap().iter().collect()
    }

    #[test]
    fn lists_and_ranges_are_understood() {
        assert_eq!(ports("80"), [80]);
        assert_eq!(ports("443,80"), [80, 443]);
        assert_eq!(ports("8000-8002,1,65535"), [1, 8000, 8001, 8002, 65535]);
        assert_eq!(ports("1-65535").len(), 65_535);
    }

    #[test]
    fn what_is_no_port_is_refused() {
        for wrong in ["", "0", "65536", "-1", "80,", "http", "90-80", "1-", "0x50"] {
            assert!(wrong.parse::<PortSet>().is_err(), "{wrong:?}");
        }
    }
}
