//! Network namespaces, and looking into them.

use std::{
    collections::BTreeMap,
    fs::{self, File},
    io,
    os::{
        fd::AsRawFd as _,
        unix::{ffi::OsStrExt as _, fs::MetadataExt as _},
    },
    path::{Path, PathBuf},
};

use netlink_packet_sock_diag::inet::StateFlags;
use nix::{
    sched::{CloneFlags, setns},
    sys::statfs::{NSFS_MAGIC, statfs},
};

use super::{
    dump,
    found::Found,
    inspection::Inspection,
    settings::{KeepaliveSettings, WaitSettings},
};
use crate::{
    decode::{Cookie, Tuple},
    stats::PortRange,
    track::{ExistingKind, State},
};

/// Where `ip netns` and Docker keep namespaces that no process may live in.
const NAMED: [&str; 2] = ["/run/netns", "/run/docker/netns"];

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

    /// Looks at the sockets in these states, at its listeners, and at the settings that govern how
    /// long they stay there.
    ///
    /// # Errors
    /// As [`dump`](Self::dump).
    pub fn inspect(&self, states: &[State]) -> io::Result<Inspection> {
        let inode = self.inode;
        let states = dump::flags(states) | StateFlags::LISTEN;
        self.within(move || {
            Ok(Inspection::new(
                dump::inspect(inode, &states)?,
                WaitSettings::read(),
            ))
        })
    }

    /// Reads how keepalive is set where a socket does not say so itself.
    ///
    /// # Errors
    /// As [`dump`](Self::dump).
    pub fn keepalive(&self) -> io::Result<KeepaliveSettings> {
        self.within(KeepaliveSettings::read)
    }

    /// Reads the ports that connect() chooses from.
    ///
    /// # Errors
    /// As [`dump`](Self::dump), or when the kernel shows them in another form.
    pub fn port_range(&self) -> io::Result<PortRange> {
        self.within(|| {
            let read = |name: &str| fs::read_to_string(format!("/proc/sys/net/ipv4/{name}"));
            let range = read("ip_local_port_range")?;
            let reserved = read("ip_local_reserved_ports")?;
            PortRange::parse(&range, &reserved)
                .ok_or_else(|| io::Error::other(format!("{range:?} is no range of ports")))
        })
    }

    /// Does something inside of the namespace.
    fn within<T: Send + 'static>(
        &self,
        look: impl FnOnce() -> io::Result<T> + Send + 'static,
    ) -> io::Result<T> {
        if own() == Some(self.inode) {
            return look();
        }
        let file = File::open(&self.path)?;
        // Only that thread goes there; what stays open would keep the namespace alive.
        std::thread::spawn(move || {
            setns(file, CloneFlags::CLONE_NEWNET)?;
            look()
        })
        .join()
        .map_err(|_| io::Error::other("the thread that looks into it failed"))?
    }
}

/// The network namespaces of this machine.
#[derive(Debug, Default)]
pub struct Namespaces(BTreeMap<u32, PathBuf>);

impl Namespaces {
    /// Finds those in which processes live, and those with a name.
    #[must_use]
    pub fn read() -> Self {
        let mut found = BTreeMap::new();
        if let Some(inode) = own() {
            found.insert(inode, PathBuf::from("/proc/thread-self/ns/net"));
        }
        for pid in numbers(Path::new("/proc")) {
            add(&mut found, PathBuf::from(format!("/proc/{pid}/ns/net")));
            // A thread may be in a namespace of its own.
            let tasks = PathBuf::from(format!("/proc/{pid}/task"));
            for thread in numbers(&tasks).filter(|thread| *thread != pid) {
                add(&mut found, tasks.join(format!("{thread}/ns/net")));
            }
        }
        for folder in NAMED {
            for entry in fs::read_dir(folder).into_iter().flatten().flatten() {
                add(&mut found, entry.path());
            }
        }
        Self(found)
    }

    /// All of them, or only one.
    pub fn all(&self, only: Option<u32>) -> impl Iterator<Item = Namespace> + '_ {
        self.0
            .iter()
            .filter(move |(inode, _)| only.is_none_or(|only| only == **inode))
            .map(|(inode, path)| Namespace {
                inode: *inode,
                path: path.clone(),
            })
    }

    /// Looks for the addresses of full sockets in SYN_SENT and SYN_RECV, by cookie. `pid`: a
    /// process that may live in the namespace.
    #[must_use]
    pub fn opening(netns: u32, pid: Option<u32>) -> Vec<(Cookie, Tuple)> {
        Self::find(netns, pid)
            .and_then(|namespace| namespace.dump(dump::OPENING).ok())
            .into_iter()
            .flatten()
            .filter(|found| found.kind == ExistingKind::Socket)
            .filter_map(|found| Some((found.cookie?, found.tuple)))
            .collect()
    }

    /// Finds a namespace by its inode number. `pid`: a process that may live in it.
    #[must_use]
    pub fn find(netns: u32, pid: Option<u32>) -> Option<Namespace> {
        if own() == Some(netns) {
            let path = PathBuf::from("/proc/thread-self/ns/net");
            return Some(Namespace { inode: netns, path });
        }
        let near = pid
            .map(|pid| PathBuf::from(format!("/proc/{pid}/ns/net")))
            .filter(|path| inode_of(path) == Some(netns))
            .map(|path| Namespace { inode: netns, path });
        near.or_else(|| Self::read().all(Some(netns)).next())
    }
}

/// The inode number of the namespace of this thread.
#[must_use]
pub fn own() -> Option<u32> {
    inode_of(Path::new("/proc/thread-self/ns/net"))
}

/// The inode number of the network namespace that a file of a user's choice stands for.
///
/// # Errors
/// When it can't be opened, or stands for something else.
pub fn namespace_at(path: &Path) -> io::Result<u32> {
    let other = || io::Error::new(io::ErrorKind::InvalidInput, "no network namespace");
    // Only then is it opened: to open a device does things.
    if statfs(path)?.filesystem_type() != NSFS_MAGIC {
        return Err(other());
    }
    let file = File::open(path)?;
    let kind = fs::read_link(format!("/proc/self/fd/{}", file.as_raw_fd()))?;
    // `ns_dname()`, fs/nsfs.c.
    if !kind.as_os_str().as_bytes().starts_with(b"net:[") {
        return Err(other());
    }
    u32::try_from(file.metadata()?.ino()).map_err(|_| other())
}

/// The inode number of the namespace that a file stands for.
fn inode_of(path: &Path) -> Option<u32> {
    u32::try_from(fs::metadata(path).ok()?.ino()).ok()
}

fn add(found: &mut BTreeMap<u32, PathBuf>, path: PathBuf) {
    if let Some(inode) = inode_of(&path) {
        found.entry(inode).or_insert(path);
    }
}

/// The entries of a folder of /proc that are numbers.
fn numbers(folder: &Path) -> impl Iterator<Item = u32> {
    fs::read_dir(folder)
        .into_iter()
        .flatten()
        .flatten()
        .filter_map(|entry| entry.file_name().to_str()?.parse().ok())
}
