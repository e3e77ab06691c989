//! Writes what the kernel half of this machine sends: the records of a command, for
//! `benches/per_event.rs`, or standard situations as scenarios, for `tests/scenarios`. And what the
//! whole program makes of such situations: a recording, and what `watch` told meanwhile, for
//! `tests/recordings`. For `cargo xtask power-cut`, it makes connections without end.
//!
//! ```text
//! cargo build --release --package tcptrace --example capture && cargo build --release --package xtask
//! sudo target/release/examples/capture records tcptrace/benches/connections.records 127.71.0.0/16 \
//!     sh -c 'target/release/xtask load --connections 100 --close fin &
//!            target/release/xtask load --connections 100 --close rst; wait'
//! sudo target/release/examples/capture situations tcptrace/tests/scenarios
//! sudo target/release/examples/capture recording target/release/tcptrace tcptrace/tests/recordings
//! ```

mod connections;
#[path = "../../tests/live/namespace.rs"]
#[expect(dead_code, reason = "the live tests need more of it")]
mod namespace;
#[path = "../../tests/live/patience.rs"]
mod patience;
mod recording;
mod records;
mod scenario;
mod situations;
#[path = "../../tests/live/sockets.rs"]
#[expect(dead_code, reason = "the live tests need more of it")]
mod sockets;
#[path = "../../tests/live/told.rs"]
#[expect(dead_code, reason = "the live tests need more of it")]
mod told;
#[path = "../../tests/live/wire.rs"]
#[expect(dead_code, reason = "the live tests need more of it")]
mod wire;

/// As the live tests call it.
mod trace {
    pub use crate::told::End;
}

use std::{
    env,
    net::{IpAddr, Ipv4Addr, Ipv6Addr},
    path::Path,
    process::ExitCode,
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

fn main() -> ExitCode {
    let arguments: Vec<String> = env::args().skip(1).collect();
    let done = match arguments.as_slice() {
        [what, rest @ ..] if what == "records" => records::capture(rest),
        [what, folder] if what == "situations" => situations::capture(Path::new(folder)),
        [what, tcptrace, folder] if what == "recording" => {
            recording::capture(Path::new(tcptrace), Path::new(folder))
        }
        [what] if what == "connections" => connections::make(),
        _ => Err(anyhow::anyhow!(
            "it takes `records FILE NETWORK COMMAND [ARGUMENT…]`, `situations FOLDER`, \
             `recording TCPTRACE FOLDER` or `connections`"
        )),
    };
    match done {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("capture: {error:#}");
            ExitCode::FAILURE
        }
    }
}
