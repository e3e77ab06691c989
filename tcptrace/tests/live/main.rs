//! tcptrace against real sockets of the running kernel: what a user sees, line by line.
//!
//! Every test has a network namespace of its own, and a tcptrace of its own that looks at nothing
//! else. They need root; without it each of them fails and says so. `TCPTRACE_BIN` names another
//! binary to test; `TCPTRACE_TEST_LOG=1` shows on stderr each record that the kernel half sends;
//! `TCPTRACE_TEST_PATIENCE=4` waits four times as long for what is to come.

mod cgroups;
mod command;
mod doctor;
mod filters;
mod flow;
mod flows;
mod half_open;
mod handshake;
mod kills;
mod links;
mod listeners;
mod loss;
mod memory;
mod named_namespace;
mod namespace;
mod older;
mod output;
mod owner;
mod paths;
mod patience;
mod preempted;
mod recording;
mod refusals;
mod resets;
#[path = "../view/schema.rs"]
mod schema;
#[cfg(feature = "serve")]
mod serve;
mod sockets;
mod stats;
mod stuck;
mod syns;
mod teardown;
mod time_namespace;
mod time_wait;
mod timeouts;
mod told;
mod top;
#[expect(dead_code, reason = "the tests with faults need more of it")]
mod trace;
mod vocabulary;
mod wire;

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

/// IPv4 or IPv6: most tests are run in both.
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

/// Makes a test for each family of functions that take one: `name::ipv4` and `name::ipv6`.
macro_rules! in_both_families {
    ($($name:ident),+ $(,)?) => {
        $(mod $name {
            #[test]
            fn ipv4() {
                super::$name(crate::Family::V4);
            }

            #[test]
            fn ipv6() {
                super::$name(crate::Family::V6);
            }
        })+
    };
}
pub(crate) use in_both_families;
