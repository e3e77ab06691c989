//! The sockets that were there before tracing began, and looks at single ones later: sock_diag
//! in every network namespace that a process lives in, and /proc for who has them.

mod descriptor;
mod dump;
mod ended;
mod found;
mod holders;
mod inspection;
mod keepalive;
mod limits;
mod links;
mod listing;
mod namespaces;
pub mod netlink;
mod owners;
mod pids;
pub mod reply;
mod settings;
mod tcp_info;

use std::io::ErrorKind;

use crate::model::{Existing, SocketKind, State};

pub use self::{
    descriptor::user_timeout,
    ended::{Ended, EndedSockets},
    found::{Found, Timer, TimerKind},
    holders::{Look, all_who_have, who_has},
    inspection::{Inspected, Inspection, Listening},
    keepalive::Keepalive,
    limits::{DescriptorLimit, exhausted},
    links::{LinkNames, NoLink, links_called},
    listing::{Listing, Scope, Socket, Unable, list},
    namespaces::{Namespace, Namespaces, NoNamespace, namespace_called, own_netns},
    owners::{Holder, Owners, are_related},
    pids::pid_namespace,
    settings::WaitSettings,
    tcp_info::TcpInfo,
};

/// What a snapshot gave.
#[derive(Debug, Default)]
pub struct Snapshot {
    /// The sockets.
    pub sockets: Vec<Existing>,
    /// Network namespaces that were looked into.
    pub namespaces: Vec<u32>,
    /// Their network interfaces.
    pub links: Vec<(u32, LinkNames)>,
    /// What could not be looked at, and why.
    pub failures: Vec<String>,
}

/// Looks at all TCP sockets of all network namespaces, or of one. This gives each a cookie, so
/// that later events can be joined. Blocks for as long as the kernel takes.
#[must_use]
pub fn take(netns: Option<u32>) -> Snapshot {
    let mut snapshot = Snapshot::default();
    let mut found = Vec::new();
    let namespaces: Vec<Namespace> = match netns {
        Some(inode) => Namespaces::find(inode, None).into_iter().collect(),
        None => Namespaces::read().all().collect(),
    };
    for namespace in namespaces {
        match namespace.dump_with_links(dump::ALL_STATES) {
            Ok((sockets, links)) => {
                snapshot.namespaces.push(namespace.inode);
                snapshot.links.push((namespace.inode, links));
                found.extend(sockets);
            }
            // Its last process has ended meanwhile.
            Err(error) if error.kind() == ErrorKind::NotFound => {}
            Err(error) => snapshot.failures.push(format!(
                "sockets of network namespace {}: {error}",
                namespace.inode
            )),
        }
    }
    let owners = Owners::read(found.iter().map(|socket| socket.inode));
    // Listeners first: half-open connections are theirs.
    found.sort_by_key(|socket| socket.state != State::Listen);
    for socket in found {
        let near = owners.of(socket.inode).process.and_then(|it| it.pid);
        let mut owner = if socket.state == State::Listen {
            owners.of_all(socket.inode)
        } else {
            owners.of(socket.inode)
        };
        owner.uid = (socket.kind == SocketKind::Full).then_some(socket.uid);
        snapshot.sockets.push(Existing {
            cookie: socket.cookie,
            tuple: socket.tuple,
            state: socket.state,
            kind: socket.kind,
            owner,
            near,
            reach: socket.reach,
        });
    }
    snapshot
}
