//! Process ids as the pid namespace of this process has them, whichever namespace /proc is of.

use std::{fs, io, os::fd::AsRawFd as _};

use super::descriptor::Handle;

use crate::model::PidNamespace;

/// Inode number of the initial pid namespace: PROC_PID_INIT_INO, include/linux/proc_ns.h.
const INITIAL: u64 = 0xeffffffc;

/// The pid namespace of this process.
#[must_use]
pub fn pid_namespace() -> PidNamespace {
    use std::os::unix::fs::MetadataExt as _;
    match fs::metadata("/proc/self/ns/pid").map(|it| it.ino()) {
        Ok(INITIAL) => PidNamespace::Initial,
        Ok(inode) => u32::try_from(inode).map_or(PidNamespace::Unknown, PidNamespace::Within),
        Err(_) => PidNamespace::Unknown,
    }
}

/// How to read the ids that /proc has.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Numbering {
    /// They are those of this process's namespace.
    Own,
    /// They are of a namespace so many levels further out.
    Outer(usize),
    /// They are of a namespace that this process is not in.
    Foreign,
}

impl Numbering {
    /// That of the /proc that is mounted.
    pub fn read() -> Self {
        match ids("self").map(|ids| ids.len()) {
            Some(1) => Self::Own,
            Some(levels @ 2..) => Self::Outer(levels - 1),
            _ => Self::Foreign,
        }
    }

    /// The id of a process that /proc has by this one; `None`: it has none here.
    pub fn own(self, pid: u32) -> Option<u32> {
        match self {
            Self::Own => Some(pid),
            Self::Outer(levels) => {
                let own = *ids(&pid.to_string())?.get(levels)?;
                // One of a namespace beside this one has as many ids.
                (in_proc(own).ok()? == pid).then_some(own)
            }
            Self::Foreign => None,
        }
    }
}

/// The ids of a process, in the namespace that /proc is of first, then in those within it
/// (`task_state()`, fs/proc/array.c, since 4.1).
fn ids(process: &str) -> Option<Vec<u32>> {
    let status = fs::read_to_string(format!("/proc/{process}/status")).ok()?;
    let ids = status.lines().find_map(|it| it.strip_prefix("NSpid:"))?;
    ids.split_whitespace().map(|id| id.parse().ok()).collect()
}

/// The id in /proc of a process that has this one here: what is shown of a pidfd is in the
/// numbering of /proc (`pidfd_show_fdinfo()`).
fn in_proc(pid: u32) -> io::Result<u32> {
    let Handle(process) = Handle::open(pid)?;
    fs::read_to_string(format!("/proc/self/fdinfo/{}", process.as_raw_fd()))?
        .lines()
        .find_map(|it| it.strip_prefix("Pid:"))
        .and_then(|pid| pid.trim().parse().ok())
        .ok_or_else(|| io::Error::from(io::ErrorKind::InvalidData))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn this_process_has_its_own_id() {
        let own = std::process::id();
        assert_eq!(Numbering::read(), Numbering::Own);
        assert_eq!(Numbering::Own.own(own), Some(own));
        assert_eq!(in_proc(own).unwrap(), own);
        // As if /proc were of a namespace further out, where this process has one id more.
        assert_eq!(Numbering::Outer(1).own(own), None);
        assert_eq!(Numbering::Outer(0).own(own), Some(own));
    }
}
