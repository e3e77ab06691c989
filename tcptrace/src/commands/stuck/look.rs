//! Looks into network namespaces, and at /proc for who has the sockets.

use std::{
    collections::{HashMap, HashSet},
    io,
};

use crate::{
    decode::{Cookie, Owner, Tuple},
    filter::Filter,
    kernel::Cgroups,
    snapshot::{Inspected, Inspection, Listening, Namespace, Namespaces, Owners},
    stuck::{Held, Suspect, diagnose},
    track::{Connection, ExistingKind, State},
    view::ShownStuck,
};

/// What is looked for, and how.
#[derive(Debug)]
pub(super) struct Looks {
    filter: Filter,
    states: Vec<State>,
    /// Namespaces that could not be looked into, which was told.
    failed: HashSet<u32>,
}

/// A connection that is to be shown, before it is known who has it.
pub(super) struct Found {
    pub connection: Connection,
    pub held: Held,
    pub suspect: Suspect,
    /// 0: no process has it.
    pub inode: u32,
}

impl Found {
    /// The inode of the socket whose owner is to blame: its own, or that of its listener.
    fn blamed(&self) -> u32 {
        match (self.inode, self.suspect.listening) {
            (0, Some(Listening { inode, .. })) => inode.unwrap_or_default(),
            (inode, _) => inode,
        }
    }
}

impl Looks {
    pub fn new(filter: Filter, states: Vec<State>) -> Self {
        Self {
            filter,
            states,
            failed: HashSet::new(),
        }
    }

    /// Only this namespace is asked for.
    pub fn only(&self) -> Option<u32> {
        self.filter.netns
    }

    /// Looks into a namespace. What fails is told once.
    pub fn inspect(&mut self, namespace: &Namespace, states: &[State]) -> Option<Inspection> {
        let states: Vec<State> = self
            .states
            .iter()
            .copied()
            .filter(|state| states.contains(state))
            .collect();
        namespace
            .inspect(&states)
            .inspect_err(|error| self.tell(namespace.inode, error))
            .ok()
    }

    /// Looks into the namespace with this inode number. `pid`: a process that may live in it.
    pub fn inspect_one(
        &mut self,
        netns: u32,
        pid: Option<u32>,
        states: &[State],
    ) -> Option<Inspection> {
        match Namespaces::find(netns, pid) {
            Some(namespace) => self.inspect(&namespace, states),
            None => {
                let gone = io::Error::new(
                    io::ErrorKind::NotFound,
                    "no process lives there, and it has no name",
                );
                self.tell(netns, &gone);
                None
            }
        }
    }

    /// Says that a namespace can't be looked into.
    pub fn tell(&mut self, netns: u32, error: &io::Error) {
        // A container that ended may leave its last connections for a while.
        let level = match error.kind() {
            io::ErrorKind::NotFound => log::Level::Info,
            _ => log::Level::Warn,
        };
        if self.failed.insert(netns) {
            log::log!(
                level,
                "sockets of network namespace {netns} can't be looked at: {error}"
            );
        }
    }

    /// The states that are looked for.
    pub fn states(&self) -> &[State] {
        &self.states
    }

    /// Finds out who has them, drops those that nobody asked for, and diagnoses the rest.
    pub fn diagnose(&self, found: Vec<Found>, now: u64, cgroups: &mut Cgroups) -> Vec<ShownStuck> {
        let mut near: Vec<u32> = found
            .iter()
            .filter_map(|it| it.connection.owner.process?.pid)
            .collect();
        near.sort_unstable();
        near.dedup();
        let owners = Owners::read_near(found.iter().map(Found::blamed), &near);
        found
            .into_iter()
            .filter_map(|it| {
                let mut connection = it.connection;
                connection.owner = owner(&it, &owners);
                self.filter
                    .matches_connection(&connection, cgroups)
                    .then(|| ShownStuck {
                        mono_ns: now,
                        connection,
                        descriptor: owners.descriptor(it.inode),
                        held: it.held,
                        diagnosis: diagnose(&it.suspect),
                        suspect: it.suspect,
                    })
            })
            .collect()
    }
}

/// Who has it open now; otherwise who had it, as the trace knows.
fn owner(it: &Found, owners: &Owners) -> Owner {
    let (now, known) = (owners.of(it.blamed()), it.connection.owner);
    Owner {
        process: now.process.or(known.process),
        thread: known.thread.filter(|_| now.process.is_none()),
        uid: known.uid,
        cgroup: now.cgroup.or(known.cgroup),
    }
}

/// A socket that was looked at, as a connection of which no more is known.
pub(super) fn connection(Inspected { found, .. }: &Inspected) -> Connection {
    let mut owner = Owner::default();
    if found.kind == ExistingKind::Socket {
        // Without an inode, older kernels say 0 whoever it was.
        owner.uid = (found.inode != 0).then_some(found.uid);
        owner.cgroup = found.cgroup;
    }
    Connection {
        cookie: found.cookie,
        tuple: found.tuple,
        state: found.state,
        since: None,
        kind: found.kind,
        owner,
        opener: None,
        followed: false,
        bound: false,
    }
}

/// Sockets of a look by what connections are known by: half-open ones by their addresses.
pub(super) struct Index<'a> {
    sockets: HashMap<Cookie, &'a Inspected>,
    requests: HashMap<Tuple, &'a Inspected>,
}

impl<'a> Index<'a> {
    pub fn new(inspection: &'a Inspection) -> Self {
        let mut index = Self {
            sockets: HashMap::new(),
            requests: HashMap::new(),
        };
        for socket in &inspection.sockets {
            if socket.found.kind == ExistingKind::Request {
                index.requests.insert(socket.found.tuple, socket);
            } else if let Some(cookie) = socket.found.cookie {
                index.sockets.insert(cookie, socket);
            }
        }
        index
    }

    /// The socket of a connection, if it is in the same state still.
    pub fn of(&self, connection: &Connection) -> Option<&'a Inspected> {
        let socket = match (connection.kind, connection.cookie) {
            (ExistingKind::Request, _) => self.requests.get(&connection.tuple),
            (_, Some(cookie)) => self.sockets.get(&cookie),
            (_, None) => None,
        }?;
        (socket.found.state == connection.state).then_some(*socket)
    }
}
