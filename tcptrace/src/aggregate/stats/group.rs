//! What figures are broken down by.

use std::net::IpAddr;

use super::{Ends, States, makers::service_port};
use crate::model::{Cgroup, Comm, Owner, Process, Side, Transition, Tuple, Workload};

/// By what.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum By {
    /// The name of the process.
    Comm,
    /// The process.
    Pid,
    /// The peer's address.
    Remote,
    /// The port of the service: of the side that did not open the connection.
    Port,
    /// The control group.
    Cgroup,
    /// The container.
    Container,
    /// The pod.
    Pod,
    /// The unit of systemd.
    Unit,
    /// The network namespace.
    Netns,
}

/// A value of it; `None`: unknown.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Group {
    /// The name of a process.
    Comm(Option<Comm>),
    /// A process.
    Pid(Option<Process>),
    /// The peer's address.
    Remote(Option<IpAddr>),
    /// A port.
    Port(Option<u16>),
    /// The id of a control group.
    Cgroup(Option<Cgroup>),
    /// The id of a control group that a container, pod or unit has: which one is asked when it is
    /// shown, as names may come late, and one may have several.
    Within(Option<Cgroup>),
    /// Inode number of a network namespace.
    Netns(u32),
}

impl By {
    /// All of them.
    pub const ALL: [Self; 9] = [
        Self::Comm,
        Self::Pid,
        Self::Remote,
        Self::Port,
        Self::Cgroup,
        Self::Container,
        Self::Pod,
        Self::Unit,
        Self::Netns,
    ];

    /// The group that a connection belongs to.
    #[must_use]
    pub fn group(self, tuple: &Tuple, owner: &Owner, opener: Option<Side>) -> Group {
        match self {
            Self::Comm => Group::Comm(owner.process.map(|process| process.comm)),
            Self::Pid => Group::Pid(owner.process),
            Self::Remote => Group::Remote(tuple.remote.port.map(|_| tuple.remote.addr)),
            Self::Port => Group::Port(service_port(tuple, opener)),
            Self::Cgroup => Group::Cgroup(owner.cgroup),
            Self::Container | Self::Pod | Self::Unit => Group::Within(owner.cgroup),
            Self::Netns => Group::Netns(tuple.netns),
        }
    }

    /// What that is called of what runs in a control group; `None`: nothing of that kind does, it is
    /// unknown, or that is not what is told apart.
    #[must_use]
    pub fn name_of(self, workload: &Workload) -> Option<String> {
        match self {
            Self::Container => workload.container_label(),
            Self::Pod => workload.pod.as_ref().map(ToString::to_string),
            Self::Unit => workload.unit.clone(),
            _ => None,
        }
    }

    /// Its name in JSON and CSV.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Comm => "comm",
            Self::Pid => "pid",
            Self::Remote => "remote",
            Self::Port => "port",
            Self::Cgroup => "cgroup",
            Self::Container => "container",
            Self::Pod => "pod",
            Self::Unit => "unit",
            Self::Netns => "netns",
        }
    }
}

/// Figures of a group.
#[derive(Clone, Debug, Default)]
pub struct GroupFigures {
    /// Transitions of its connections.
    pub transitions: u64,
    /// By state.
    pub states: States,
    /// How its connections ended.
    pub ends: Ends,
}

impl GroupFigures {
    /// Counts a transition.
    pub fn take(&mut self, it: &Transition) {
        self.transitions += 1;
        self.states.take(it);
        self.ends.take(it);
    }

    /// Takes another's figures in.
    pub fn absorb(&mut self, other: Self) {
        self.transitions += other.transitions;
        self.states.absorb(other.states);
        self.ends.absorb(other.ends);
    }
}
