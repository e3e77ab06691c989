//! Looks into network namespaces, and at /proc for who has the sockets.

use std::{
    collections::{BTreeMap, HashMap},
    io,
    time::{Duration, Instant},
};

use crate::{
    diagnose::{Age, Held, Suspect, Verdict, diagnose},
    filter::Filter,
    host::{
        Cgroups, Ended, EndedSockets, Holder, Inspected, Inspection, Listening, Namespace,
        Namespaces, Owners, snapshot,
    },
    model::{Connection, Cookie, Owner, SocketKind, State, Tuple},
    output::ShownStuck,
};

/// How many sockets are asked for their own timeout in one look, at the most.
const MOST_ASKED: usize = 4096;
/// How soon a namespace is tried again that could not be looked into, at first and at the most.
const AGAIN: Duration = Duration::from_secs(1);
const AGAIN_AT_MOST: Duration = Duration::from_secs(60);

/// What is looked for, and how.
#[derive(Debug)]
pub(super) struct Looks {
    filter: Filter,
    states: Vec<State>,
    /// Namespaces that could not be looked into, which was told: when they are tried again, and
    /// after which pause.
    failed: HashMap<u32, (Instant, Duration)>,
    ended: EndedSockets,
    /// Established connections that wait: since when, at the latest.
    waiting: HashMap<Cookie, Instant>,
}

/// A connection that may be shown.
#[derive(Clone, Debug)]
pub(super) struct Candidate {
    pub connection: Connection,
    pub suspect: Suspect,
    /// 0: no process has it.
    pub inode: u32,
    /// Who has it by now, as /proc tells.
    pub owner: Owner,
    pub holders: Vec<Holder>,
}

impl Candidate {
    pub fn new(connection: Connection, suspect: Suspect, inode: u32) -> Self {
        Self {
            connection,
            suspect,
            inode,
            owner: Owner::default(),
            holders: Vec::new(),
        }
    }

    /// Of an established connection, or one of which no more is known.
    fn of_socket(socket: &Inspected, inspection: &Inspection) -> Self {
        let connection = connection(socket);
        let listening = inspection.listening(&connection.tuple);
        let suspect = suspect(socket, listening, inspection);
        Self::new(connection, suspect, socket.found.inode)
    }

    /// The inode of the socket whose owner is to blame: its own, or that of its listener.
    fn blamed(&self) -> u32 {
        match (self.inode, self.suspect.listening) {
            (0, Some(Listening { inode, .. })) => inode.unwrap_or_default(),
            (inode, _) => inode,
        }
    }

    /// The inode of the listener that its SYN goes to, on this machine.
    fn server(&self) -> u32 {
        let listening = self.suspect.context.server;
        listening
            .and_then(|(listening, _)| listening.inode)
            .unwrap_or_default()
    }
}

/// What a socket and its namespace tell.
fn suspect(socket: &Inspected, listening: Option<Listening>, inspection: &Inspection) -> Suspect {
    let mut suspect = Suspect::new(socket, listening, inspection.settings);
    if socket.found.state == State::SynSent {
        let server = inspection.server(&socket.found.tuple);
        suspect.context.server = server.map(|listening| (listening, None));
    }
    suspect
}

impl Looks {
    pub fn new(filter: Filter, states: Vec<State>) -> Self {
        Self {
            filter,
            states,
            failed: HashMap::new(),
            ended: EndedSockets::default(),
            waiting: HashMap::new(),
        }
    }

    /// What is asked for.
    pub fn filter(&self) -> &Filter {
        &self.filter
    }

    /// Only this namespace is asked for.
    pub fn only(&self) -> Option<u32> {
        self.filter.netns
    }

    /// Looks into the namespace with this inode number. `pid`: a process that may live in it. What
    /// fails is told, and tried again a little later.
    fn inspect(&mut self, netns: u32, pid: Option<u32>, states: &[State]) -> Option<Inspection> {
        if let Some((again, _)) = self.failed.get(&netns)
            && Instant::now() < *again
        {
            return None;
        }
        let states: Vec<State> = states
            .iter()
            .copied()
            .filter(|state| self.states.contains(state))
            .collect();
        let looked = match Namespaces::find(netns, pid) {
            Some(namespace) => namespace.inspect(&states),
            None => Err(io::Error::new(
                io::ErrorKind::NotFound,
                "no process lives there, and it has no name",
            )),
        };
        match looked {
            Ok(inspection) => {
                self.failed.remove(&netns);
                Some(inspection)
            }
            Err(error) => {
                self.tell(netns, &error);
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
        let pause = match self.failed.get(&netns) {
            Some((_, pause)) => (*pause * 2).min(AGAIN_AT_MOST),
            None => {
                log::log!(
                    level,
                    "sockets of network namespace {netns} can't be looked at: {error}; that is \
                     tried again"
                );
                AGAIN
            }
        };
        self.failed.insert(netns, (Instant::now() + pause, pause));
    }

    /// The states that are looked for.
    pub fn states(&self) -> &[State] {
        &self.states
    }

    /// Looks for those that are due: once at each namespace, however many there are.
    pub fn at(&mut self, due: Vec<Connection>) -> Seen {
        let mut by_namespace: BTreeMap<u32, Vec<Connection>> = BTreeMap::new();
        for it in due {
            by_namespace.entry(it.tuple.netns).or_default().push(it);
        }
        let mut seen = Seen::default();
        for (netns, due) in by_namespace {
            let states: Vec<_> = due.iter().map(|it| it.state).collect();
            let pid = due.iter().find_map(|it| it.owner.process?.pid);
            // Those of a namespace that can't be looked into stay due.
            let Some(inspection) = self.inspect(netns, pid, &states) else {
                continue;
            };
            let index = Index::new(&inspection);
            for it in due {
                let Some(socket) = index.of(&it) else {
                    seen.gone.push(it);
                    continue;
                };
                let listening = inspection.listening(&it.tuple);
                let suspect = suspect(socket, listening, &inspection);
                seen.found
                    .push(Candidate::new(it, suspect, socket.found.inode));
            }
        }
        seen
    }

    /// Looks for established connections that wait for their peer, and have done so for longer
    /// than that.
    pub fn waiting(
        &mut self,
        namespaces: &BTreeMap<u32, Option<u32>>,
        threshold: Option<Duration>,
    ) -> Vec<(Candidate, Age)> {
        let mut found = Vec::new();
        let mut still = HashMap::new();
        for (netns, pid) in namespaces {
            if let Some(inspection) = self.inspect(*netns, *pid, &[State::Established]) {
                let now = Instant::now();
                for it in established(&inspection) {
                    let Some(cookie) = it.connection.cookie else {
                        continue;
                    };
                    let mut age = Age::of(&it.suspect);
                    if let Some(waited) = &mut age.waited
                        && let Some(info) = it.suspect.info
                        && !waited.is_zero()
                    {
                        // It waits since the last look, if no ACK came since.
                        let known = self.waiting.get(&cookie).copied();
                        let known = known.map(|since| now.duration_since(since));
                        if let Some(known) = known.filter(|known| info.last_ack >= *known) {
                            *waited = known.max(*waited);
                        }
                        if let Some(since) = now.checked_sub(*waited) {
                            still.insert(cookie, since);
                        }
                    }
                    if age.longest() >= threshold {
                        found.push((it, age));
                    }
                }
            }
        }
        self.waiting = still;
        found
    }

    /// Looks for connections that are over, and not closed.
    pub fn ended(&mut self) -> Vec<Ended> {
        let (mut ended, unknown) = self.ended.look();
        if unknown > 0 {
            log::debug!("{unknown} sockets could not be asked whether they are over");
        }
        if let Some(netns) = self.only() {
            ended.retain(|it| it.tuple.netns == netns);
        }
        ended
    }

    /// Looks into all of a namespace, whatever is known of it.
    pub fn all(&mut self, namespace: &Namespace) -> io::Result<Vec<Candidate>> {
        let inspection = namespace.inspect(&self.states)?;
        let watched = inspection
            .sockets
            .iter()
            .filter(|socket| self.states.contains(&socket.found.state));
        Ok(watched
            .map(|socket| Candidate::of_socket(socket, &inspection))
            .collect())
    }

    /// Shows those that are asked for, with what is to be said of them.
    pub fn diagnose(
        &self,
        found: Vec<(Candidate, Held)>,
        now: u64,
        cgroups: &mut Cgroups,
    ) -> Vec<ShownStuck> {
        found
            .into_iter()
            .filter_map(|(it, held)| {
                let mut connection = it.connection;
                connection.owner = owner(&it);
                let in_cgroup = cgroups.is_asked_for(connection.owner.cgroup);
                self.filter
                    .matches_connection(&connection, in_cgroup)
                    .then(|| ShownStuck {
                        mono_ns: now,
                        connection,
                        descriptor: descriptor(&it, &connection),
                        held,
                        diagnosis: diagnose(&it.suspect),
                        suspect: it.suspect,
                        holders: it.holders,
                    })
            })
            .collect()
    }
}

/// What came of those that were due.
#[derive(Debug, Default)]
pub(super) struct Seen {
    /// Those that are in the same state still.
    pub found: Vec<Candidate>,
    /// Those that are not there any more.
    pub gone: Vec<Connection>,
}

/// The established ones of a look.
fn established(inspection: &Inspection) -> impl Iterator<Item = Candidate> + '_ {
    inspection
        .sockets
        .iter()
        .filter(|socket| socket.found.state == State::Established)
        .map(|socket| Candidate::of_socket(socket, inspection))
}

/// Finds out who has them, and what else matters to what is said of them.
pub(super) fn find_owners<'a>(found: impl Iterator<Item = &'a mut Candidate>) {
    let found: Vec<&mut Candidate> = found.collect();
    let inodes = found.iter().flat_map(|it| [it.blamed(), it.server()]);
    let owners = Owners::read(inodes);
    let mut asked = 0;
    let mut exhausted = HashMap::new();
    for it in found {
        let blamed = it.blamed();
        it.owner = owners.of_known(blamed, it.connection.owner);
        it.holders = owners.holders(it.inode).collect();
        let inode = it.server();
        if let Some((_, process)) = &mut it.suspect.context.server {
            *process = owners.of(inode).process;
        }
        let verdict = diagnose(&it.suspect);
        let context = &mut it.suspect.context;
        context.holders = it.holders.len();
        context.inherited = it.holders.len() > 1 && snapshot::are_related(&it.holders);
        if verdict.depends_on_user_timeout()
            && asked < MOST_ASKED
            && let Some(holder) = it.holders.first()
            && let Some(pid) = holder.process.pid
        {
            asked += 1;
            context.user_timeout_ms = snapshot::user_timeout(pid, holder.descriptor, it.inode).ok();
        }
        if matches!(
            verdict.verdict,
            Verdict::AcceptQueueFull | Verdict::NotAccepted
        ) {
            // Any of those that share the listener may accept.
            let mut limits = owners.holders(blamed).map(|holder| {
                let pid = holder.listed;
                *exhausted
                    .entry(pid)
                    .or_insert_with(|| snapshot::exhausted(pid))
            });
            let first = limits.next().flatten();
            context.exhausted = first.filter(|_| limits.all(|limit| limit.is_some()));
        }
    }
}

/// Who has it open now; otherwise who had it, as the trace knows.
fn owner(it: &Candidate) -> Owner {
    let (now, known) = (it.owner, it.connection.owner);
    Owner {
        process: now.process.or(known.process),
        thread: known.thread.filter(|_| now.process.is_none()),
        uid: known.uid,
        cgroup: now.cgroup.or(known.cgroup),
    }
}

/// The descriptor by which its owner has it.
fn descriptor(it: &Candidate, connection: &Connection) -> Option<u32> {
    let process = connection.owner.process?;
    let mut holders = it.holders.iter();
    let holder = holders.find(|holder| holder.process == process)?;
    Some(holder.descriptor)
}

/// A socket that was looked at, as a connection of which no more is known.
fn connection(Inspected { found, .. }: &Inspected) -> Connection {
    let mut owner = Owner::default();
    if found.kind == SocketKind::Full {
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

/// One that is over, as a connection of which no more is known.
pub(super) fn over(ended: &Ended) -> Candidate {
    let connection = Connection {
        cookie: ended.cookie,
        tuple: ended.tuple,
        state: State::Closed,
        since: None,
        kind: SocketKind::Full,
        owner: Owner::default(),
        opener: None,
        followed: false,
        bound: false,
    };
    Candidate::new(
        connection,
        Suspect::ended(Some(ended.info), None),
        ended.inode,
    )
}

/// Sockets of a look by what connections are known by: half-open ones by their addresses.
struct Index<'a> {
    sockets: HashMap<Cookie, &'a Inspected>,
    requests: HashMap<Tuple, &'a Inspected>,
}

impl<'a> Index<'a> {
    fn new(inspection: &'a Inspection) -> Self {
        let mut index = Self {
            sockets: HashMap::new(),
            requests: HashMap::new(),
        };
        for socket in &inspection.sockets {
            if socket.found.kind == SocketKind::Request {
                index.requests.insert(socket.found.tuple, socket);
            } else if let Some(cookie) = socket.found.cookie {
                index.sockets.insert(cookie, socket);
            }
        }
        index
    }

    /// The socket of a connection, if it is in the same state still.
    fn of(&self, connection: &Connection) -> Option<&'a Inspected> {
        let socket = match (connection.kind, connection.cookie) {
            (SocketKind::Request, _) => self.requests.get(&connection.tuple),
            (_, Some(cookie)) => self.sockets.get(&cookie),
            (_, None) => None,
        }?;
        (socket.found.state == connection.state).then_some(*socket)
    }
}
