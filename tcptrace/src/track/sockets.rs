//! Full sockets.

use super::{
    Tracker,
    closing::{self, Close, Seen},
    flow::{Flow, HeldBack, PendingClose, PendingTransition},
    order::Out,
    requests::Request,
};
use crate::model::{
    Closed, Closer, Comm, Cookie, Holding, Length, Minisock, Owner, Reason, RequestEvent,
    ResetSentEvent, Side, SocketEvent, State, Syn, TimerChange, Transition, Tuple,
};

impl Tracker {
    pub(super) fn socket_changed(
        &mut self,
        event: &SocketEvent,
        out: &mut Out<'_, impl FnMut(&Transition)>,
    ) {
        if event.from == State::Listen && event.to == State::SynRecv {
            return self.child_made(event, out);
        }
        let Some(cookie) = event.cookie else { return };
        if self.is_told(event, cookie) {
            return;
        }
        if event.to == State::Closed {
            self.duplicates.closed(Closed {
                time_ns: event.time_ns,
                cookie,
            });
        }
        let epoch = self.epoch;
        let mut flow = match self.flows.get_mut(cookie) {
            Some(flow) => flow,
            None => {
                let flow = self.seen_first_in(event.from, event);
                self.keep(cookie, flow, out);
                let Some(flow) = self.flows.peek_mut(cookie) else {
                    return;
                };
                flow
            }
        };

        if event.from == State::Closed && flow.minisock != Minisock::None {
            self.carries_another(cookie, event.tuple, out);
            let Some(next) = self.flows.peek_mut(cookie) else {
                return;
            };
            flow = next;
        }

        // Each SYN since its last event would have been told.
        let syn_seen = self.coverage.syns && flow.epoch == epoch;
        flow.tell_verdict(Some(epoch), out);
        if event.from == event.to {
            // close() after shutdown() sets the state that it is in already.
            take_owner(flow, event);
            return;
        }
        if event.to == State::Closed && flow.minisock != Minisock::None {
            // The minisock has taken the connection over: this is not its end.
            flow.announce(cookie, syn_seen, out);
            flow.socket = false;
            flow.enter_time_wait(cookie, event.measured, Some(event.orphan), out);
            if flow.state == State::FinWait2 {
                flow.measured = event.measured.map(Box::new);
            }
            if flow.minisock == Minisock::Over {
                self.flows.remove(cookie);
            }
            return;
        }
        if flow.state != event.from {
            // Something was lost, or the snapshot was ahead of the events: it knew the socket, and
            // not the request that it was made of.
            if event.from == State::SynRecv {
                self.requests.remove(&event.tuple);
            }
            flow.is_found_in(event.from);
        }
        learn_addresses(&mut flow.tuple, &event.tuple);
        flow.announce(cookie, syn_seen, out);
        if event.owner.is_none() && !event.orphan {
            self.holders.doubt(flow);
        }
        let thread = take_owner(flow, event);

        let seen = Seen {
            syn: flow.syn.is_sent(syn_seen),
            minisocks: self.coverage.minisocks && flow.epoch == epoch,
            resets: self.coverage.resets,
            port: flow.tuple.local.port.is_some(),
        };
        flow.epoch = epoch;
        let close = match event.to {
            State::Closed => closing::why(event, seen),
            to => Close::certain(reason_to(event.from, to)),
        };
        if event.from == State::Closed {
            // A cookie can carry several connections, one after another: disconnect().
            flow.closer = None;
            flow.length = None;
            flow.syn = Syn::Awaited;
            flow.opener = (event.to == State::SynSent).then_some(Side::Local);
            // connect() chooses a port after this transition (tcp_v4_connect()).
            flow.bound = event.tuple.local.port.is_some();
            let untold = self.coverage.syns || flow.tuple.local.port.is_none();
            if event.to == State::SynSent && untold {
                flow.state = event.to;
                flow.since = Some(event.time_ns);
                flow.held_back = Some(HeldBack {
                    time_ns: event.time_ns,
                    thread,
                    ticket: out.hold(),
                });
                self.deadlines.await_port(event.time_ns, cookie);
                return;
            }
        }
        if let (State::Established, Some(did)) = (event.from, &event.measured) {
            let established_ns = flow.since.map(|since| event.time_ns.saturating_sub(since));
            flow.length = Length::of(did, &flow.tuple, established_ns);
        }
        let unsent_ns = (event.from == State::SynSent)
            .then(|| flow.unsent_ns(self.coverage.syns))
            .flatten();
        let closer_before = flow.closer;
        let mut transition = flow
            .step(Some(cookie), event.time_ns, event.to, close.reason)
            .with(close.detail);
        transition.thread = thread;
        transition.unsent_ns = unsent_ns;
        transition.retransmits = event.retransmits;
        transition.measured = event.measured;
        transition.orphan = Some(event.orphan);
        transition.keepalive = Some(event.keepalive);
        if close.doubtful {
            flow.verdict = Some(Box::new(PendingClose {
                time_ns: event.time_ns,
                epoch,
                told: Some(PendingTransition {
                    transition,
                    closer_before,
                    ticket: out.hold(),
                }),
            }));
            self.deadlines.await_verdict(event.time_ns, cookie);
            return;
        }
        out.tell(&transition);

        // Who has a connection that goes on without a process that does it.
        if !event.orphan && !matches!(event.to, State::Closed | State::SynRecv) {
            self.holders.ask(cookie, flow, event.time_ns);
        }
        match (event.from, event.to) {
            (_, State::Listen) => {
                let reach = event.reach.unwrap_or_default();
                self.listeners.add(cookie, event.tuple, reach);
            }
            (from, State::Closed) => {
                if let Some(flow) = self.flows.remove(cookie)
                    && from == State::Listen
                {
                    self.listeners.remove(cookie, &flow.tuple);
                }
            }
            _ => {}
        }
    }

    /// A socket was disconnected, and carries another connection; the minisock of the one before
    /// goes on.
    fn carries_another(
        &mut self,
        cookie: Cookie,
        tuple: Tuple,
        out: &mut Out<'_, impl FnMut(&Transition)>,
    ) {
        let Some(mut before) = self.flows.remove(cookie) else {
            return;
        };
        let mut flow = Flow::new(tuple, State::Closed);
        flow.owner = before.owner;
        flow.holding = before.holding;
        flow.followed = before.followed;
        before.tell_what_waits(cookie, out);
        if before.minisock != Minisock::Over {
            self.flows.set_apart(cookie, before);
        }
        self.keep(cookie, flow, out);
    }

    /// It sent an RST, for data that came too late or by itself: that is what closed it.
    pub(super) fn reset_sent(
        &mut self,
        event: &ResetSentEvent,
        out: &mut Out<'_, impl FnMut(&Transition)>,
    ) {
        let Some(cookie) = event.cookie else { return };
        if let Some(flow) = self.flows.peek_mut(cookie)
            && let Some(verdict) = flow.verdict.take()
        {
            if let Some(mut told) = verdict.told {
                let it = &mut told.transition;
                it.reason = Reason::ResetByUs;
                it.detail = None;
                it.closer = Some(told.closer_before.unwrap_or(Closer::Local));
                out.fill(told.ticket, it);
            }
            self.flows.remove(cookie);
        }
    }

    /// Nothing came that would say that it sent an RST.
    pub(super) fn verdict_waited(
        &mut self,
        cookie: Cookie,
        began: u64,
        out: &mut Out<'_, impl FnMut(&Transition)>,
    ) {
        if let Some(flow) = self.flows.peek_mut(cookie)
            && flow
                .verdict
                .as_ref()
                .is_some_and(|verdict| verdict.time_ns == began)
        {
            flow.tell_verdict(Some(self.epoch), out);
            self.flows.remove(cookie);
        }
    }

    /// A full socket was made, without a request that its SYN was told of (SYN cookies, TCP Fast
    /// Open).
    fn child_made(&mut self, event: &SocketEvent, out: &mut Out<'_, impl FnMut(&Transition)>) {
        let Some(cookie) = event.cookie else {
            // One of TCP Fast Open, before Linux 6.15: it has a cookie when it is told of next.
            let begun = RequestEvent {
                time_ns: event.time_ns,
                tuple: event.tuple,
                change: TimerChange::Started,
                listener: None,
                retransmits: 0,
                fresh: true,
                netns_gone: false,
            };
            return self.request_changed(&begun, out);
        };
        if let Some(request) = self.requests.remove(&event.tuple) {
            self.keep(cookie, request.flow(event.tuple), out);
            return;
        }
        let mut flow = self.child_of_a_listener(event);
        flow.state = State::Listen;
        out.tell(&flow.step(
            Some(cookie),
            event.time_ns,
            State::SynRecv,
            Reason::SynReceived,
        ));
        self.keep(cookie, flow, out);
    }

    /// A connection in SYN_RECV of which no request is known.
    fn child_of_a_listener(&mut self, event: &SocketEvent) -> Flow {
        let (_, inherited) = self.inherit_at(&event.tuple, event.time_ns);
        let request = Request {
            since: None,
            listener: None,
            inherited,
            stopped: None,
            retransmits: None,
        };
        request.flow(event.tuple)
    }

    /// A connection that goes on from its request, or whose first events were lost or came before
    /// the trace. If it was half-open, it is not so any more.
    fn seen_first_in(&mut self, state: State, event: &SocketEvent) -> Flow {
        if matches!(state, State::Closed | State::Listen | State::SynSent) {
            return Flow::new(event.tuple, state);
        }
        match self.requests.remove(&event.tuple) {
            Some(request) => {
                let mut flow = request.flow(event.tuple);
                if state != State::SynRecv {
                    flow.is_found_in(state);
                }
                flow
            }
            None if state == State::SynRecv && self.listeners.are_at(&event.tuple) => {
                self.child_of_a_listener(event)
            }
            None => Flow::new(event.tuple, state),
        }
    }
}

/// The running task is the owner where it made the transition; `ss -K` is not, nor is a thread of
/// the kernel that does it for a process. Returns the name of the owner's thread, where it differs.
fn take_owner(flow: &mut Flow, event: &SocketEvent) -> Option<Comm> {
    flow.followed |= event.followed;
    let owner = event.owner?;
    if closing::killed(event) {
        return None;
    }
    // io_uring's worker lets go of the sockets of a process that is over, and delayed_fput() of
    // those that were closed where one must not wait. NFS has sockets that nobody else has.
    let known = flow.owner.process.is_some() || flow.holding != Holding::Acted;
    if event.by_kernel && known {
        return None;
    }
    // Whoever closes a listener: those that it gave connections to know it by its owner.
    if event.from == State::Listen && flow.owner.process.is_some_and(|it| it.pid.is_some()) {
        return None;
    }
    flow.owner = Owner {
        process: owner.process,
        thread: owner.thread,
        uid: owner.uid.or(flow.owner.uid),
        cgroup: owner.cgroup.or(flow.owner.cgroup),
    };
    flow.holding = match event.to {
        State::Listen => Holding::Since(event.time_ns),
        _ => Holding::Acted,
    };
    owner.thread
}

/// Ports and addresses become known one after another, and the port is gone again at the end.
fn learn_addresses(known: &mut Tuple, told: &Tuple) {
    known.link = told.link;
    if told.local.port.is_some() {
        known.local = told.local;
    } else if told.remote.port.is_some() && known.local.addr.is_unspecified() {
        known.local.addr = told.local.addr;
    }
    if told.remote.port.is_some() {
        known.remote = told.remote;
    }
}

/// Why a full socket went to a state other than CLOSED.
fn reason_to(from: State, to: State) -> Reason {
    match (from, to) {
        (_, State::Listen) => Reason::Listen,
        (_, State::SynSent) => Reason::Connect,
        (State::SynSent, State::SynRecv) => Reason::SimultaneousOpen,
        (_, State::Established) => Reason::HandshakeComplete,
        (_, State::FinWait1 | State::LastAck) => Reason::FinSent,
        (_, State::CloseWait) => Reason::FinReceived,
        (_, State::FinWait2) => Reason::FinAcked,
        (_, State::Closing) => Reason::SimultaneousClose,
        (State::Closing, State::TimeWait) => Reason::FinAcked,
        (_, State::TimeWait) => Reason::FinReceived,
        (_, State::SynRecv | State::Closed) => Reason::Unknown,
    }
}
