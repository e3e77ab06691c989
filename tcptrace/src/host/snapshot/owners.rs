//! Which process has which socket, from /proc.

use std::{
    cell::OnceCell,
    collections::{BTreeMap, HashMap},
    ffi::{CStr, CString},
    fs,
    mem::MaybeUninit,
    ops::ControlFlow,
    os::{fd::OwnedFd, unix::fs::MetadataExt as _},
    path::PathBuf,
    sync::{
        OnceLock,
        atomic::{AtomicUsize, Ordering},
    },
};

use serde::{Deserialize, Serialize};

use procfs::process::Stat;
use rustix::fs::{Mode, OFlags, RawDir, open, readlinkat_raw};

use super::{holders::in_common, pids::Numbering};
use crate::{
    host::{cpu, silent_cgroup},
    model::{Cgroup, Comm, Owner, Process},
};

/// More threads than these don't walk the descriptors of all processes, however many CPUs there
/// are: others want them, too.
const MOST_WALKERS: usize = 4;

/// Who has which socket, by its inode.
#[derive(Debug, Default)]
pub struct Owners {
    /// The processes that have one of the sockets.
    processes: Vec<Listed>,
    /// By inode; of one, the process that began first in front.
    held: Vec<Held>,
}

/// A process, by its id in /proc.
#[derive(Debug)]
struct Listed {
    pid: u32,
    numbering: Numbering,
    /// What it is, once that was asked for: most have sockets that nobody asks for. `None`: it has
    /// ended.
    owner: OnceCell<Option<Owner>>,
}

impl Listed {
    fn owner(&self) -> Option<Owner> {
        *self
            .owner
            .get_or_init(|| read_owner(self.pid, self.numbering))
    }
}

/// A process has a socket. There may be a million.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
struct Held {
    inode: u32,
    /// Index of the process.
    process: u32,
    /// The lowest by which it has it.
    descriptor: u32,
}

/// A process that has a socket.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Holder {
    /// The process.
    pub process: Process,
    /// By which descriptor; the lowest of several.
    pub descriptor: u32,
    /// Its id in /proc, which may be of another pid namespace.
    pub listed: u32,
}

impl Owners {
    /// Walks the descriptors of all processes for these sockets.
    #[must_use]
    pub fn read(inodes: impl Iterator<Item = u32>) -> Self {
        let mut inodes: Vec<u32> = inodes.filter(|inode| *inode != 0).collect();
        inodes.sort_unstable();
        inodes.dedup();
        match inodes.is_empty() {
            true => Self::default(),
            false => Self::walk(|inode| inodes.binary_search(&inode).is_ok()),
        }
    }

    /// The same for all sockets, of whatever kind.
    #[must_use]
    pub fn read_all() -> Self {
        Self::walk(|_| true)
    }

    fn walk(wanted: impl Fn(u32) -> bool + Sync) -> Self {
        let (pids, next) = (pids(), AtomicUsize::new(0));
        let numbering = Numbering::read();
        let walked = cpu::together(MOST_WALKERS, || {
            let mut walked = Self::default();
            while let Some(pid) = pids.get(next.fetch_add(1, Ordering::Relaxed)) {
                walked.look_at(*pid, numbering, &wanted);
            }
            walked
        });
        let mut all = Self::default();
        // Of a million, no more memory is had than they take.
        let count = walked.iter().map(|it| it.held.len()).sum();
        all.held.reserve_exact(count);
        for walked in walked {
            let before = u32::try_from(all.processes.len()).unwrap_or(u32::MAX);
            all.processes.extend(walked.processes);
            all.held.extend(walked.held.into_iter().map(|held| Held {
                process: held.process.saturating_add(before),
                ..held
            }));
        }
        all.sort();
        all
    }

    /// Puts them into their order, one for each process and socket.
    fn sort(&mut self) {
        self.held.sort_unstable();
        self.held.dedup_by_key(|held| (held.inode, held.process));
        let mut began = HashMap::new();
        let shared = self.held.chunk_by_mut(|one, next| one.inode == next.inode);
        for holders in shared.filter(|it| it.len() > 1) {
            holders.sort_by_cached_key(|held| {
                let pid = self.processes.get(held.process as usize).map(|it| it.pid);
                let when = *began
                    .entry(held.process)
                    .or_insert_with(|| pid.and_then(began_at));
                // Of two that began at once, the one with the lower id.
                (when, pid)
            });
        }
    }

    /// All that have a socket.
    fn held(&self, inode: u32) -> &[Held] {
        let begin = self.held.partition_point(|held| held.inode < inode);
        let from_there = self.held.get(begin..).unwrap_or_default();
        let count = from_there
            .iter()
            .take_while(|held| held.inode == inode)
            .count();
        &from_there[..count]
    }

    fn owner(&self, held: &Held) -> Option<Owner> {
        self.processes.get(held.process as usize)?.owner()
    }

    /// The owner of a socket, nothing known if there is none. Of several processes that share it,
    /// the one that began first is taken: most often it made it.
    #[must_use]
    pub fn of(&self, inode: u32) -> Owner {
        let mut all = self.held(inode).iter();
        all.find_map(|held| self.owner(held)).unwrap_or_default()
    }

    /// The one process that has a socket, or what several have in common. Of several, those that have
    /// it still: one that was just forked has what it lets go of when it becomes another program.
    #[must_use]
    pub fn of_all(&self, inode: u32) -> Owner {
        let all = self.held(inode);
        all.iter()
            .filter(|held| all.len() == 1 || self.has_still(held))
            .filter_map(|held| self.owner(held))
            .reduce(|one, other| in_common(&one, &other))
            .unwrap_or_default()
    }

    /// The same, where it is known who used the socket last: that process, if it has it still.
    #[must_use]
    pub fn of_known(&self, inode: u32, known: Owner) -> Owner {
        let pid = known.process.and_then(|process| process.pid);
        let same =
            |owner: &Owner| pid.is_some() && owner.process.and_then(|process| process.pid) == pid;
        let mut all = self.held(inode).iter().filter_map(|held| self.owner(held));
        all.find(same).unwrap_or_else(|| self.of(inode))
    }

    /// All processes that have it.
    pub fn holders(&self, inode: u32) -> impl Iterator<Item = Holder> {
        self.held(inode).iter().filter_map(|held| {
            let process = self.processes.get(held.process as usize)?;
            Some(Holder {
                process: process.owner()?.process?,
                descriptor: held.descriptor,
                listed: process.pid,
            })
        })
    }

    fn has_still(&self, held: &Held) -> bool {
        let Some(process) = self.processes.get(held.process as usize) else {
            return false;
        };
        let link = CString::new(held.descriptor.to_string());
        let folder = descriptors(process.pid).ok().zip(link.ok());
        folder.is_some_and(|(folder, link)| socket_of(&folder, &link) == Some(held.inode))
    }

    /// Looks for the sockets among the descriptors of a process.
    fn look_at(&mut self, pid: u32, numbering: Numbering, wanted: impl Fn(u32) -> bool) {
        let process = u32::try_from(self.processes.len()).unwrap_or(u32::MAX);
        let before = self.held.len();
        let _ = each_socket(pid, |descriptor, inode| {
            if wanted(inode) {
                self.held.push(Held {
                    inode,
                    process,
                    descriptor,
                });
            }
            ControlFlow::Continue(())
        });
        if self.held.len() > before {
            self.processes.push(Listed {
                pid,
                numbering,
                owner: OnceCell::new(),
            });
        }
    }
}

/// Whether several processes have a socket because one was forked from the other, or all from a
/// common parent.
#[must_use]
pub fn are_related(holders: &[Holder]) -> bool {
    let parents: BTreeMap<u32, u32> = holders
        .iter()
        .filter_map(|holder| Some((holder.listed, parent_of(holder.listed)?)))
        .collect();
    let mut of_others = parents.values().filter(|parent| **parent > 1);
    of_others.any(|parent| {
        parents.contains_key(parent) || parents.values().filter(|it| *it == parent).count() > 1
    })
}

/// When a process began, in clock ticks since the machine did.
fn began_at(pid: u32) -> Option<u64> {
    Some(stat(pid)?.starttime)
}

fn parent_of(pid: u32) -> Option<u32> {
    u32::try_from(stat(pid)?.ppid).ok()
}

fn stat(pid: u32) -> Option<Stat> {
    procfs::process::Process::new(pid.try_into().ok()?)
        .and_then(|process| process.stat())
        .ok()
}

/// The ids of all processes, the lowest first.
pub(super) fn pids() -> Vec<u32> {
    let mut pids: Vec<u32> = fs::read_dir("/proc")
        .into_iter()
        .flatten()
        .flatten()
        .filter_map(|entry| entry.file_name().to_str()?.parse().ok())
        .collect();
    pids.sort_unstable();
    pids
}

/// Whether a process has a socket.
pub(super) fn has(pid: u32, inode: u32) -> bool {
    each_socket(pid, |_, socket| match socket == inode {
        true => ControlFlow::Break(()),
        false => ControlFlow::Continue(()),
    })
    .is_break()
}

/// Hands over the sockets of a process, descriptor and inode, until `take` breaks it off. One that
/// is gone by now, or may not be looked at, has none to see.
///
/// There may be a hundred thousand: a link is read where it is, neither by its whole path nor into
/// memory of its own, and names are read many at once. procfs takes 1.7 times as long.
pub(super) fn each_socket(
    pid: u32,
    mut take: impl FnMut(u32, u32) -> ControlFlow<()>,
) -> ControlFlow<()> {
    let Ok(folder) = descriptors(pid) else {
        return ControlFlow::Continue(());
    };
    let mut room = [MaybeUninit::uninit(); 1 << 14];
    let mut entries = RawDir::new(&folder, &mut room);
    while let Some(Ok(entry)) = entries.next() {
        let name = entry.file_name();
        if let Some(descriptor) = name.to_str().ok().and_then(|it| it.parse().ok())
            && let Some(inode) = socket_of(&folder, name)
        {
            take(descriptor, inode)?;
        }
    }
    ControlFlow::Continue(())
}

/// The folder with the descriptors of a process.
fn descriptors(pid: u32) -> rustix::io::Result<OwnedFd> {
    let flags = OFlags::RDONLY | OFlags::DIRECTORY | OFlags::CLOEXEC;
    open(format!("/proc/{pid}/fd"), flags, Mode::empty())
}

/// The inode of the socket that a link in /proc/PID/fd leads to: `socket:[123]`.
fn socket_of(folder: &OwnedFd, link: &CStr) -> Option<u32> {
    let mut room = [MaybeUninit::uninit(); 32];
    let (target, _) = readlinkat_raw(folder, link, &mut room).ok()?;
    str::from_utf8(target)
        .ok()?
        .strip_prefix("socket:[")?
        .strip_suffix(']')?
        .parse()
        .ok()
}

pub(super) fn read_owner(pid: u32, numbering: Numbering) -> Option<Owner> {
    let comm = fs::read(format!("/proc/{pid}/comm")).ok()?;
    let comm = Comm::new(comm.strip_suffix(b"\n").unwrap_or(&comm));
    Some(Owner {
        process: Some(Process {
            pid: numbering.own(pid),
            comm,
        }),
        thread: None,
        uid: None,
        cgroup: cgroup_of(pid),
    })
}

/// The id of a process's cgroup (v2): the inode number of its directory.
fn cgroup_of(pid: u32) -> Option<Cgroup> {
    let process = procfs::process::Process::new(pid.try_into().ok()?).ok()?;
    let path = process
        .cgroups()
        .ok()?
        .into_iter()
        .find(|cgroup| cgroup.hierarchy == 0)?
        .pathname;
    // Asked once, not for each process: a machine with containers has thousands of mounts.
    static MOUNT: OnceLock<Option<PathBuf>> = OnceLock::new();
    let mount = MOUNT.get_or_init(|| {
        let mounts = procfs::process::Process::myself().and_then(|me| me.mountinfo());
        let mut mounts = mounts.ok()?.into_iter();
        Some(mounts.find(|it| it.fs_type == "cgroup2")?.mount_point)
    });
    let directory = mount.as_ref()?.join(path.trim_start_matches('/'));
    Cgroup::new(fs::metadata(directory).ok()?.ino()).filter(|id| silent_cgroup() != Some(*id))
}
