//! What is shown: made up, so that every column has its longest and its shortest, and the same in
//! every run.

mod flows;
mod report;
mod sockets;
mod stats;
mod stuck;
mod transitions;

use std::{net::IpAddr, num::NonZeroU64};

use tcptrace::{
    host::{Cgroups, Clock, Links},
    model::{Comm, Container, Endpoint, Link, Owner, Pod, Process, Runtime, Tuple, Workload},
};

pub use self::{
    flows::{flows, known_flow, unknown_flow},
    report::report,
    sockets::{known_sockets, sockets, unknown_socket},
    stats::{crowd, many_routes, one_service, quiet, stats},
    stuck::stuck,
    transitions::{known_transition, transitions, unknown_transition},
};

pub const MS: u64 = 1_000_000;
pub const SECOND: u64 = 1_000 * MS;
/// 2026-11-22T10:39:11Z.
const BEGAN: i64 = 1_795_343_951 * SECOND as i64;
pub const NETNS: u32 = 4_026_531_840;
const CGROUP: u64 = 7;

pub fn clock() -> Clock {
    Clock::ahead_by(BEGAN)
}

pub fn cgroups() -> Cgroups {
    let name = "/system.slice/nginx.service".to_owned();
    Cgroups::from_iter([(CGROUP, name)]).with_workloads([(CGROUP, workload())])
}

/// One of which everything is known.
pub fn workload() -> Workload {
    Workload {
        container: Some(Container {
            id: "0123456789abcdef".repeat(4),
            name: Some("app".to_owned()),
            image: Some("registry.example/shop/cart:1.4".to_owned()),
            runtime: Some(Runtime::Containerd),
        }),
        pod: Some(Pod {
            namespace: Some("shop".to_owned()),
            name: Some("cart-0".to_owned()),
            uid: Some("1c9ae2f4-0d5b-4c0e-9d3a-0b1f6b1f2a77".to_owned()),
        }),
        unit: Some("nginx.service".to_owned()),
    }
}

pub fn links() -> Links {
    let mut links = Links::default();
    links.learn(NETNS, [(5, "v0")].into_iter().collect());
    links
}

/// The same connection on a link.
fn on(index: u32, (tuple, owner): (Tuple, Owner)) -> (Tuple, Owner) {
    let link = Link::new(index);
    (Tuple { link, ..tuple }, owner)
}

pub fn ends(local: (&str, u16), remote: (&str, u16)) -> Tuple {
    let end = |(addr, port): (&str, u16)| Endpoint::new(addr.parse::<IpAddr>().unwrap(), port);
    Tuple {
        netns: NETNS,
        link: None,
        local: end(local),
        remote: end(remote),
    }
}

pub fn by(comm: &str, pid: u32) -> Owner {
    Owner {
        process: Some(Process {
            pid: Some(pid),
            comm: Comm::new(comm.as_bytes()),
        }),
        thread: None,
        uid: Some(1000),
        cgroup: NonZeroU64::new(CGROUP),
    }
}

/// The longest that columns have to hold.
fn longest() -> (Tuple, Owner) {
    let end = ("255.255.255.255", 65_535);
    (ends(end, end), by("chromium-browse", 4_194_304))
}

/// Of the longest IPv6.
fn longest_ipv6() -> (Tuple, Owner) {
    let (local, remote) = (
        "2001:db8:1111:2222:3333:4444:5555:6666",
        "2001:db8:aaaa:bbbb:cccc:dddd:eeee:ffff",
    );
    (
        ends((local, 65_535), (remote, 65_535)),
        by("größter-dienst", 4_194_304),
    )
}

/// Nothing is known of it but that it is there.
fn nameless() -> (Tuple, Owner) {
    (ends(("0.0.0.0", 0), ("0.0.0.0", 0)), Owner::default())
}
