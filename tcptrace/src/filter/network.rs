//! Networks of addresses, as a user writes them: `10.0.0.1`, `10.0.0.0/8`, `2001:db8::/32`.

use std::net::IpAddr;

use ipnet::IpNet;

/// Not an address or prefix.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("it takes an address or a prefix, as in 10.0.0.1, 10.0.0.0/8 or 2001:db8::/32")]
pub struct NetworkError;

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
    use super::network;

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
}
