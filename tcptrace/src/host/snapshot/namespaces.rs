//! Network namespaces, and looking into them.

use std::{
    collections::BTreeMap,
    fs::{self, File},
    io,
    iter::{once, once_with},
    mem,
    os::{fd::AsRawFd as _, unix::fs::MetadataExt as _},
    path::{Path, PathBuf},
    sync::{OnceLock, mpsc},
    thread,
};

use netlink_packet_sock_diag::inet::StateFlags;
use nix::{
    ioctl_none_bad, request_code_none,
    sched::{CloneFlags, setns},
    sys::statfs::{NSFS_MAGIC, statfs},
};

use super::{
    dump,
    found::Found,
    inspection::Inspection,
    links::LinkNames,
    settings::{self, WaitSettings},
    sockstat::shows_no_tcp,
};
use crate::{
    host::cpu,
    model::{
        Cookie, DropCounts, KeepaliveSettings, ListenerDrops, PortRange, Reuse, SocketKind, State,
        Tuple,
    },
};

/// Where `ip netns` and Docker give namespaces a name, in the order in which a name is looked for.
const NAMED: [&str; 3] = ["/run/netns", "/var/run/netns", "/run/docker/netns"];
/// The own one, of the thread that looks.
const OWN: &str = "/proc/thread-self/ns/net";
/// Inode numbers of namespaces are given out from here: PROC_DYNAMIC_FIRST,
/// include/linux/proc_ns.h; those of the first ones are a little below.
const FIRST_INODE: u32 = 0xefff_0000;

/// What a user called a namespace, which may be a way into it that nobody would look for: the
/// descriptor of a process, or a mount that only another mount namespace has.
static ASKED_FOR: OnceLock<PathBuf> = OnceLock::new();

ioctl_none_bad!(
    /// NS_GET_NSTYPE, include/uapi/linux/nsfs.h: since Linux 4.11.
    ns_get_nstype,
    request_code_none!(0xb7, 0x3)
);

/// A network namespace, and a way into it.
#[derive(Clone, Debug)]
pub struct Namespace {
    /// Its inode number.
    pub inode: u32,
    path: PathBuf,
}

impl Namespace {
    /// Looks at the sockets of the namespace.
    ///
    /// # Errors
    /// When this process may not enter it (CAP_SYS_ADMIN), it is gone, or sock_diag fails.
    pub fn dump(&self, states: StateFlags) -> io::Result<Vec<Found>> {
        let inode = self.inode;
        self.within(move || dump::dump(inode, &states))
    }

    /// Looks at the listeners: what each has dropped.
    ///
    /// # Errors
    /// As [`dump`](Self::dump).
    fn drops(&self) -> io::Result<Vec<ListenerDrops>> {
        let found = self.dump(StateFlags::LISTEN)?;
        let dropper = |it: &Found| {
            Some(ListenerDrops {
                cookie: it.cookie?,
                tuple: it.tuple,
                reach: it.reach,
                dropped: it.dropped,
            })
        };
        Ok(found.iter().filter_map(dropper).collect())
    }

    /// The same piece by piece, on a thread of its own, while `take` has one piece after the other;
    /// and the names of its network interfaces, which are there before the first piece.
    ///
    /// # Errors
    /// As [`dump`](Self::dump), and what `take` fails with.
    pub(super) fn dump_in_pieces<E: From<io::Error>>(
        &self,
        states: &StateFlags,
        mut take: impl FnMut(Vec<Found>, Option<LinkNames>) -> Result<(), E>,
    ) -> Result<(), E> {
        let (inode, states) = (self.inode, states.clone());
        let elsewhere = own_netns() != Some(inode);
        let file = elsewhere.then(|| self.open()).transpose()?;
        // One is read while another is worked on, and no more than that.
        let (pieces, received) = mpsc::sync_channel(1);
        let dump = thread::spawn(move || {
            if let Some(file) = file {
                setns(file, CloneFlags::CLONE_NEWNET)?;
            }
            let mut links = Some(LinkNames::read().unwrap_or_default());
            dump::in_pieces(inode, &states, dump::PIECE, &mut |found| {
                let room = Vec::with_capacity(dump::PIECE);
                // Nobody listens any more where `take` has failed.
                let _ = pieces.send((mem::replace(found, room), links.take()));
            })?;
            Ok::<_, io::Error>(cpu::used())
        });
        for (found, links) in received {
            take(found, links)?;
        }
        let failed = |_| io::Error::other("the thread that looks into it failed");
        cpu::add(dump.join().map_err(failed)??);
        Ok(())
    }

    /// Reads the names of its network interfaces.
    ///
    /// # Errors
    /// As [`dump`](Self::dump).
    pub fn links(&self) -> io::Result<LinkNames> {
        self.within(LinkNames::read)
    }

    /// Looks at one socket: its inode, or 0 where no process has it; `None`: it is gone, or can't
    /// be looked at.
    #[must_use]
    pub fn one(&self, tuple: Tuple, cookie: Cookie) -> Option<u32> {
        self.within(move || dump::one(tuple, cookie)).ok()
    }

    /// Looks at the sockets in these states, at its listeners, and at the settings that govern how
    /// long they stay there. Of established ones, those are shown that wait for their peer; of
    /// those in CLOSED, none: see [`EndedSockets`](super::EndedSockets).
    ///
    /// # Errors
    /// As [`dump`](Self::dump).
    pub fn inspect(&self, states: &[State]) -> io::Result<Inspection> {
        let inode = self.inode;
        // Of those, there are many, and few that wait.
        let established = states.contains(&State::Established);
        let apart = StateFlags::ESTABLISHED | StateFlags::CLOSE | StateFlags::LISTEN;
        let states = dump::flags(states).difference(apart);
        self.within(move || {
            let mut sockets = Vec::new();
            if !shows_no_tcp() {
                sockets = dump::inspect(inode, &states)?;
                if established {
                    sockets.extend(dump::waiting(inode)?);
                }
            }
            Ok(Inspection::new(sockets, WaitSettings::read()))
        })
    }

    /// Reads how keepalive is set where a socket does not say so itself.
    ///
    /// # Errors
    /// As [`dump`](Self::dump).
    pub fn keepalive(&self) -> io::Result<KeepaliveSettings> {
        self.within(settings::keepalive)
    }

    /// Reads the ports that connect() chooses from, and when it takes those of TIME_WAITs.
    ///
    /// # Errors
    /// As [`dump`](Self::dump), or when the kernel shows them in another form.
    pub fn port_range(&self) -> io::Result<PortRange> {
        self.within(|| {
            let read = |name: &str| fs::read_to_string(format!("/proc/sys/net/ipv4/{name}"));
            let range = read("ip_local_port_range")?;
            let reserved = read("ip_local_reserved_ports")?;
            let mut ports = PortRange::parse(&range, &reserved)
                .ok_or_else(|| io::Error::other(format!("{range:?} is no range of ports")))?;
            let delay = read("tcp_tw_reuse_delay").ok();
            ports.reuse = Reuse::parse(
                &read("tcp_tw_reuse")?,
                &read("tcp_timestamps")?,
                delay.as_deref(),
            );
            Ok(ports)
        })
    }

    /// Does something inside of the namespace.
    pub(super) fn within<T: Send + 'static>(
        &self,
        look: impl FnOnce() -> io::Result<T> + Send + 'static,
    ) -> io::Result<T> {
        if own_netns() == Some(self.inode) {
            return look();
        }
        let file = self.open()?;
        // Only that thread goes there; what stays open would keep the namespace alive.
        cpu::apart(move || {
            setns(file, CloneFlags::CLONE_NEWNET)?;
            look()
        })
        .map_err(|_| io::Error::other("the thread that looks into it failed"))?
    }

    /// Opens it. Its way in may lead elsewhere by now: a process changed its namespace, or ended,
    /// and another one has its id. Then there may be another way.
    fn open(&self) -> io::Result<File> {
        let open = |path: &Path| -> io::Result<File> {
            let file = File::open(path)?;
            match u32::try_from(file.metadata()?.ino()) {
                Ok(inode) if inode == self.inode => Ok(file),
                _ => Err(io::ErrorKind::NotFound.into()),
            }
        };
        match open(&self.path) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => {
                let other = Namespaces::find(self.inode, None).ok_or(error)?;
                open(&other.path)
            }
            opened => opened,
        }
    }
}

/// The network namespaces of this machine.
#[derive(Debug, Default)]
pub struct Namespaces(BTreeMap<u32, PathBuf>);

impl Namespaces {
    /// Finds those in which processes live, and those that are mounted somewhere.
    #[must_use]
    pub fn read() -> Self {
        let mut found = BTreeMap::new();
        for path in ways() {
            if let Some(inode) = inode_of(&path) {
                found.entry(inode).or_insert(path);
            }
        }
        Self(found)
    }

    /// All of them.
    pub fn all(&self) -> impl Iterator<Item = Namespace> + '_ {
        self.0.iter().map(|(inode, path)| Namespace {
            inode: *inode,
            path: path.clone(),
        })
    }

    /// The one with this inode number.
    #[must_use]
    pub fn one(&self, inode: u32) -> Option<Namespace> {
        let path = self.0.get(&inode)?.clone();
        Some(Namespace { inode, path })
    }

    /// Looks for the addresses of full sockets in SYN_SENT and SYN_RECV, by cookie. `pid`: a
    /// process that may live in the namespace.
    #[must_use]
    pub fn opening(netns: u32, pid: Option<u32>) -> Vec<(Cookie, Tuple)> {
        Self::find(netns, pid)
            .and_then(|namespace| namespace.dump(dump::OPENING).ok())
            .into_iter()
            .flatten()
            .filter(|found| found.kind == SocketKind::Full)
            .filter_map(|found| Some((found.cookie?, found.tuple)))
            .collect()
    }

    /// Looks at the listeners of namespaces: what each has dropped.
    #[must_use]
    pub fn drops(namespaces: &[u32]) -> DropCounts {
        // All are gone through at once, but only where there are several.
        let all = (namespaces.len() > 2).then(Self::read);
        let mut counts = DropCounts::default();
        for netns in namespaces {
            let namespace = match &all {
                Some(all) => all.one(*netns),
                None => Self::find(*netns, None),
            };
            match namespace.map(|it| it.drops()) {
                Some(Ok(found)) => found.into_iter().for_each(|it| counts.add(it)),
                _ => counts.fail(*netns),
            }
        }
        counts
    }

    /// Finds a namespace by its inode number. `pid`: a process that may live in it.
    #[must_use]
    pub fn find(netns: u32, pid: Option<u32>) -> Option<Namespace> {
        pid.map(|pid| PathBuf::from(format!("/proc/{pid}/ns/net")))
            .into_iter()
            .chain(ways())
            .find(|path| inode_of(path) == Some(netns))
            .map(|path| Namespace { inode: netns, path })
    }
}

/// Ways into namespaces, those first that cost least to look for: most often the others are not
/// asked for. A thread may be in a namespace of its own.
fn ways() -> impl Iterator<Item = PathBuf> {
    let processes = || once_with(|| numbers(Path::new("/proc"))).flatten();
    let threads = processes().flat_map(|pid| {
        let tasks = PathBuf::from(format!("/proc/{pid}/task"));
        numbers(&tasks)
            .filter(move |thread| *thread != pid)
            .map(move |thread| tasks.join(format!("{thread}/ns/net")))
    });
    once(PathBuf::from(OWN))
        .chain(ASKED_FOR.get().cloned())
        .chain(once_with(mounted).flatten())
        .chain(processes().map(|pid| PathBuf::from(format!("/proc/{pid}/ns/net"))))
        .chain(threads)
}

/// Where namespaces are mounted, as `ip netns`, Docker and others do it to keep one that no process
/// may live in.
fn mounted() -> Vec<PathBuf> {
    let mounts = fs::read("/proc/self/mountinfo").unwrap_or_default();
    namespaces_among(&String::from_utf8_lossy(&mounts))
}

/// Where namespaces are mounted: the root of such a mount is `net:[4026531840]`
/// (`nsfs_show_path()`, fs/nsfs.c), and its place is the next field.
fn namespaces_among(mounts: &str) -> Vec<PathBuf> {
    let mut found = Vec::new();
    for line in mounts.lines() {
        let mut fields = line.split(' ').skip(3);
        if let (Some(root), Some(place)) = (fields.next(), fields.next())
            && root.starts_with("net:[")
        {
            // `mangle()`, fs/proc_namespace.c.
            let escaped = [
                ("\\040", " "),
                ("\\011", "\t"),
                ("\\012", "\n"),
                ("\\134", "\\"),
            ];
            let place = escaped.iter().fold(place.to_owned(), |place, (code, it)| {
                place.replace(code, it)
            });
            found.push(place.into());
        }
    }
    found
}

/// The inode numbers of the namespaces that the threads of a process live in.
pub(super) fn namespaces_of(pid: u32) -> impl Iterator<Item = u32> {
    let tasks = PathBuf::from(format!("/proc/{pid}/task"));
    numbers(&tasks).filter_map(move |thread| inode_of(&tasks.join(format!("{thread}/ns/net"))))
}

/// The inode number of the namespace that a process lives in.
pub(super) fn netns_of(pid: u32) -> Option<u32> {
    inode_of(Path::new(&format!("/proc/{pid}/ns/net")))
}

/// The inode number of the namespace of this thread.
#[must_use]
pub fn own_netns() -> Option<u32> {
    inode_of(Path::new(OWN))
}

/// The inode number of the network namespace that a user asks for: by a name, a path, a number, or
/// `self`.
///
/// # Errors
/// [`NoNamespace`].
pub fn namespace_called(given: &str) -> Result<u32, NoNamespace> {
    if given == "self" {
        return own_netns().ok_or(NoNamespace::NoProc);
    }
    if given.contains('/') {
        return namespace_at(Path::new(given));
    }
    // `ip netns` takes any name, a number, too.
    let named = NAMED.iter().map(|folder| Path::new(folder).join(given));
    if let Some(path) = named.into_iter().find(|path| path.is_file()) {
        return namespace_at(&path);
    }
    match given.parse() {
        Ok(inode) => match Namespaces::find(inode, None) {
            Some(_) => Ok(inode),
            None if inode >= FIRST_INODE && !sees_all() => Ok(inode),
            None => Err(NoNamespace::NobodyThere(inode)),
        },
        Err(_) if Path::new(given).is_file() => namespace_at(Path::new(given)),
        Err(_) => Err(NoNamespace::NoName(given.to_owned())),
    }
}

/// What a user calls a namespace is none.
#[derive(Debug, thiserror::Error)]
pub enum NoNamespace {
    /// The own one can't be told.
    #[error("the own network namespace can't be told: is /proc mounted?")]
    NoProc,
    /// A file can't be looked at.
    #[error("{}: {}", .0.display(), .1)]
    Unreadable(PathBuf, io::Error),
    /// A file stands for something else.
    #[error("{}: no network namespace", .0.display())]
    Other(PathBuf),
    /// A number that no namespace has.
    #[error("no process is in network namespace {0}, and it is mounted nowhere")]
    NobodyThere(u32),
    /// A name that no namespace has.
    #[error("there is no /run/netns/{0}")]
    NoName(String),
}

/// The inode number of the network namespace that a file of a user's choice stands for.
fn namespace_at(path: &Path) -> Result<u32, NoNamespace> {
    let unreadable = |error: io::Error| NoNamespace::Unreadable(path.to_owned(), error);
    let other = || NoNamespace::Other(path.to_owned());
    // Only then is it opened: to open a device does things.
    let system = statfs(path).map_err(|error| unreadable(error.into()))?;
    if system.filesystem_type() != NSFS_MAGIC {
        return Err(other());
    }
    let file = File::open(path).map_err(unreadable)?;
    // SAFETY: the call takes no argument, and the descriptor is open.
    let kind = unsafe { ns_get_nstype(file.as_raw_fd()) };
    if kind != Ok(CloneFlags::CLONE_NEWNET.bits()) {
        return Err(other());
    }
    let inode = file.metadata().map_err(unreadable)?.ino();
    let inode = u32::try_from(inode).map_err(|_| other())?;
    let _ = ASKED_FOR.set(path.to_owned());
    Ok(inode)
}

/// Whether all processes of the machine can be seen, and in which namespaces they are.
fn sees_all() -> bool {
    // PROC_PID_INIT_INO, include/uapi/linux/nsfs.h: the first namespace of processes.
    inode_of(Path::new("/proc/self/ns/pid")) == Some(0xefff_fffc)
        && numbers(Path::new("/proc")).all(|pid| {
            let looked = fs::metadata(format!("/proc/{pid}/ns/net"));
            looked.map_or_else(|error| error.kind() == io::ErrorKind::NotFound, |_| true)
        })
}

/// The inode number of the namespace that a file stands for.
fn inode_of(path: &Path) -> Option<u32> {
    u32::try_from(fs::metadata(path).ok()?.ino()).ok()
}

/// The entries of a folder of /proc that are numbers.
fn numbers(folder: &Path) -> impl Iterator<Item = u32> + use<> {
    fs::read_dir(folder)
        .into_iter()
        .flatten()
        .flatten()
        .filter_map(|entry| entry.file_name().to_str()?.parse().ok())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn namespaces_are_found_among_mounts() {
        let mounts = "\
23 29 0:22 / /sys rw,nosuid shared:7 - sysfs sysfs rw
417 26 0:4 net:[4026532303] /run/netns/web rw shared:230 - nsfs nsfs rw
418 26 0:4 net:[4026532304] /run/netns/a\\040b rw - nsfs nsfs rw
419 26 0:4 mnt:[4026532305] /run/snapd/ns/x.mnt rw - nsfs nsfs rw
";
        let places = ["/run/netns/web", "/run/netns/a b"].map(PathBuf::from);
        assert_eq!(namespaces_among(mounts), places);
    }
}
