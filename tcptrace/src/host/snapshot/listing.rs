//! All TCP sockets there are now, with everything that sock_diag and /proc tell of them.

use std::{
    collections::HashSet,
    io::{self, ErrorKind},
    time::Duration,
};

use super::{
    Found, Keepalive, LinkNames, Namespaces, Timer, TimerKind,
    dump::ALL_AND_BOUND,
    keepalive,
    namespaces::{Namespace, own_netns},
    owners::{Holder, Owners},
};
use crate::{
    model::{Connection, Cookie, Owner, SocketKind, State, Tuple},
    privileges,
};

/// How long TIME_WAIT lasts: TCP_TIMEWAIT_LEN, which nothing can set.
const TIME_WAIT: Duration = Duration::from_secs(60);

/// Which network namespaces are looked into.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Scope {
    /// The one that this process is in.
    Own,
    /// The one with this inode number.
    One(u32),
    /// All that can be found.
    All,
}

/// A socket that there is now.
#[derive(Clone, Debug)]
pub struct Socket {
    /// Its cookie.
    pub cookie: Option<Cookie>,
    /// Its addresses and ports.
    pub tuple: Tuple,
    /// Its state.
    pub state: State,
    /// Which of the kernel's three kinds it is.
    pub kind: SocketKind,
    /// Who has it. Nobody has a minisock, a request, an orphan, or what was not accepted yet.
    pub owner: Owner,
    /// The timer that runs.
    pub timer: Option<Timer>,
    /// Bytes that were not read; of a listener, connections that were not accepted; `None`: unknown.
    pub recv_queue: Option<u32>,
    /// Bytes that were not acknowledged; of a listener, its backlog; `None`: unknown.
    pub send_queue: Option<u32>,
    /// A process had it, and none has it any more; `None`: unknown.
    pub orphan: Option<bool>,
    /// Its inode; 0 if no process has it.
    pub inode: u32,
    /// The descriptor by which its owner has it.
    pub descriptor: Option<u32>,
    /// All processes that hold it.
    pub holders: Vec<Holder>,
    /// SYNs and third ACKs that a listener has dropped.
    pub dropped: Option<u32>,
    /// How long it has been in its state, where a trace knows it.
    pub held: Option<Duration>,
    /// What it said when it was asked for its keepalive.
    pub asked: Option<Keepalive>,
}

impl Socket {
    /// How long it has been in its state. Without a trace, only of a TIME_WAIT that can be told:
    /// what is left of its 60 s. They start again when a segment of the peer comes.
    #[must_use]
    pub fn age(&self) -> Option<Duration> {
        match (self.state, self.timer) {
            _ if self.held.is_some() => self.held,
            (
                State::TimeWait,
                Some(Timer {
                    kind: TimerKind::TimeWait,
                    remaining,
                    ..
                }),
            ) => TIME_WAIT.checked_sub(remaining),
            _ => None,
        }
    }

    /// Whether keepalive is on, as it was told or its timer shows; `None` while another timer
    /// hides that.
    #[must_use]
    pub fn keepalive(&self) -> Option<bool> {
        if let Some(asked) = self.asked {
            return Some(asked != Keepalive::Off);
        }
        let connected = self.kind == SocketKind::Full
            && !matches!(
                self.state,
                State::Closed | State::Listen | State::SynSent | State::SynRecv
            );
        match self.timer.map(|timer| timer.kind) {
            Some(TimerKind::Keepalive) => Some(true),
            None if connected => Some(false),
            _ => None,
        }
    }

    /// A connection that a trace knows: what only the kernel can tell is unknown.
    #[must_use]
    pub fn of(it: &Connection, now_ns: u64) -> Self {
        let held = it.since.map(|since| now_ns.saturating_sub(since));
        let waits = it.kind == SocketKind::Minisock && it.state == State::FinWait2;
        Self {
            cookie: it.cookie,
            tuple: it.tuple,
            state: it.state,
            kind: it.kind,
            owner: it.owner,
            timer: None,
            recv_queue: None,
            send_queue: None,
            // A full socket may have been closed since it was told of last.
            orphan: waits.then_some(true),
            inode: 0,
            descriptor: None,
            holders: Vec::new(),
            dropped: None,
            held: held.map(Duration::from_nanos),
            asked: None,
        }
    }

    fn new(found: &Found, owners: &Owners) -> Self {
        let mut owner = owners.of(found.inode);
        if found.kind == SocketKind::Full {
            // Without an inode, older kernels say 0 whoever it was.
            owner.uid = (found.inode != 0).then_some(found.uid);
            owner.cgroup = owner.cgroup.or(found.cgroup);
        }
        Self {
            cookie: found.cookie,
            tuple: found.tuple,
            state: found.state,
            kind: found.kind,
            owner,
            timer: found.timer,
            recv_queue: Some(found.recv_queue),
            send_queue: Some(found.send_queue),
            orphan: Some(found.kind.is_orphan(found.state, found.inode != 0)),
            inode: found.inode,
            descriptor: owners.descriptor(found.inode, owner),
            holders: owners.holders(found.inode),
            dropped: found.dropped,
            held: None,
            asked: None,
        }
    }
}

/// What there is.
#[derive(Debug, Default)]
pub struct Listing {
    /// By network namespace, then state, then local port.
    pub sockets: Vec<Socket>,
    /// The network interfaces of each namespace.
    pub links: Vec<(u32, LinkNames)>,
    /// What could not be looked at, and why.
    pub failures: Vec<String>,
    /// Sockets that some process has, which could not be told: its descriptors may not be looked
    /// at.
    pub unknown_owners: usize,
}

impl Listing {
    /// Puts them into their order.
    pub fn sort(&mut self) {
        self.sockets.sort_by_key(|socket| {
            let Tuple {
                netns,
                link,
                local,
                remote,
            } = socket.tuple;
            (
                netns,
                socket.state,
                local.port,
                local.addr,
                remote.addr,
                remote.port,
                link,
            )
        });
    }

    /// Asks each connection that a process has for its keepalive. Returns of how many that can't
    /// be had.
    pub fn ask_for_keepalive(&mut self) -> usize {
        let connected = |it: &&mut Socket| {
            it.kind == SocketKind::Full && !matches!(it.state, State::Closed | State::Listen)
        };
        let mut silent = 0;
        for socket in self.sockets.iter_mut().filter(connected) {
            if let (Some(process), Some(descriptor)) = (socket.owner.process, socket.descriptor) {
                socket.asked = process
                    .pid
                    .and_then(|pid| keepalive::ask(pid, descriptor, socket.inode).ok());
                silent += usize::from(socket.asked.is_none());
            }
        }
        silent
    }
}

/// This machine can't list sockets.
#[derive(Debug, thiserror::Error)]
pub enum Unable {
    /// The kernel has no sock_diag for TCP.
    #[error("{0}")]
    NoSockDiag(io::Error),
    /// A capability is missing.
    #[error(
        "not permitted to look into network namespace {0}: run it as root (sudo tcptrace), or \
         with CAP_SYS_ADMIN and CAP_SYS_PTRACE"
    )]
    NotPermitted(u32),
    /// /proc is not there.
    #[error("the own network namespace can't be told: is /proc mounted?")]
    NoProc,
}

/// Looks at the sockets. Blocks for as long as the kernel takes.
///
/// # Errors
/// [`Unable`], or when netlink fails. Where all namespaces are asked for, one that fails is told
/// in the listing.
pub fn list(scope: Scope) -> anyhow::Result<Listing> {
    let mut listing = Listing::default();
    let mut found = Vec::new();
    let only = match scope {
        Scope::Own => Some(own_netns().ok_or(Unable::NoProc)?),
        Scope::One(inode) => Some(inode),
        Scope::All => None,
    };
    let namespaces: Vec<Namespace> = match only {
        Some(inode) => Namespaces::find(inode, Some(std::process::id()))
            .into_iter()
            .collect(),
        None => Namespaces::read().all().collect(),
    };
    if let (Some(inode), []) = (only, &namespaces[..]) {
        if privileges::missing(privileges::ELSEWHERE).count() > 0 {
            return Err(Unable::NotPermitted(inode).into());
        }
        anyhow::bail!("no process lives in network namespace {inode}, and it has no name");
    }
    for namespace in namespaces {
        match namespace.dump_with_links(ALL_AND_BOUND) {
            Ok((sockets, links)) => {
                found.extend(sockets);
                listing.links.push((namespace.inode, links));
            }
            Err(error) if error.kind() == ErrorKind::Unsupported => {
                return Err(Unable::NoSockDiag(error).into());
            }
            Err(error) if only.is_some() => {
                return Err(if error.kind() == ErrorKind::PermissionDenied {
                    Unable::NotPermitted(namespace.inode).into()
                } else {
                    error.into()
                });
            }
            // Its last process has ended meanwhile.
            Err(error) if error.kind() == ErrorKind::NotFound => {}
            Err(error) => listing.failures.push(format!(
                "sockets of network namespace {}: {error}",
                namespace.inode
            )),
        }
    }
    let owners = Owners::read(found.iter().map(|socket| socket.inode));
    // A table that changes while it is read may show a socket twice.
    let mut seen = HashSet::new();
    found.retain(|socket| socket.cookie.is_none_or(|cookie| seen.insert(cookie)));
    listing.sockets = found
        .iter()
        .map(|found| Socket::new(found, &owners))
        .collect();
    listing.unknown_owners = found
        .iter()
        .filter(|socket| socket.inode != 0 && owners.of(socket.inode).process.is_none())
        .count();
    listing.sort();
    Ok(listing)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::{Endpoint, Reach};

    fn found(state: State, kind: SocketKind, inode: u32, timer: Option<TimerKind>) -> Socket {
        let end = Endpoint::new([127, 0, 0, 1].into(), 80);
        let found = Found {
            cookie: Cookie::new(1),
            tuple: Tuple {
                netns: 1,
                link: None,
                local: end,
                remote: end,
            },
            state,
            kind,
            uid: 1000,
            inode,
            timer: timer.map(|kind| Timer {
                kind,
                remaining: Duration::from_secs(59),
                retries: 0,
            }),
            recv_queue: 0,
            send_queue: 0,
            dropped: None,
            cgroup: None,
            reach: Reach::default(),
        };
        Socket::new(&found, &Owners::default())
    }

    #[test]
    fn only_a_time_wait_has_an_age() {
        let age = |state| found(state, SocketKind::Minisock, 0, Some(TimerKind::TimeWait)).age();
        assert_eq!(age(State::TimeWait), Some(Duration::from_secs(1)));
        assert_eq!(age(State::FinWait2), None);
    }

    #[test]
    fn keepalive_is_unknown_while_another_timer_runs() {
        let on = |state, timer| found(state, SocketKind::Full, 7, timer).keepalive();
        assert_eq!(
            on(State::Established, Some(TimerKind::Keepalive)),
            Some(true)
        );
        assert_eq!(on(State::Established, None), Some(false));
        assert_eq!(on(State::Established, Some(TimerKind::Retransmit)), None);
        assert_eq!(on(State::Listen, None), None);
        let minisock = found(
            State::TimeWait,
            SocketKind::Minisock,
            0,
            Some(TimerKind::TimeWait),
        );
        assert_eq!(minisock.keepalive(), None);
    }

    #[test]
    fn an_orphan_was_closed_and_what_waits_for_accept_was_not() {
        let orphan = |state, kind, inode| found(state, kind, inode, None).orphan == Some(true);
        assert!(orphan(State::FinWait1, SocketKind::Full, 0));
        assert!(orphan(State::LastAck, SocketKind::Full, 0));
        assert!(!orphan(State::FinWait2, SocketKind::Full, 7));
        assert!(!orphan(State::Established, SocketKind::Full, 0));
        assert!(!orphan(State::CloseWait, SocketKind::Full, 0));
        assert!(!orphan(State::SynRecv, SocketKind::Request, 0));
        assert!(orphan(State::TimeWait, SocketKind::Minisock, 0));
    }

    #[test]
    fn nobody_is_told_to_have_what_nobody_has() {
        let uid = |kind, inode| found(State::FinWait2, kind, inode, None).owner.uid;
        assert_eq!(uid(SocketKind::Full, 7), Some(1000));
        assert_eq!(uid(SocketKind::Full, 0), None);
        assert_eq!(uid(SocketKind::Minisock, 0), None);
    }
}
