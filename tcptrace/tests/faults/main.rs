//! tcptrace where something is wrong: with the machine, with who starts it, with where its output
//! goes, with what it is told.
//!
//! Every test has a network namespace of its own; what else it takes away, it takes away from one
//! tcptrace alone. They need root, and unshare, setpriv and prlimit (util-linux): without them each
//! fails and says so. What would disturb the machine itself is in [`guest`], and ignored anywhere
//! else. `TCPTRACE_BIN` names another binary to test.

mod capabilities;
mod command;
mod copied;
mod guest;
mod kernel;
mod leftovers;
#[path = "../live/namespace.rs"]
#[expect(dead_code, reason = "the live tests need more of it")]
mod namespace;
mod output;
#[path = "../live/paths.rs"]
#[expect(dead_code, reason = "the live tests need more of it")]
mod paths;
#[path = "../live/patience.rs"]
mod patience;
mod run;
#[path = "../view/schema.rs"]
mod schema;
mod signals;
#[path = "../live/sockets.rs"]
#[expect(dead_code, reason = "the live tests need more of it")]
mod sockets;
mod terminal;
mod text;
#[path = "../live/told.rs"]
#[expect(dead_code, reason = "all are there, so that a missing one fails")]
mod told;
#[path = "../live/trace/mod.rs"]
#[expect(dead_code, reason = "the live tests need more of it")]
mod trace;
#[path = "../live/wire.rs"]
#[expect(dead_code, reason = "the live tests need more of it")]
mod wire;

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

/// IPv4 or IPv6.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Family {
    V4,
    V6,
}

impl Family {
    fn loopback(self) -> IpAddr {
        match self {
            Self::V4 => Ipv4Addr::LOCALHOST.into(),
            Self::V6 => Ipv6Addr::LOCALHOST.into(),
        }
    }
}
