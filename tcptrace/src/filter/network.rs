//! Networks of addresses, as a user writes them: `10.0.0.1`, `10.0.0.0/8`, `2001:db8::/32`,
//! `fe80::1%eth0`.

use std::net::IpAddr;

use ipnet::IpNet;

use crate::model::{Link, Tuple};

/// Not an address or prefix.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error(
    "it takes an address or a prefix, as in 10.0.0.1, 10.0.0.0/8, 2001:db8::/32 or fe80::1%eth0"
)]
pub struct NetworkError;

/// Addresses that are asked for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Network {
    /// The addresses.
    pub net: IpNet,
    /// Only where one of these interfaces, each with its network namespace, is a part of the
    /// identity.
    pub links: Option<Vec<(u32, Link)>>,
}

impl Network {
    /// Whether an address of a connection is among them.
    pub(super) fn has(&self, addr: IpAddr, tuple: &Tuple) -> bool {
        let on = |links: &[(u32, Link)]| {
            tuple
                .link
                .is_some_and(|link| links.contains(&(tuple.netns, link)))
        };
        self.net.contains(&addr) && self.links.as_deref().is_none_or(on)
    }
}

impl From<IpNet> for Network {
    fn from(net: IpNet) -> Self {
        Self { net, links: None }
    }
}

/// A network as a user writes it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct WrittenNetwork {
    /// The addresses.
    pub net: IpNet,
    /// The interface, by name or index: `fe80::1%eth0`, `fe80::%2/64`.
    pub link: Option<String>,
}

/// Reads a network with or without an interface.
///
/// # Errors
/// [`NetworkError`] for anything else.
pub fn written_network(given: &str) -> Result<WrittenNetwork, NetworkError> {
    let Some((addr, rest)) = given.split_once('%') else {
        let net = network(given)?;
        return Ok(WrittenNetwork { net, link: None });
    };
    // RFC 4007, 11.7: the zone stands before the prefix; behind it is as clear. No interface has a
    // / in its name.
    let (link, prefix) = match rest.split_once('/') {
        Some((link, prefix)) => (link, Some(prefix)),
        None => (rest, None),
    };
    if link.is_empty() {
        return Err(NetworkError);
    }
    let net = match prefix {
        Some(prefix) => network(&format!("{addr}/{prefix}"))?,
        None => network(addr)?,
    };
    let link = Some(link.to_owned());
    Ok(WrittenNetwork { net, link })
}

/// Reads a network, or an address as the network of that one alone. Bits behind the prefix are
/// dropped. IPv4-mapped addresses are shown as IPv4, and so are asked for.
///
/// # Errors
/// [`NetworkError`] for anything else.
pub fn network(given: &str) -> Result<IpNet, NetworkError> {
    let net: IpNet = given
        .parse()
        .or_else(|_| given.parse::<IpAddr>().map(IpNet::from))
        .map_err(|_| NetworkError)?;
    if let IpNet::V6(v6) = net
        && v6.prefix_len() >= 96
        && let Some(v4) = v6.addr().to_ipv4_mapped()
    {
        let v4 = IpNet::new(v4.into(), v6.prefix_len() - 96).map_err(|_| NetworkError)?;
        return Ok(v4.trunc());
    }
    Ok(net.trunc())
}

#[cfg(test)]
mod tests {
    use super::{network, written_network};

    #[test]
    fn addresses_and_prefixes_are_understood() {
        for (given, shown) in [
            ("10.0.0.1", "10.0.0.1/32"),
            ("10.1.2.3/8", "10.0.0.0/8"),
            ("2001:db8::1/32", "2001:db8::/32"),
            ("::ffff:10.1.2.3", "10.1.2.3/32"),
            ("::ffff:10.1.2.3/104", "10.0.0.0/8"),
            ("0.0.0.0/0", "0.0.0.0/0"),
        ] {
            assert_eq!(network(given).unwrap().to_string(), shown, "{given}");
        }
        for wrong in ["", "10.0.0", "10.0.0.0/33", "localhost", "/8", "::1/129"] {
            assert!(network(wrong).is_err(), "{wrong}");
        }
    }
    #[test]
    fn an_interface_stands_between_address_and_prefix() {
        for (given, net, link) in [
            ("fe80::1%v0", "fe80::1/128", Some("v0")),
            ("fe80::%v0/64", "fe80::/64", Some("v0")),
            ("fe80::/64%v0", "fe80::/64", Some("v0")),
            ("10.0.0.1%5", "10.0.0.1/32", Some("5")),
            ("fe80::/64", "fe80::/64", None),
        ] {
            let written = written_network(given).unwrap();
            assert_eq!(written.net.to_string(), net, "{given}");
            assert_eq!(written.link.as_deref(), link, "{given}");
        }
        for wrong in [
            "fe80::1%",
            "%v0",
            "fe80::/64%v0/64",
            "fe80::1%/64",
            "fe80::1%v0/",
        ] {
            assert!(written_network(wrong).is_err(), "{wrong}");
        }
    }
}
