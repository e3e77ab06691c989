//! All TCP sockets there are now, with everything that sock_diag and /proc tell of them.

use std::{
    io::{self, ErrorKind},
    mem,
    time::Duration,
};

use super::{
    Found, Keepalive, LinkNames, Namespaces, Timer, TimerKind,
    cookies::Cookies,
    dump, keepalive,
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
        // The first is that owner.
        let holders: Vec<Holder> = owners.holders(found.inode).collect();
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
            descriptor: holders.first().map(|it| it.descriptor),
            holders,
            dropped: found.dropped,
            held: None,
            asked: None,
        }
    }
}

/// What there is, or a piece of it.
#[derive(Debug, Default)]
pub struct Listing {
    /// The sockets.
    pub sockets: Vec<Socket>,
    /// The network interfaces of each namespace, if they were not in a piece before.
    pub links: Vec<(u32, LinkNames)>,
    /// What could not be looked at, and why.
    pub failures: Vec<String>,
    /// Sockets that some process has, which could not be told: its descriptors may not be looked
    /// at.
    pub unknown_owners: usize,
}

impl Listing {
    /// Puts them into their order: by network namespace, then state, then local port.
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

/// As many sockets are put into order. Of more, none is kept: they are handed over as the kernel
/// tells them.
const FEW: usize = 1 << 15;

/// Looks at the sockets in these states, at all if there are none, and hands them over: all at once,
/// in their order, or piece by piece where they are more than 32,768. At least once. Blocks for as
/// long as the kernel takes.
///
/// # Errors
/// [`Unable`], when netlink fails, or what `hand_over` fails with. Where all namespaces are asked
/// for, one that fails is told in the listing.
pub fn list(
    scope: Scope,
    states: &[State],
    hand_over: impl FnMut(Listing) -> anyhow::Result<()>,
) -> anyhow::Result<()> {
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
    let states = dump::asked_for(states);
    let mut lister = Lister::new(FEW, hand_over);
    for namespace in namespaces {
        let inode = namespace.inode;
        let dumped = namespace.dump_in_pieces(&states, |found, links| {
            let links = links.map(|links| (inode, links));
            lister.next.links.extend(links);
            lister.take(found).map_err(Stopped::Told)
        });
        match dumped {
            Ok(()) => {}
            Err(Stopped::Told(error)) => return Err(error),
            Err(Stopped::Dump(error)) if error.kind() == ErrorKind::Unsupported => {
                return Err(Unable::NoSockDiag(error).into());
            }
            Err(Stopped::Dump(error)) if only.is_some() => {
                return Err(if error.kind() == ErrorKind::PermissionDenied {
                    Unable::NotPermitted(inode).into()
                } else {
                    error.into()
                });
            }
            // Its last process has ended meanwhile.
            Err(Stopped::Dump(error)) if error.kind() == ErrorKind::NotFound => {}
            Err(Stopped::Dump(error)) => lister
                .next
                .failures
                .push(format!("sockets of network namespace {inode}: {error}")),
        }
    }
    lister.finish()
}

/// Why a dump ends before its time.
enum Stopped {
    /// It failed.
    Dump(io::Error),
    /// What was handed over could not be told.
    Told(anyhow::Error),
}

impl From<io::Error> for Stopped {
    fn from(error: io::Error) -> Self {
        Self::Dump(error)
    }
}

/// Puts together what is handed over.
struct Lister<F> {
    /// See [`FEW`].
    few: usize,
    hand_over: F,
    /// What goes with the sockets that are handed over next.
    next: Listing,
    /// Those that were handed over: a table that changes while it is read may show a socket twice.
    seen: Cookies,
    /// Those that were not handed over yet: all, while they are few; later, those that a process
    /// has and none was found to have, as it had not made them when its descriptors were read.
    kept: Vec<Found>,
    /// Who has the sockets, once they are many.
    owners: Option<Owners>,
}

impl<F: FnMut(Listing) -> anyhow::Result<()>> Lister<F> {
    fn new(few: usize, hand_over: F) -> Self {
        Self {
            few,
            hand_over,
            next: Listing::default(),
            seen: Cookies::default(),
            kept: Vec::new(),
            owners: None,
        }
    }

    fn take(&mut self, mut found: Vec<Found>) -> anyhow::Result<()> {
        found.retain(|it| it.cookie.is_none_or(|cookie| self.seen.insert(cookie)));
        if let Some(owners) = self.owners.take() {
            let room = self.few - self.kept.len();
            let late = found
                .extract_if(.., |it| is_unknown(it, &owners))
                .take(room);
            self.kept.extend(late);
            return self.hand_over(&found, owners);
        }
        self.kept.append(&mut found);
        if self.kept.len() <= self.few {
            return Ok(());
        }
        let kept = mem::take(&mut self.kept);
        // Of all, as those that are still to come are not known.
        self.hand_over(&kept, Owners::read_all())
    }

    fn hand_over(&mut self, found: &[Found], owners: Owners) -> anyhow::Result<()> {
        for piece in found.chunks(dump::PIECE) {
            let listing = self.listing(piece, &owners);
            (self.hand_over)(listing)?;
        }
        self.owners = Some(owners);
        Ok(())
    }

    fn finish(mut self) -> anyhow::Result<()> {
        let kept = mem::take(&mut self.kept);
        let owners = Owners::read(kept.iter().map(|it| it.inode));
        let mut listing = self.listing(&kept, &owners);
        listing.sort();
        (self.hand_over)(listing)
    }

    fn listing(&mut self, found: &[Found], owners: &Owners) -> Listing {
        Listing {
            sockets: found.iter().map(|it| Socket::new(it, owners)).collect(),
            unknown_owners: found.iter().filter(|it| is_unknown(it, owners)).count(),
            ..mem::take(&mut self.next)
        }
    }
}

/// Whether some process has it, and none was found to.
fn is_unknown(found: &Found, owners: &Owners) -> bool {
    found.inode != 0 && owners.of(found.inode).process.is_none()
}

#[cfg(test)]
mod tests {
    use std::{
        net::TcpListener,
        os::{fd::AsRawFd as _, unix::fs::MetadataExt as _},
    };

    use super::*;
    use crate::model::{Endpoint, Reach};

    fn found(state: State, kind: SocketKind, inode: u32, timer: Option<TimerKind>) -> Socket {
        let found = told(1, state, kind, inode, timer);
        Socket::new(&found, &Owners::default())
    }

    fn told(
        cookie: u64,
        state: State,
        kind: SocketKind,
        inode: u32,
        timer: Option<TimerKind>,
    ) -> Found {
        let end = Endpoint::new([127, 0, 0, 1].into(), 80);
        Found {
            cookie: Cookie::new(cookie),
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
        }
    }

    /// What a dump of these is handed over as: the cookies of each piece.
    fn listed(few: usize, dump: &[Vec<Found>]) -> Vec<Vec<(u64, bool)>> {
        let mut pieces = Vec::new();
        let mut lister = Lister::new(few, |piece| {
            let sockets = piece.sockets.iter().map(|it| {
                let cookie = it.cookie.expect("it has one").0.get();
                (cookie, it.owner.process.is_some())
            });
            pieces.push(sockets.collect());
            Ok(())
        });
        for piece in dump {
            lister.take(piece.clone()).expect("it is taken");
        }
        lister.finish().expect("it is taken");
        pieces
    }

    fn of_nobody(cookie: u64, state: State) -> Found {
        told(cookie, state, SocketKind::Minisock, 0, None)
    }

    #[test]
    fn few_are_in_order_and_many_come_as_they_are_told() {
        let dump = [
            vec![of_nobody(2, State::TimeWait), of_nobody(1, State::FinWait2)],
            vec![of_nobody(1, State::TimeWait), of_nobody(3, State::FinWait1)],
        ];
        let all = |few| listed(few, &dump);
        // The second time, a socket is not told.
        assert_eq!(all(3), [vec![(3, false), (1, false), (2, false)]]);
        assert_eq!(
            all(1),
            [vec![(2, false), (1, false)], vec![(3, false)], vec![]]
        );
    }

    #[test]
    fn what_a_process_opens_while_many_are_told_is_its_own() {
        let mut pieces = Vec::new();
        let mut lister = Lister::new(1, |piece: Listing| {
            pieces.push(piece.sockets);
            Ok(())
        });
        lister
            .take([3, 4].map(|it| of_nobody(it, State::TimeWait)).into())
            .expect("it is taken");
        let listener = TcpListener::bind("127.0.0.1:0").expect("a port is free");
        let link = format!("/proc/self/fd/{}", listener.as_raw_fd());
        let inode = std::fs::metadata(link).expect("it is open").ino();
        let inode = u32::try_from(inode).expect("few sockets");
        lister
            .take(vec![told(2, State::Listen, SocketKind::Full, inode, None)])
            .expect("it is taken");
        lister.finish().expect("it is taken");
        let last = pieces.last().expect("there is one");
        let pid = last[0].owner.process.and_then(|it| it.pid);
        assert_eq!(pid, Some(std::process::id()));
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
