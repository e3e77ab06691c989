//! The sockets that were there before tracing began, and looks at single ones later: sock_diag
//! in every network namespace that a process lives in, and /proc for who has them.

mod cookies;
mod descriptor;
mod dump;
mod ended;
mod found;
mod hidden;
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
mod sockstat;
mod tcp_info;

use std::io::{self, ErrorKind};

use crate::model::{Existing, SocketKind, State};

pub use self::{
    descriptor::user_timeout,
    ended::{Ended, EndedSockets},
    found::{Found, Timer, TimerKind},
    hidden::are_descriptors_hidden,
    holders::{Look, all_who_have, who_has},
    inspection::{Inspected, Inspection, Listening},
    keepalive::Keepalive,
    limits::{DescriptorLimit, exhausted},
    links::{LinkNames, NoLink, links_called},
    listing::{Listing, Scope, Socket, Unable, list},
    namespaces::{Namespace, Namespaces, NoNamespace, namespace_called, own_netns},
    netlink::NoSockDiag,
    owners::{Holder, Owners, are_related},
    pids::pid_namespace,
    settings::WaitSettings,
    tcp_info::TcpInfo,
};

/// What a snapshot gave, or a piece of it.
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
    let mut all = Snapshot::default();
    take_in_pieces(netns, |mut piece| {
        all.sockets.append(&mut piece.sockets);
        all.namespaces.append(&mut piece.namespaces);
        all.links.append(&mut piece.links);
        all.failures.append(&mut piece.failures);
    });
    all
}

/// The same, and hands it over piece by piece, so that not all of it is kept twice: there may be a
/// million sockets. Half-open connections come in the last piece, as they are their listener's.
pub fn take_in_pieces(netns: Option<u32>, mut hand_over: impl FnMut(Snapshot)) {
    let owners = Owners::read_all();
    let mut last = Snapshot::default();
    let namespaces: Vec<Namespace> = match netns {
        Some(inode) => Namespaces::find(inode, None).into_iter().collect(),
        None => Namespaces::read().all().collect(),
    };
    for namespace in namespaces {
        let inode = namespace.inode;
        let dumped = namespace.dump_in_pieces(&dump::ALL_STATES, |found, links| {
            let mut piece = Snapshot::default();
            piece.links.extend(links.map(|links| (inode, links)));
            for found in &found {
                match found.kind {
                    SocketKind::Request => last.sockets.push(existing(found, &owners)),
                    _ => piece.sockets.push(existing(found, &owners)),
                }
            }
            hand_over(piece);
            Ok::<_, io::Error>(())
        });
        match dumped {
            Ok(()) => last.namespaces.push(inode),
            // Its last process has ended meanwhile.
            Err(error) if error.kind() == ErrorKind::NotFound => {}
            Err(error) => last
                .failures
                .push(format!("sockets of network namespace {inode}: {error}")),
        }
    }
    hand_over(last);
}

fn existing(found: &Found, owners: &Owners) -> Existing {
    let first = owners.of(found.inode);
    let mut owner = match found.state {
        State::Listen => owners.of_all(found.inode),
        _ => first,
    };
    owner.uid = (found.kind == SocketKind::Full).then_some(found.uid);
    Existing {
        cookie: found.cookie,
        tuple: found.tuple,
        state: found.state,
        kind: found.kind,
        owner,
        near: first.process.and_then(|it| it.pid),
        reach: found.reach,
    }
}
