//! An address with its port, in a column of a table.

use std::fmt;

use crate::{host::Interface, model::Endpoint};

/// `255.255.255.255:65535`.
pub(super) const IPV4: usize = 21;
/// `:65535`.
pub(super) const PORT: usize = 6;
/// `[ffff:…]:65535`, the longest there is.
pub(super) const IPV6: usize = 47;
/// The same with an interface: IFNAMSIZ, include/uapi/linux/if.h.
pub(super) const LONGEST: usize = IPV6 + 16;

/// `address:port`; of an address that is too long, the middle is cut, not the port.
pub(super) struct Address<'a> {
    pub end: Endpoint,
    /// Shown behind the address: `[fe80::1%eth0]:80`.
    pub on: Option<Interface<'a>>,
    pub width: usize,
    pub ascii: bool,
}

/// The interface that a remote address is shown with: only a link-local one means another thing on
/// each, while a socket that is bound to one shows it by its own address.
pub(super) fn of_remote(end: Endpoint, on: Option<Interface<'_>>) -> Option<Interface<'_>> {
    on.filter(|_| match end.addr {
        std::net::IpAddr::V4(addr) => addr.is_link_local(),
        std::net::IpAddr::V6(addr) => addr.is_unicast_link_local(),
    })
}

impl fmt::Display for Address<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Endpoint { addr, port } = self.end;
        let port = port.map_or_else(|| "*".to_owned(), |port| port.to_string());
        if self.width < IPV4 {
            return write!(f, ":{port}");
        }
        let on = match self.on {
            Some(on) => format!("%{}", self.plain(on)),
            None => String::new(),
        };
        let addr = match addr {
            _ if addr.is_unspecified() => format!("*{on}"),
            std::net::IpAddr::V4(addr) => format!("{addr}{on}"),
            std::net::IpAddr::V6(addr) => format!("[{addr}{on}]"),
        };
        let room = self.width - port.len() - 1;
        let length = addr.chars().count();
        if length <= room {
            return write!(f, "{addr}:{port}");
        }
        let (dots, dots_length) = if self.ascii { ("..", 2) } else { ("…", 1) };
        let head = (room - dots_length) / 2;
        let tail = room - dots_length - head;
        let begin: String = addr.chars().take(head).collect();
        let end: String = addr.chars().skip(length - tail).collect();
        write!(f, "{begin}{dots}{end}:{port}")
    }
}

impl Address<'_> {
    /// The name, or the number by which it can be asked for just as well.
    fn plain(&self, on: Interface<'_>) -> String {
        match on.name {
            None => on.index.to_string(),
            Some(name) if self.ascii => name.replace(|it: char| !it.is_ascii(), "?"),
            Some(name) => name.to_owned(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn shown(addr: &str, name: Option<&str>, width: usize) -> String {
        Address {
            end: Endpoint::new(addr.parse().unwrap(), 80),
            on: Some(Interface { index: 5, name }),
            width,
            ascii: false,
        }
        .to_string()
    }

    #[test]
    fn an_interface_is_shown_by_its_name_or_index() {
        assert_eq!(shown("fe80::1", Some("v0"), 47), "[fe80::1%v0]:80");
        assert_eq!(shown("fe80::1", None, 47), "[fe80::1%5]:80");
        assert_eq!(shown("10.0.0.1", Some("v0"), 47), "10.0.0.1%v0:80");
        assert_eq!(shown("::", Some("v0"), 47), "*%v0:80");
    }

    #[test]
    fn an_interface_is_cut_last() {
        let long = "fe80::aaaa:bbbb:cccc:dddd";
        assert_eq!(shown(long, Some("v0"), 21), "[fe80::a…:dddd%v0]:80");
        assert_eq!(shown(long, Some("größe"), 21), "[fe80::a…dd%größe]:80");
    }
}
