//! Which process has which socket, from /proc.

use std::{
    collections::{BTreeMap, HashMap},
    ffi::CStr,
    fs,
    mem::MaybeUninit,
    os::{fd::OwnedFd, unix::fs::MetadataExt as _},
    path::PathBuf,
    sync::OnceLock,
};

use serde::{Deserialize, Serialize};

use procfs::process::Stat;
use rustix::fs::{Dir, Mode, OFlags, open, readlinkat_raw};

use super::{holders::in_common, pids::Numbering};
use crate::{
    host::silent_cgroup,
    model::{Cgroup, Comm, Owner, Process},
};

/// Who has which socket, by its inode.
#[derive(Debug, Default)]
pub struct Owners {
    /// The processes that have one of the sockets, by their ids in /proc.
    owners: Vec<(u32, Owner)>,
    /// By the inode: indices of processes, the one that began first in front, and the lowest
    /// descriptor by which each has it.
    held: HashMap<u32, Vec<(u32, u32)>>,
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
    /// Walks the descriptors of all processes.
    #[must_use]
    pub fn read(inodes: impl Iterator<Item = u32>) -> Self {
        let mut owners = Self {
            owners: Vec::new(),
            held: inodes
                .filter(|inode| *inode != 0)
                .map(|inode| (inode, Vec::new()))
                .collect(),
        };
        if !owners.held.is_empty() {
            let numbering = Numbering::read();
            for pid in pids() {
                owners.look_at(pid, numbering);
            }
            for holders in owners.held.values_mut().filter(|it| it.len() > 1) {
                holders.sort_by_cached_key(|(owner, _)| {
                    let process = owners.owners.get(*owner as usize);
                    process.and_then(|(listed, _)| began(*listed))
                });
            }
        }
        owners
    }

    /// The owner of a socket, nothing known if there is none. Of several processes that share it,
    /// the one that began first is taken: most often it made it.
    #[must_use]
    pub fn of(&self, inode: u32) -> Owner {
        self.first(inode)
            .and_then(|(owner, _)| self.owners.get(owner as usize))
            .map(|(_, owner)| *owner)
            .unwrap_or_default()
    }

    /// The one process that has a socket, or what several have in common.
    #[must_use]
    pub fn of_all(&self, inode: u32) -> Owner {
        let held = self.held.get(&inode).into_iter().flatten();
        held.filter_map(|(owner, _)| self.owners.get(*owner as usize))
            .map(|(_, owner)| *owner)
            .reduce(|one, other| in_common(&one, &other))
            .unwrap_or_default()
    }

    /// The same, where it is known who used the socket last: that process, if it has it still.
    #[must_use]
    pub fn of_known(&self, inode: u32, known: Owner) -> Owner {
        let pid = known.process.and_then(|process| process.pid);
        let same =
            |owner: &Owner| pid.is_some() && owner.process.and_then(|process| process.pid) == pid;
        let holders = self.held.get(&inode).into_iter().flatten();
        holders
            .filter_map(|(owner, _)| self.owners.get(*owner as usize))
            .map(|(_, owner)| *owner)
            .find(same)
            .unwrap_or_else(|| self.of(inode))
    }

    /// The descriptor by which a process has it.
    #[must_use]
    pub fn descriptor(&self, inode: u32, owner: Owner) -> Option<u32> {
        let process = owner.process?;
        let mut holders = self.holders(inode).into_iter();
        holders
            .find(|holder| holder.process == process)
            .map(|holder| holder.descriptor)
    }

    /// All processes that have it.
    #[must_use]
    pub fn holders(&self, inode: u32) -> Vec<Holder> {
        let held = self.held.get(&inode).map(Vec::as_slice).unwrap_or_default();
        held.iter()
            .filter_map(|(owner, descriptor)| {
                let (listed, owner) = self.owners.get(*owner as usize)?;
                Some(Holder {
                    process: owner.process?,
                    descriptor: *descriptor,
                    listed: *listed,
                })
            })
            .collect()
    }

    fn first(&self, inode: u32) -> Option<(u32, u32)> {
        self.held.get(&inode)?.first().copied()
    }

    /// Looks for the sockets among the descriptors of a process.
    fn look_at(&mut self, pid: u32, numbering: Numbering) {
        let mut this = None;
        for (descriptor, inode) in sockets_of(pid) {
            let Some(holders) = self.held.get_mut(&inode) else {
                continue;
            };
            let index = match this {
                Some(index) => index,
                None => {
                    let Some(owner) = read_owner(pid, numbering) else {
                        return;
                    };
                    self.owners.push((pid, owner));
                    let index = u32::try_from(self.owners.len() - 1).unwrap_or(u32::MAX);
                    this = Some(index);
                    index
                }
            };
            match holders.last_mut() {
                Some((last, lowest)) if *last == index => *lowest = descriptor.min(*lowest),
                _ => holders.push((index, descriptor)),
            }
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
fn began(pid: u32) -> Option<u64> {
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
    sockets_of(pid).any(|(_, socket)| socket == inode)
}

/// The sockets of a process: descriptors and inodes. One that is gone by now, or may not be looked
/// at, has none to see.
///
/// There may be a hundred thousand: a link is read where it is, neither by its whole path nor into
/// memory of its own. procfs takes 1.7 times as long.
pub(super) fn sockets_of(pid: u32) -> impl Iterator<Item = (u32, u32)> {
    let flags = OFlags::RDONLY | OFlags::DIRECTORY | OFlags::CLOEXEC;
    let folder = open(format!("/proc/{pid}/fd"), flags, Mode::empty());
    let entries = folder.and_then(|folder| Ok((Dir::read_from(&folder)?, folder)));
    entries.into_iter().flat_map(|(entries, folder)| {
        entries.flatten().filter_map(move |entry| {
            let descriptor = entry.file_name().to_str().ok()?.parse().ok()?;
            Some((descriptor, socket_of(&folder, entry.file_name())?))
        })
    })
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
