//! Which transitions are asked for.

mod network;
mod options;
mod ports;

use std::net::IpAddr;

pub use self::{
    network::{Network, NetworkError, WrittenNetwork, network, written_network},
    options::OptionError,
    ports::{PortError, PortSet},
};
use crate::model::{Comm, Connection, Family, FlowRecord, Owner, State, Transition, Tuple};

/// What is asked for. Each part narrows it down; an empty one lets everything through. Within a
/// list, one match is enough.
///
/// What isn't known does not match: a connection whose port can't be had is not of port 80.
///
/// Which control group is asked for is not known here, as paths are not: whoever knows them passes
/// `in_cgroup`, whether the owner's is that one or below it.
#[derive(Clone, Debug, Default)]
pub struct Filter {
    /// Only this family.
    pub family: Option<Family>,
    /// Only these local ports.
    pub local_ports: Option<PortSet>,
    /// Only these remote ports.
    pub remote_ports: Option<PortSet>,
    /// One of the ports must be in it.
    pub ports: Option<PortSet>,
    /// Only these local addresses.
    pub local_addrs: Vec<Network>,
    /// Only these remote addresses.
    pub remote_addrs: Vec<Network>,
    /// One of the addresses must be in it.
    pub addrs: Vec<Network>,
    /// Only these processes.
    pub pids: Vec<u32>,
    /// Only processes, or threads, of these names; the kernel keeps 15 bytes of a name.
    pub comms: Vec<String>,
    /// Only these users.
    pub uids: Vec<u32>,
    /// Only the network namespace with this inode number.
    pub netns: Option<u32>,
    /// Only processes of the control group that is asked for, or of one below it.
    pub in_cgroup: bool,
    /// Only transitions from or to one of these.
    pub states: Vec<State>,
    /// Only the traced command and its children.
    pub followed: bool,
    /// Only what this lets through, too: what a recording was asked for.
    pub within: Option<Box<Self>>,
}

impl Filter {
    /// Whether it lets everything through, so that nothing need be looked at.
    #[must_use]
    pub fn lets_all_through(&self) -> bool {
        let Self {
            family,
            local_ports,
            remote_ports,
            ports,
            local_addrs,
            remote_addrs,
            addrs,
            pids,
            comms,
            uids,
            netns,
            in_cgroup,
            states,
            followed,
            within,
        } = self;
        let addrs = [local_addrs, remote_addrs, addrs];
        family.is_none()
            && [local_ports, remote_ports, ports]
                .iter()
                .all(|it| it.is_none())
            && addrs.iter().all(|it| it.is_empty())
            && pids.is_empty()
            && comms.is_empty()
            && uids.is_empty()
            && netns.is_none()
            && !in_cgroup
            && states.is_empty()
            && !followed
            && within.as_ref().is_none_or(|it| it.lets_all_through())
    }

    /// Whether a transition is asked for.
    #[must_use]
    pub fn matches(&self, transition: &Transition, in_cgroup: bool) -> bool {
        self.within
            .as_ref()
            .is_none_or(|it| it.matches(transition, in_cgroup))
            && (!self.in_cgroup || in_cgroup)
            && self.matches_tuple(&transition.tuple)
            && self.matches_owner(&transition.owner, transition.followed)
            && (self.states.is_empty()
                || self.states.contains(&transition.from)
                || self.states.contains(&transition.to))
    }

    /// The part of it that is the same for all of a connection: who has it, and in which state it
    /// is, changes.
    #[must_use]
    pub fn of_connections(&self) -> Self {
        Self {
            pids: Vec::new(),
            comms: Vec::new(),
            uids: Vec::new(),
            in_cgroup: false,
            states: Vec::new(),
            followed: false,
            within: self.within.as_ref().map(|it| Box::new(it.of_connections())),
            ..self.clone()
        }
    }

    /// Whether a connection is asked for, by who had it last and the states that it went through.
    #[must_use]
    pub fn matches_flow(&self, flow: &FlowRecord, in_cgroup: bool) -> bool {
        self.within
            .as_ref()
            .is_none_or(|it| it.matches_flow(flow, in_cgroup))
            && (!self.in_cgroup || in_cgroup)
            && self.matches_tuple(&flow.tuple)
            && self.matches_owner(&flow.owner, flow.followed)
            && (self.states.is_empty() || self.states.iter().any(|state| flow.went_through(*state)))
    }

    /// Whether a connection is asked for, by the state that it is in.
    #[must_use]
    pub fn matches_connection(&self, it: &Connection, in_cgroup: bool) -> bool {
        self.within
            .as_ref()
            .is_none_or(|within| within.matches_connection(it, in_cgroup))
            && (!self.in_cgroup || in_cgroup)
            && self.matches_tuple(&it.tuple)
            && self.matches_owner(&it.owner, it.followed)
            && (self.states.is_empty() || self.states.contains(&it.state))
    }

    /// Whether a socket is asked for.
    #[must_use]
    pub fn matches_socket(
        &self,
        tuple: &Tuple,
        owner: &Owner,
        state: State,
        in_cgroup: bool,
    ) -> bool {
        let within = |it: &Self| it.matches_socket(tuple, owner, state, in_cgroup);
        self.within.as_deref().is_none_or(within)
            && (!self.in_cgroup || in_cgroup)
            && self.matches_tuple(tuple)
            && self.matches_owner(owner, false)
            && (self.states.is_empty() || self.states.contains(&state))
    }

    /// Whether a connection with these addresses and ports may be asked for. The kernel half
    /// decides that, too, and tells nothing of others.
    #[must_use]
    pub fn matches_tuple(&self, tuple: &Tuple) -> bool {
        let (local, remote) = (tuple.local, tuple.remote);
        self.family
            .is_none_or(|family| family == Family::of(local.addr))
            && self.netns.is_none_or(|netns| netns == tuple.netns)
            && self
                .local_ports
                .as_ref()
                .is_none_or(|set| set.has(local.port))
            && self
                .remote_ports
                .as_ref()
                .is_none_or(|set| set.has(remote.port))
            && self
                .ports
                .as_ref()
                .is_none_or(|set| set.has(local.port) || set.has(remote.port))
            && (self.local_addrs.is_empty() || has(&self.local_addrs, local.addr, tuple))
            && (self.remote_addrs.is_empty()
                || (remote.port.is_some() && has(&self.remote_addrs, remote.addr, tuple)))
            && (self.addrs.is_empty()
                || has(&self.addrs, local.addr, tuple)
                || (remote.port.is_some() && has(&self.addrs, remote.addr, tuple)))
    }

    fn matches_owner(&self, owner: &Owner, followed: bool) -> bool {
        (!self.followed || followed)
            && (self.pids.is_empty()
                || owner
                    .process
                    .and_then(|process| process.pid)
                    .is_some_and(|pid| self.pids.contains(&pid)))
            && (self.comms.is_empty()
                || self.comms.iter().any(|comm| {
                    let wanted = Comm::new(comm.as_bytes());
                    let process = owner.process.map(|process| process.comm);
                    process == Some(wanted) || owner.thread == Some(wanted)
                }))
            && (self.uids.is_empty() || owner.uid.is_some_and(|uid| self.uids.contains(&uid)))
    }
}

fn has(nets: &[Network], addr: IpAddr, tuple: &Tuple) -> bool {
    nets.iter().any(|net| net.has(addr, tuple))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::Process;

    #[test]
    fn what_asks_for_something_does_not_let_all_through() {
        let all = Filter::default();
        assert!(all.lets_all_through());
        let of = |within: Filter| Filter {
            within: Some(Box::new(within)),
            ..Filter::default()
        };
        assert!(of(all).lets_all_through());
        let states = Filter {
            states: vec![State::Listen],
            ..Filter::default()
        };
        assert!(!of(states).lets_all_through());
        let in_cgroup = Filter {
            in_cgroup: true,
            ..Filter::default()
        };
        assert!(!in_cgroup.lets_all_through());
    }

    #[test]
    fn names_are_compared_as_far_as_the_kernel_keeps_them_and_as_they_are_shown() {
        let matches = |wanted: &str, comm: &[u8]| {
            let filter = Filter {
                comms: vec![wanted.to_owned()],
                ..Filter::default()
            };
            let owner = Owner {
                process: Some(Process {
                    pid: Some(1),
                    comm: Comm::new(comm),
                }),
                thread: Some(Comm::new(b"Socket Thread")),
                ..Owner::default()
            };
            filter.matches_owner(&owner, false)
        };
        assert!(matches("Socket Thread", b"firefox"));
        assert!(matches("kubelet", b"kubelet"));
        assert!(!matches("kube", b"kubelet"));
        assert!(matches("a-very-long-process-name", b"a-very-long-pro"));
        // The kernel cuts through a character.
        let long = "ääääääääää";
        assert!(matches(long, &long.as_bytes()[..15]));
        // One that is shown with ? is found by that.
        assert!(matches("a?b", b"a\x1bb"));
    }
}
