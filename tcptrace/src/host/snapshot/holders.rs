//! Which process has one socket, looked up while tracing.

use netlink_packet_sock_diag::inet::StateFlags;

use super::{
    Namespaces,
    owners::{Holder, Owners, has, pids, read_owner},
    pids::Numbering,
};
use crate::{
    host::monotonic_now,
    model::{HolderAnswer, HolderQuestion, Owner, Process},
};

/// What a look gave.
#[derive(Clone, Copy, Debug)]
pub enum Look {
    /// The socket is there, and this is who has it.
    Done(HolderAnswer),
    /// It waits to be accepted: no process has it yet.
    Waits,
    /// It is gone, or can't be looked at.
    Gone,
}

/// Looks for who has a socket. Of a connection, one that has it will do, and those that are near
/// are looked at first; who has a listener may be many.
#[must_use]
pub fn who_has(question: &HolderQuestion) -> Look {
    let since = monotonic_now();
    let Some(inode) = inode(question) else {
        return Look::Gone;
    };
    if inode == 0 {
        return Look::Waits;
    }
    let owner = if question.listener {
        of_all(inode)
    } else {
        first(inode, question.near)
    };
    Look::Done(HolderAnswer {
        cookie: question.cookie,
        since,
        owner,
    })
}

/// All processes that have a socket, each with its lowest descriptor; `None`: it is gone, or can't
/// be told.
#[must_use]
pub fn all_who_have(question: &HolderQuestion) -> Option<Vec<Holder>> {
    let inode = inode(question)?;
    let owners = Owners::read([inode].into_iter());
    let holders: Vec<_> = owners.holders(inode).collect();
    // One that has an inode is somebody's, whom this process may not see.
    (inode == 0 || !holders.is_empty()).then_some(holders)
}

/// The inode of a socket; 0: no process has it.
fn inode(question: &HolderQuestion) -> Option<u32> {
    let namespace = Namespaces::find(question.tuple.netns, question.near)?;
    if question.listener {
        // Several may listen at one place. There are few listeners, in a table of their own.
        let found = namespace.dump(StateFlags::LISTEN).ok()?;
        let cookie = Some(question.cookie);
        return found
            .iter()
            .find(|it| it.cookie == cookie)
            .map(|it| it.inode);
    }
    namespace.one(question.tuple, question.cookie)
}

/// The first that has it.
fn first(inode: u32, near: Option<u32>) -> Option<Owner> {
    let numbering = Numbering::read();
    let family = near.into_iter().flat_map(|pid| {
        // The younger ones first: those that were made for a connection.
        let mut children = children(pid);
        children.sort_unstable_by(|a, b| b.cmp(a));
        children.into_iter().chain([pid])
    });
    family
        .chain(pids())
        .find(|pid| has(*pid, inode))
        .and_then(|pid| read_owner(pid, numbering))
}

/// The one process that has it, or what all of several have in common.
fn of_all(inode: u32) -> Option<Owner> {
    let numbering = Numbering::read();
    let mut all = pids()
        .into_iter()
        .filter(|pid| has(*pid, inode))
        .filter_map(|pid| read_owner(pid, numbering));
    let first = all.next()?;
    Some(all.fold(first, |one, other| in_common(&one, &other)))
}

/// What two processes have in common.
pub(super) fn in_common(one: &Owner, other: &Owner) -> Owner {
    let comm = one.process.map(|it| it.comm);
    Owner {
        process: comm
            .filter(|_| comm == other.process.map(|it| it.comm))
            .map(|comm| Process { pid: None, comm }),
        thread: None,
        uid: None,
        cgroup: one.cgroup.filter(|_| one.cgroup == other.cgroup),
    }
}

/// The processes that a process has made (CONFIG_PROC_CHILDREN; otherwise all are looked at).
fn children(pid: u32) -> Vec<u32> {
    let process = i32::try_from(pid).ok().map(procfs::process::Process::new);
    let tasks = process.and_then(|process| process.ok()?.tasks().ok());
    let tasks = tasks.into_iter().flatten().flatten();
    tasks
        .filter_map(|task| task.children().ok())
        .flatten()
        .collect()
}
