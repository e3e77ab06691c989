//! The state machine's memory, and what goes in and out.

use hashlink::LruCache;
use rustc_hash::{FxBuildHasher, FxHashMap};

use super::{
    deadlines::{Deadlines, LOOK_FOR_UNSENT_NS, LOOK_NS, Waiting},
    duplicates::Duplicates,
    flow::Flow,
    flows::{Flows, Id},
    holding::Holders,
    order::{Order, Out},
    requests::Request,
    resync::Certainty,
};
use crate::model::{
    Cookie, Coverage, Event, Existing, Listeners, SocketKind, State, Transition, Tuple,
};

/// How much is remembered at the most. Beyond it, connections are forgotten, and counted: see
/// `forget.rs`.
#[derive(Clone, Copy, Debug)]
pub struct Limits {
    /// Connections with a socket or minisock.
    pub flows: usize,
    /// Half-open connections.
    pub requests: usize,
}

impl Limits {
    /// So many connections, and a quarter of that half-open ones.
    #[must_use]
    pub const fn of(connections: usize) -> Self {
        Self {
            flows: connections,
            requests: connections / 4,
        }
    }
}

impl Default for Limits {
    fn default() -> Self {
        Self::of(1 << 20)
    }
}

/// Joins what the kernel tells of full sockets, minisocks and requests to connections, and tells
/// their transitions.
pub struct Tracker {
    pub(super) flows: Flows,
    pub(super) requests: LruCache<Tuple, Request, FxBuildHasher>,
    pub(super) listeners: Listeners,
    pub(super) deadlines: Deadlines,
    pub(super) order: Order,
    pub(super) certainty: Certainty,
    pub(super) duplicates: Duplicates,
    pub(super) holders: Holders,
    pub(super) coverage: Coverage,
    /// Orphans in FIN_WAIT2 by their addresses, where FINs are told without their socket.
    pub(super) orphans: FxHashMap<Tuple, Cookie>,
    /// Counts losses: what was not seen since is not concluded from.
    pub(super) epoch: u32,
    pub(super) limits: Limits,
    pub(super) forgotten: u64,
}

impl Tracker {
    /// A state machine that knows nothing yet.
    #[must_use]
    pub fn new(limits: Limits, coverage: Coverage) -> Self {
        Self {
            flows: Flows::new(),
            requests: LruCache::with_hasher(usize::MAX, FxBuildHasher),
            listeners: Listeners::default(),
            deadlines: Deadlines::default(),
            order: Order::default(),
            certainty: Certainty::default(),
            duplicates: Duplicates::default(),
            holders: Holders::new(coverage.accepts),
            coverage,
            orphans: FxHashMap::default(),
            epoch: 0,
            limits,
            forgotten: 0,
        }
    }

    /// Takes a socket that was there before tracing began; listeners first, as half-open
    /// connections are theirs. To be called before the events that came meanwhile are applied;
    /// what events told already is not changed.
    pub fn seed(&mut self, existing: &Existing) {
        match (existing.kind, existing.cookie) {
            (SocketKind::Request, _) if self.requests.peek(&existing.tuple).is_some() => {}
            (SocketKind::Request, _) => {
                let (listener, inherited) = self.inherit_at(&existing.tuple, 0);
                let request = Request {
                    since: None,
                    listener,
                    inherited,
                    stopped: None,
                    retransmits: None,
                };
                self.keep_request(existing.tuple, request);
            }
            (_, None) => {}
            (kind, Some(cookie)) => {
                let Some(id) = self.flows.place_of(cookie, existing) else {
                    return;
                };
                // Whatever would make room has to be told.
                if self.flows.len() >= self.limits.flows {
                    self.forgotten += 1;
                    return;
                }
                self.flows.found(id, existing, self.epoch);
                if existing.state == State::Listen {
                    self.listeners.add(cookie, existing.tuple, existing.reach);
                }
                let orphan = kind == SocketKind::Minisock && existing.state == State::FinWait2;
                if orphan && !self.coverage.fins {
                    self.remember_orphan(existing.tuple, cookie);
                }
            }
        }
    }

    /// Takes one event; tells the transitions that follow from it.
    pub fn apply(&mut self, event: &Event, sink: &mut impl FnMut(&Transition)) {
        self.touch(event);
        let mut order = std::mem::take(&mut self.order);
        let out = &mut Out::new(&mut order, sink);
        match event {
            Event::Socket(event) => self.socket_changed(event, out),
            Event::Minisock(event) => self.minisock_changed(event, out),
            Event::Request(event) => self.request_changed(event, out),
            Event::ResetSent(event) => self.reset_sent(event, out),
            Event::FinDropped(event) => self.fin_dropped(event, out),
            Event::Forked(event) => self.forked(event),
            Event::Accepted(event) => self.accepted(event),
            Event::Syn(event) => self.syn_sent(event, out),
        }
        self.order = order;
    }

    /// Says that all events up to `now` (CLOCK_MONOTONIC, ns) were applied: what waited for one
    /// of them too long is told with what is known.
    pub fn advance(&mut self, now: u64, sink: &mut impl FnMut(&Transition)) {
        let mut order = std::mem::take(&mut self.order);
        let out = &mut Out::new(&mut order, sink);
        while let Some((began, waiting)) = self.deadlines.over(now) {
            match waiting {
                Waiting::Port(cookie) => {
                    if let Some(flow) = self.flows.peek_mut(cookie)
                        && flow.held_back.is_some_and(|held| held.time_ns == began)
                    {
                        let all_seen = self.coverage.syns && flow.epoch == self.epoch;
                        flow.announce(cookie, all_seen, out);
                    }
                }
                Waiting::Minisock(cookie, tuple) => {
                    let id = self.flows.of_minisock(cookie, &tuple);
                    self.minisock_waited(id, began, out);
                }
                Waiting::Verdict(cookie) => self.verdict_waited(cookie, began, out),
                Waiting::Request(tuple) => {
                    self.request_waited(&tuple, began, now == u64::MAX, out);
                }
            }
        }
        self.order = order;
    }

    /// Says that the run ends: whatever still waits is told with what is known. What it waits for
    /// may be about to come, or not be readable: it is as if that were lost.
    pub fn finish(&mut self, sink: &mut impl FnMut(&Transition)) {
        self.epoch = self.epoch.wrapping_add(1);
        self.advance(u64::MAX, sink);
        Out::new(&mut self.order, sink).flush_all();
    }

    /// Says that events were lost before those that are applied next.
    pub fn note_loss(&mut self) {
        self.epoch = self.epoch.wrapping_add(1);
        self.certainty = Certainty::Unsure;
    }

    /// The namespace of a connection of which the port is still unknown at `now`, with a process
    /// that may live there, for a look at its sockets: see [`learn`](Self::learn).
    pub fn without_port(&mut self, now: u64) -> Option<(u32, Option<u32>)> {
        let long = self.port_look_ns();
        let flows = &self.flows;
        let lacks = |cookie, began| {
            let flow = flows.peek(cookie)?;
            let waits = flow.held_back.is_some_and(|it| it.time_ns == began);
            waits.then(|| flow.tuple.local.port.is_none())
        };
        let cookie = self.deadlines.unported(now, long, lacks)?;
        let flow = self.flows.peek(cookie)?;
        let process = flow.owner.process;
        Some((flow.tuple.netns, process.and_then(|process| process.pid)))
    }

    /// Takes the addresses that a look at the socket gave.
    pub fn learn(&mut self, cookie: Cookie, tuple: &Tuple, sink: &mut impl FnMut(&Transition)) {
        let mut order = std::mem::take(&mut self.order);
        let out = &mut Out::new(&mut order, sink);
        if let Some(flow) = self.flows.peek_mut(cookie)
            && flow.state == State::SynSent
            && tuple.local.port.is_some()
        {
            flow.tuple.local = tuple.local;
            let all_seen = self.coverage.syns && flow.epoch == self.epoch;
            flow.announce(cookie, all_seen, out);
        }
        self.order = order;
    }

    /// When [`advance`](Self::advance) has something to do next, if no event comes before:
    /// CLOCK_MONOTONIC, ns; `None`: nothing waits for time to pass.
    #[must_use]
    pub fn next_deadline(&self) -> Option<u64> {
        self.deadlines.next()
    }

    /// When [`without_port`](Self::without_port) may have one to look for: CLOCK_MONOTONIC, ns;
    /// `None`: not before the next event.
    #[must_use]
    pub fn next_without_port(&self) -> Option<u64> {
        self.deadlines.next_unported(self.port_look_ns())
    }

    /// How long a port is waited for before it is looked for, ns.
    fn port_look_ns(&self) -> u64 {
        match self.coverage.syns {
            true => LOOK_FOR_UNSENT_NS,
            false => LOOK_NS,
        }
    }

    /// How many connections were forgotten for want of room.
    #[must_use]
    pub fn forgotten(&self) -> u64 {
        self.forgotten
    }

    /// How many connections and half-open connections are remembered.
    #[must_use]
    pub fn remembered(&self) -> (usize, usize) {
        debug_assert!(self.orphans.len() <= self.limits.flows);
        (self.flows.len(), self.requests.len())
    }

    #[inline]
    pub(super) fn keep(
        &mut self,
        id: impl Into<Id>,
        mut flow: Flow,
        out: &mut Out<'_, impl FnMut(&Transition)>,
    ) {
        let id = id.into();
        let cookie = id.cookie();
        flow.epoch = self.epoch;
        let full = self.flows.len() >= self.limits.flows;
        if full && !self.flows.has(id) && !self.make_room(out) {
            // There are as many listeners as may be remembered.
            self.forgotten += 1;
            flow.tell_what_waits(cookie, out);
            if flow.state == State::Listen {
                self.listeners.remove(cookie, &flow.tuple);
            }
            return;
        }
        // There is another of that cookie only where something was lost.
        self.flows
            .insert(id, flow, |old| old.tell_what_waits(cookie, out));
    }

    pub(super) fn keep_request(&mut self, tuple: Tuple, request: Request) {
        if self.requests.len() >= self.limits.requests && self.requests.remove_lru().is_some() {
            self.forgotten += 1;
        }
        self.requests.insert(tuple, request);
    }
}
