//! `tcptrace serve` beside what reads it: Prometheus, promtool, and a collector of OpenTelemetry; and
//! what is in `deploy/` for them: alerts, and the queries of the dashboard.
//!
//! Every test that traces has a network namespace of its own, and all that it starts lives in it. They
//! need root, Debian's package prometheus, and rotel of PyPI in `.tools/python`, where `cargo xtask
//! test` puts it (`TCPTRACE_PYTHON` names another Python that has it): without them each test fails and
//! says so. `TCPTRACE_BIN` names another binary to test.

mod by_tls;
mod collector;
mod dashboard;
mod http;
#[path = "../live/namespace.rs"]
#[expect(dead_code, reason = "the live tests need more of it")]
mod namespace;
mod otlp;
#[path = "../live/patience.rs"]
mod patience;
#[path = "../servers/program.rs"]
mod program;
mod prometheus;
mod rules;
#[path = "../view/schema.rs"]
mod schema;
mod serve;
#[path = "../servers/server.rs"]
mod server;
#[path = "../live/sockets.rs"]
#[expect(dead_code, reason = "the live tests need more of it")]
mod sockets;
mod tls;
#[path = "../live/told.rs"]
#[expect(dead_code, reason = "all are there, so that a missing one fails")]
mod told;
#[path = "../live/trace/mod.rs"]
#[expect(dead_code, reason = "the live tests need more of it")]
mod trace;
mod traffic;
#[path = "../live/wire.rs"]
#[expect(dead_code, reason = "the live tests need more of it")]
mod wire;

use std::{
    net::{IpAddr, Ipv4Addr, Ipv6Addr},
    path::PathBuf,
};

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

/// A file or folder of `deploy/`.
fn deployed(name: &str) -> PathBuf {
    let deploy = concat!(env!("CARGO_MANIFEST_DIR"), "/../deploy");
    let path = PathBuf::from(deploy).join(name);
    let whole = path.canonicalize();
    whole.unwrap_or_else(|error| panic!("{}: {error}", path.display()))
}
