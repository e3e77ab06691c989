//! Which process has which socket, from /proc.

use std::{
    collections::HashMap,
    fs,
    os::unix::fs::MetadataExt as _,
    path::{Path, PathBuf},
    sync::OnceLock,
};

use super::{holders::in_common, pids::Numbering};
use crate::{
    decode::{Cgroup, Comm, Owner, Process},
    kernel::silent_cgroup,
};

/// Owners by the inode of the socket.
#[derive(Debug, Default)]
pub struct Owners(HashMap<u32, Holder>);

/// A process that has a socket.
#[derive(Clone, Copy, Debug)]
struct Holder {
    owner: Owner,
    /// What all have in common that have it.
    common: Owner,
    /// By which descriptor; the lowest of several.
    descriptor: u32,
}

impl Owners {
    /// Walks the descriptors of all processes. Of several that share a socket, the one with the
    /// lowest id is taken: most often it made it.
    #[must_use]
    pub fn read(inodes: impl Iterator<Item = u32>) -> Self {
        Self::read_near(inodes, &[])
    }

    /// The same, where these processes are asked first: only if one of the sockets is not theirs
    /// are all others asked, which takes its time on a busy machine.
    #[must_use]
    pub fn read_near(inodes: impl Iterator<Item = u32>, near: &[u32]) -> Self {
        let mut wanted: HashMap<u32, Option<Holder>> = inodes
            .filter(|inode| *inode != 0)
            .map(|inode| (inode, None))
            .collect();
        walk(near, &mut wanted);
        if wanted.values().any(Option::is_none) {
            let mut pids: Vec<u32> = pids().collect();
            pids.sort_unstable();
            walk(&pids, &mut wanted);
        }
        Self(
            wanted
                .into_iter()
                .filter_map(|(inode, holder)| Some((inode, holder?)))
                .collect(),
        )
    }

    /// The owner of a socket, nothing known if there is none.
    #[must_use]
    pub fn of(&self, inode: u32) -> Owner {
        self.0.get(&inode).map(|it| it.owner).unwrap_or_default()
    }

    /// The one process that has a socket, or what several have in common.
    #[must_use]
    pub fn of_all(&self, inode: u32) -> Owner {
        self.0.get(&inode).map(|it| it.common).unwrap_or_default()
    }

    /// The descriptor by which the owner has it.
    #[must_use]
    pub fn descriptor(&self, inode: u32) -> Option<u32> {
        self.0.get(&inode).map(|it| it.descriptor)
    }
}

/// All processes that /proc has.
pub(super) fn pids() -> impl Iterator<Item = u32> {
    fs::read_dir("/proc")
        .into_iter()
        .flatten()
        .flatten()
        .filter_map(|entry| entry.file_name().to_str()?.parse().ok())
}

/// Whether a process has a socket.
pub(super) fn has(pid: u32, inode: u32) -> bool {
    fs::read_dir(format!("/proc/{pid}/fd"))
        .into_iter()
        .flatten()
        .flatten()
        .any(|descriptor| socket_of(&descriptor.path()) == Some(inode))
}

/// Looks for the sockets among the descriptors of processes.
fn walk(pids: &[u32], wanted: &mut HashMap<u32, Option<Holder>>) {
    let numbering = Numbering::read();
    for pid in pids.iter().copied() {
        // A process that is gone by now, or may not be looked at, has no descriptors to see.
        let Ok(descriptors) = fs::read_dir(format!("/proc/{pid}/fd")) else {
            continue;
        };
        let mut this = None;
        for descriptor in descriptors.flatten() {
            if let Some(inode) = socket_of(&descriptor.path())
                && let Some(holder) = wanted.get_mut(&inode)
                && let Some(number) = number_of(&descriptor.path())
                && let Some(owner) = *this.get_or_insert_with(|| read_owner(pid, numbering))
            {
                match holder {
                    Some(holder) if holder.owner.process == owner.process => {}
                    Some(holder) => holder.common = in_common(&holder.common, &owner),
                    None => {
                        *holder = Some(Holder {
                            owner,
                            common: owner,
                            descriptor: number,
                        });
                    }
                }
            }
        }
    }
}

/// The number of a descriptor: the name of its link.
fn number_of(link: &Path) -> Option<u32> {
    link.file_name()?.to_str()?.parse().ok()
}

/// The inode of the socket that a link in /proc/PID/fd leads to: `socket:[123]`.
fn socket_of(link: &Path) -> Option<u32> {
    let target = fs::read_link(link).ok()?;
    target
        .to_str()?
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
