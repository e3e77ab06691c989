//! An address with its port, in a column of a table.

use std::fmt;

use crate::decode::Endpoint;

/// `255.255.255.255:65535`.
pub(super) const IPV4: usize = 21;
/// `[ffff:…]:65535`, the longest there is.
pub(super) const IPV6: usize = 47;

/// `address:port`; of an address that is too long, the middle is cut, not the port.
pub(super) struct Address {
    pub end: Endpoint,
    pub width: usize,
    pub ascii: bool,
}

impl fmt::Display for Address {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Endpoint { addr, port } = self.end;
        let port = port.map_or_else(|| "*".to_owned(), |port| port.to_string());
        if self.width < IPV4 {
            return write!(f, ":{port}");
        }
        let addr = match addr {
            _ if addr.is_unspecified() => "*".to_owned(),
            std::net::IpAddr::V4(addr) => addr.to_string(),
            std::net::IpAddr::V6(addr) => format!("[{addr}]"),
        };
        let room = self.width - port.len() - 1;
        if addr.len() <= room {
            return write!(f, "{addr}:{port}");
        }
        let (dots, length) = if self.ascii { ("..", 2) } else { ("…", 1) };
        let head = (room - length) / 2;
        let tail = addr.len() - (room - length - head);
        write!(f, "{}{dots}{}:{port}", &addr[..head], &addr[tail..])
    }
}
