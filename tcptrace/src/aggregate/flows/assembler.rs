//! From transitions to flows.

use hashlink::LruCache;
use rustc_hash::FxBuildHasher;

use crate::model::{
    Connection, Cookie, Detail, FlowEnd, FlowRecord, Measured, Owner, PathStep, Reason, Side,
    State, Transition, Tuple,
};

/// How long a flow is waited for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Patience {
    /// Until it leaves the application's hands: TIME_WAIT or CLOSED.
    UntilClosed,
    /// Until its TIME_WAIT is over.
    UntilTimeWaitEnds,
}

/// Assembles flows. What is remembered is bounded: the connection that was quiet longest gives
/// way, and is counted.
pub struct Assembler {
    open: LruCache<Cookie, FlowRecord, FxBuildHasher>,
    /// Those in TIME_WAIT whose socket was disconnected, and carries another connection: few, if
    /// any.
    earlier: LruCache<(Cookie, Tuple), FlowRecord, FxBuildHasher>,
    patience: Patience,
    most: usize,
    forgotten: u64,
}

impl Assembler {
    /// Remembers `most` connections at the most.
    #[must_use]
    pub fn new(patience: Patience, most: usize) -> Self {
        Self {
            open: LruCache::with_hasher(usize::MAX, FxBuildHasher),
            earlier: LruCache::with_hasher(usize::MAX, FxBuildHasher),
            patience,
            most: most.max(1),
            forgotten: 0,
        }
    }

    /// Takes a transition; gives the flow back that ended by it.
    pub fn take(&mut self, it: &Transition) -> Option<FlowRecord> {
        if it.from == State::Listen && it.to != State::SynRecv || it.to == State::Listen {
            return None;
        }
        let Some(cookie) = it.cookie else {
            // A request: it becomes a socket, which says how long it was half-open, or ends here.
            return (it.to == State::Closed).then(|| finished(FlowRecord::begun_before(it), it));
        };
        if it.from == State::TimeWait
            && let Some(flow) = self.earlier.remove(&(cookie, it.tuple))
        {
            return Some(finished(flow, it));
        }
        let begins = it.from == State::Closed || it.from == State::Listen;
        let known = self.open.get(&cookie);
        if it.from == State::TimeWait && known.is_some_and(|flow| flow.comes_after(it)) {
            // Its socket carries another one.
            let whole = self.patience == Patience::UntilTimeWaitEnds;
            return whole.then(|| finished(FlowRecord::begun_before(it), it));
        }
        if begins || known.is_none() {
            if it.from == State::TimeWait && self.patience == Patience::UntilClosed {
                // It was told when its TIME_WAIT began.
                return None;
            }
            let flow = if begins {
                FlowRecord::begun_by(it)
            } else {
                FlowRecord::begun_before(it)
            };
            self.keep(cookie, flow);
            if begins {
                return None;
            }
        }
        let flow = self.open.peek_mut(&cookie)?;
        flow.step(it);
        let over = match it.to {
            State::Closed => true,
            State::TimeWait => self.patience == Patience::UntilClosed,
            _ => false,
        };
        if over {
            self.open.remove(&cookie)
        } else {
            None
        }
    }

    /// The flows whose end was not seen: with what is known, in the order in which they were
    /// last heard of. Those that are open, and in the application's hands, are not among them.
    pub fn finish(&mut self) -> impl Iterator<Item = FlowRecord> + '_ {
        let earlier = self.earlier.drain().map(|(_, flow)| flow);
        let open = self.open.drain().map(|(_, flow)| flow);
        earlier.chain(open).filter(|flow| {
            matches!(
                flow.state(),
                Some(
                    State::SynSent
                        | State::SynRecv
                        | State::FinWait1
                        | State::FinWait2
                        | State::Closing
                        | State::LastAck
                        | State::TimeWait
                )
            )
        })
    }

    /// Whether a connection is half-open, and no flow of it is known: its beginning was not seen,
    /// or it has no socket yet.
    #[must_use]
    pub fn is_unknown(&self, it: &Connection) -> bool {
        matches!(it.state, State::SynSent | State::SynRecv)
            && it
                .cookie
                .is_none_or(|cookie| self.open.peek(&cookie).is_none())
    }

    /// How many connections were forgotten for want of room.
    #[must_use]
    pub fn forgotten(&self) -> u64 {
        self.forgotten
    }

    /// How many connections are remembered.
    #[must_use]
    pub fn remembered(&self) -> usize {
        self.open.len() + self.earlier.len()
    }

    fn keep(&mut self, cookie: Cookie, flow: FlowRecord) {
        if self.remembered() >= self.most
            && (self.earlier.remove_lru().is_some() || self.open.remove_lru().is_some())
        {
            self.forgotten += 1;
        }
        if let Some(before) = self.open.insert(cookie, flow)
            && before.state() == Some(State::TimeWait)
        {
            self.earlier.insert((cookie, before.tuple), before);
        }
    }
}

impl FlowRecord {
    /// A connection that is half-open at `now` (CLOCK_MONOTONIC, ns).
    #[must_use]
    pub fn half_open(it: &Connection, now: u64) -> Self {
        let step = PathStep {
            state: it.state,
            ns: None,
            why: only_way_into(it.state, it.opener),
        };
        Self {
            cookie: it.cookie,
            followed: it.followed,
            opener: it.opener,
            opened_ns: it.since,
            ..Self::open(it.tuple, it.owner, it.since.unwrap_or(now), vec![step])
        }
    }

    fn new(it: &Transition, opened_ns: Option<u64>, first: PathStep) -> Self {
        // Most connections go through five states.
        let mut path = Vec::with_capacity(6);
        path.push(first);
        Self {
            cookie: it.cookie,
            followed: it.followed,
            opener: it.opener,
            closer: it.closer,
            length: it.length,
            opened_ns,
            ..Self::open(it.tuple, it.owner, it.time_ns, path)
        }
    }

    /// A connection of which no more is known yet.
    fn open(tuple: Tuple, owner: Owner, time_ns: u64, path: Vec<PathStep>) -> Self {
        Self {
            cookie: None,
            tuple,
            owner,
            followed: false,
            opener: None,
            closer: None,
            length: None,
            opened_ns: None,
            closed_ns: None,
            time_ns,
            path,
            end: None,
            detail: None,
            time_wait_end: None,
            unsent_ns: None,
            resent: None,
            measured: None,
            fin_acked: false,
            fin_uncounted: false,
            at_close: None,
            keepalive: None,
        }
    }

    /// A connection that a transition begins.
    fn begun_by(it: &Transition) -> Self {
        Self::new(
            it,
            Some(it.time_ns),
            PathStep {
                state: it.to,
                ns: None,
                why: Some(it.reason),
            },
        )
    }

    /// A connection that was in `from` already: since when, the transition says. Only a
    /// connection begins in SYN_SENT and SYN_RECV.
    fn begun_before(it: &Transition) -> Self {
        let first = matches!(it.from, State::SynSent | State::SynRecv);
        let opened_ns = it
            .held_ns
            .filter(|_| first)
            .map(|held| it.time_ns.saturating_sub(held));
        Self::new(
            it,
            opened_ns,
            PathStep {
                state: it.from,
                ns: None,
                why: only_way_into(it.from, it.opener),
            },
        )
    }

    fn state(&self) -> Option<State> {
        self.path.last().map(|stay| stay.state)
    }

    /// Whether it is another connection than that of which the TIME_WAIT ends, and the socket's
    /// next. It may have the same addresses: then it takes the place of the TIME_WAIT.
    fn comes_after(&self, time_wait: &Transition) -> bool {
        let takes_its_place =
            time_wait.reason == Reason::ReusedByConnect && self.state() == Some(State::SynSent);
        takes_its_place || self.tuple.differs_from(&time_wait.tuple)
    }

    /// Goes on by a transition.
    fn step(&mut self, it: &Transition) {
        self.time_ns = it.time_ns;
        self.tuple = it.tuple;
        self.owner = it.owner;
        self.followed |= it.followed;
        self.opener = it.opener.or(self.opener);
        self.closer = it.closer.or(self.closer);
        self.length = it.length.or(self.length);
        self.keepalive = it.keepalive.or(self.keepalive);
        self.unsent_ns = it.unsent_ns.or(self.unsent_ns);
        self.resent = it.retransmits.or(self.resent);
        if let Some(measured) = it.measured {
            self.measure(measured, it);
        }
        if let Some(stay) = self.path.last_mut().filter(|stay| stay.state == it.from) {
            stay.ns = it.held_ns;
        } else {
            // What lies between was lost.
            self.path.push(PathStep {
                state: it.from,
                ns: it.held_ns,
                why: None,
            });
        }
        if it.to != State::Closed {
            self.path.push(PathStep {
                state: it.to,
                ns: None,
                why: Some(it.reason),
            });
        }
        match (it.from, it.to) {
            (State::TimeWait, State::Closed) => self.time_wait_end = Some(it.reason),
            (_, State::TimeWait | State::Closed) => {
                // Seen late, it was at a time that nobody knows.
                self.closed_ns = Some(it.time_ns).filter(|_| it.detail != Some(Detail::SeenLate));
                self.end = FlowEnd::of(it);
                self.detail = it.detail;
            }
            _ => {}
        }
    }

    fn measure(&mut self, measured: Measured, it: &Transition) {
        if it.from == State::Established {
            self.at_close = Some(measured);
        }
        self.measured = Some(measured);
        self.fin_uncounted |= measured.fin_uncounted;
        self.fin_acked = match it.from {
            State::FinWait2 => true,
            State::Closing => it.to == State::TimeWait || it.reason == Reason::Overflow,
            State::LastAck => it.reason == Reason::FinAcked,
            _ => false,
        };
    }
}

/// Why a connection came into a state, where that has but one reason, whoever saw it.
fn only_way_into(state: State, opener: Option<Side>) -> Option<Reason> {
    match (state, opener) {
        (State::SynSent, _) => Some(Reason::Connect),
        (State::SynRecv, Some(Side::Remote)) => Some(Reason::SynReceived),
        _ => None,
    }
}

fn finished(mut flow: FlowRecord, it: &Transition) -> FlowRecord {
    flow.step(it);
    flow
}
