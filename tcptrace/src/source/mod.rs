//! Where the events come from.
//!
//! A [`Source`] tells what happened, in its order. That of a live one, [`live::Live`], happens while
//! it is read: time is this machine's, which can be asked for what no event tells. Any other one
//! brings time with it, and [what was known](Beginning) of its machine.

mod cgroup_made;
mod decode;
pub mod live;
pub mod replay;

use std::{io, os::fd::OwnedFd};

pub use self::decode::{DecodeError, decode};
use crate::model::{
    CgroupMade, Closed, Cookie, Coverage, Degraded, DropCounts, Event, Existing, ForkedEvent,
    HolderAnswer, Machine, NamespaceSettings, Remembered, Tuple, Workload,
};

/// Something that a source tells.
#[derive(Clone, Copy, Debug)]
pub enum Told<'a> {
    /// An event of the kernel.
    Event(&'a Event),
    /// So many events were lost before what is told next.
    Lost(u64),
    /// So many events were lost before what is told next, as they could not be recorded: what is
    /// remembered is right nonetheless. Of a source that is not live.
    Unrecorded(u64),
    /// A control group was made.
    CgroupMade(CgroupMade<'a>),
    /// The path of a control group became known. Of a source that is not live.
    CgroupNamed {
        /// Its id.
        id: u64,
        /// Its path below the root of all.
        path: &'a str,
    },
    /// What runs in a control group became known, beyond what its path tells. Of a source that is not
    /// live.
    Workload {
        /// The control group's id.
        id: u64,
        /// What runs in it.
        workload: &'a Workload,
    },
    /// The name of a network interface became known, or changed. Of a source that is not live.
    LinkNamed {
        /// Inode number of its network namespace.
        netns: u32,
        /// Its index there.
        index: u32,
        /// Its name.
        name: &'a str,
    },
    /// How a network namespace is set up became known. Of a source that is not live.
    Namespace {
        /// Its inode number.
        netns: u32,
        /// How it is set up.
        settings: &'a NamespaceSettings,
    },
    /// A look at the listeners found what they had dropped. Of a source that is not live.
    Dropped {
        /// When that look was: CLOCK_MONOTONIC, ns.
        at_ns: u64,
        /// What they had dropped; `None`: as much as was told last.
        counts: Option<&'a DropCounts>,
    },
    /// A look at the machine found a connection to be stuck: JSON. Of a source that is not live.
    Stuck(&'a str),
    /// A look at the machine found something out. A live source tells of none, as its machine is
    /// looked at meanwhile.
    Found(Finding<'a>),
}

/// What a look at a machine found out that no event had told.
#[derive(Clone, Copy, Debug)]
pub enum Finding<'a> {
    /// The addresses and ports of a socket.
    Addresses(Cookie, Tuple),
    /// Who has a socket.
    Holder(HolderAnswer),
    /// Nothing yet: events were lost, and a look at all sockets begins.
    LookBegins,
    /// What that look found.
    Sockets {
        /// The sockets.
        sockets: &'a [Existing],
        /// Inode numbers of the network namespaces that were looked into.
        namespaces: &'a [u32],
    },
}

/// What came of asking a source for more.
#[derive(Clone, Copy, Debug)]
pub struct Batch {
    /// How much was told.
    pub told: usize,
    /// There is more. Without, a live source has no more for now, and any other is over.
    pub more: bool,
    /// All that happened until then was told: CLOCK_MONOTONIC of its machine, ns.
    pub until_ns: u64,
}

/// What is known before the first event, of a source that is not live.
#[derive(Clone, Debug)]
pub struct Beginning {
    /// When: CLOCK_MONOTONIC of its machine, ns.
    pub mono_ns: u64,
    /// The machine.
    pub machine: Machine,
    /// What can be seen there.
    pub coverage: Coverage,
    /// What can't, and why.
    pub degraded: Vec<Degraded>,
    /// The sockets that were there, listeners first.
    pub sockets: Vec<Existing>,
    /// Connections that were remembered from before.
    pub remembered: Vec<Remembered>,
    /// Sockets that had closed a moment before.
    pub closed: Vec<Closed>,
    /// Processes that had made others since they were seen to have sockets.
    pub forks: Vec<ForkedEvent>,
    /// Events had been lost, and the sockets not looked at since.
    pub unsure: bool,
    /// Control groups, each with its path.
    pub cgroups: Vec<(u64, String)>,
    /// What runs in those of which more is known than their paths tell.
    pub workloads: Vec<(u64, Workload)>,
    /// Names of network interfaces by their index, in each network namespace.
    pub links: Vec<(u32, Vec<(u32, String)>)>,
}

/// Tells what happened.
pub trait Source {
    /// Tells what happened next: so much of it at the most, in its order. `now` is the time at which
    /// a live source is asked: CLOCK_MONOTONIC, ns.
    ///
    /// One that is not live must not tell at once what happened long apart: whatever is due in
    /// between is done after a batch, at [`Batch::until_ns`].
    fn next(&mut self, now: u64, most: usize, each: impl FnMut(Told<'_>)) -> Batch;

    /// How many events were lost, of what was told so far.
    fn lost(&self) -> u64;

    /// How much of what was told so far could not be read.
    fn unreadable(&self) -> u64 {
        0
    }

    /// How many bytes are still to be read; `None`: that is not known.
    fn unread_bytes(&self) -> Option<u64> {
        None
    }

    /// How far the wall clock is ahead of CLOCK_MONOTONIC, ns, at the end of the last batch: where
    /// that changes, a batch ends. `None`: as the clocks of this machine say.
    fn wall_ahead_ns(&self) -> Option<i64> {
        None
    }

    /// How many more events were lost by now that nothing was told after. Of those that the kernel
    /// half may have left out, `told_twice` were told by another part of it.
    fn newly_lost(&mut self, _told_twice: u64) -> u64 {
        0
    }

    /// Whether it is time to ask for those, which is not for nothing.
    fn should_ask_for_losses(&self) -> bool {
        false
    }

    /// Takes note of a process that has a listener: that it makes another one is to be told.
    fn note_holder(&mut self, _pid: u32) {}

    /// A descriptor that becomes readable when there is more to be told; `None`: it never has to be
    /// waited for.
    ///
    /// # Errors
    /// When this process has too many descriptors.
    fn wakeups(&self) -> io::Result<Option<OwnedFd>> {
        Ok(None)
    }

    /// Has the first event from now on make that descriptor readable. What came just before does
    /// not: it must be asked for more once again before going to sleep.
    ///
    /// # Errors
    /// When the kernel does not take it.
    fn ask_to_be_woken(&mut self) -> io::Result<()> {
        Ok(())
    }
}
