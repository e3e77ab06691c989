//! What is remembered of a connection.

use super::order::Out;
use crate::model::{
    Closer, Comm, Cookie, Detail, Existing, Holding, Length, Measured, Minisock, MinisockState,
    Owner, Reason, Side, SocketKind, State, Syn, Transition, Tuple,
};

/// A connection that has, or had, a full socket.
#[derive(Clone, Debug)]
pub(super) struct Flow {
    pub tuple: Tuple,
    pub state: State,
    /// When it came into `state`; `None`: before tracing began, or unknown.
    pub since: Option<u64>,
    pub owner: Owner,
    pub holding: Holding,
    pub opener: Option<Side>,
    pub closer: Option<Closer>,
    /// Known once it is not ESTABLISHED any more.
    pub length: Option<Length>,
    pub followed: bool,
    /// bind() took its port.
    pub bound: bool,
    /// The full socket is not closed.
    pub socket: bool,
    pub minisock: Minisock,
    /// When `CLOSED -> SYN_SENT` happened, as long as it is held back for want of a SYN or a port.
    pub held_back: Option<HeldBack>,
    /// What is known of the SYN that this side sent.
    pub syn: Syn,
    /// When its TIME_WAIT began, and why, until the close of its full socket tells what it did.
    pub entering: Option<(u64, Reason)>,
    /// What the full socket of an orphan in FIN_WAIT2 did.
    pub measured: Option<Box<Measured>>,
    /// Its last transition, until it is certain who sent the RST.
    pub verdict: Option<Box<PendingClose>>,
    /// The count of losses when the last event of it came.
    pub epoch: u32,
}

/// A transition to CLOSED whose reason may be told by what follows.
#[derive(Clone, Debug)]
pub(super) struct PendingClose {
    /// When it closed.
    pub time_ns: u64,
    /// The tracker's epoch then: in another one, what would have followed may be lost.
    pub epoch: u32,
    /// What is told of it; `None`: nothing, as it closed before all that is to be told.
    pub told: Option<PendingTransition>,
}

/// A transition that waits.
#[derive(Clone, Debug)]
pub(super) struct PendingTransition {
    /// What is told if nothing follows.
    pub transition: Transition,
    /// Who had closed before, if anybody had.
    pub closer_before: Option<Closer>,
    /// Its place among the transitions.
    pub ticket: u64,
}

/// A `CLOSED -> SYN_SENT` that waits for its SYN, or where those are not told, for its port.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct HeldBack {
    pub time_ns: u64,
    /// The thread that made it, where its name differs from its process's.
    pub thread: Option<Comm>,
    /// Its place among the transitions.
    pub ticket: u64,
}

impl Flow {
    /// A connection of which nothing is known but the state that it is in.
    pub fn new(tuple: Tuple, state: State) -> Self {
        Self {
            tuple,
            state,
            since: None,
            owner: Owner::default(),
            holding: Holding::Acted,
            opener: None,
            closer: Closer::shown_by(state),
            length: None,
            followed: false,
            bound: false,
            socket: true,
            minisock: Minisock::None,
            held_back: None,
            syn: Syn::NotSeen,
            entering: None,
            measured: None,
            verdict: None,
            epoch: 0,
        }
    }

    /// One that was there before tracing began. `epoch`: the count of losses when it was found.
    pub fn found(existing: &Existing, epoch: u32) -> Self {
        let mut flow = Self::new(existing.tuple, existing.state);
        flow.owner = existing.owner;
        flow.holding = match existing.owner.process {
            Some(process) if process.pid.is_some() => Holding::Since(0),
            _ if existing.state == State::Listen => Holding::Unknown {
                asked: 0,
                near: existing.near,
            },
            _ => Holding::Acted,
        };
        flow.opener = (existing.state == State::SynSent).then_some(Side::Local);
        if existing.kind == SocketKind::Minisock {
            flow.socket = false;
            flow.minisock = Minisock::Alive(match existing.state {
                State::FinWait2 => MinisockState::FinWait2,
                _ => MinisockState::TimeWait,
            });
        }
        flow.epoch = epoch;
        flow
    }

    /// Is in another state: how it got there was lost.
    pub fn is_found_in(&mut self, state: State) {
        self.state = state;
        self.since = None;
        self.closer = self.closer.or(Closer::shown_by(state));
    }

    /// Whether it is certain that one with these addresses, in that state, is another one.
    pub fn is_another_than(&self, tuple: &Tuple, state: State) -> bool {
        let listens = |state| state == State::Listen;
        listens(self.state) != listens(state) || self.tuple.differs_from(tuple)
    }

    /// Goes to another state.
    pub fn step(
        &mut self,
        cookie: Option<Cookie>,
        time_ns: u64,
        to: State,
        reason: Reason,
    ) -> Transition {
        self.note_closer(reason, to);
        let from = std::mem::replace(&mut self.state, to);
        // The monotonic clock of two CPUs may differ by less than a microsecond.
        let held_ns = self.since.map(|since| time_ns.saturating_sub(since));
        self.since = Some(time_ns);
        Transition {
            time_ns,
            cookie,
            tuple: self.tuple,
            from,
            to,
            // A connection's life begins with its first transition: CLOSED and LISTEN before it
            // are not states that it was held in.
            held_ns: if begins(from, to) { None } else { held_ns },
            unsent_ns: None,
            reason,
            detail: None,
            nothing_sent: false,
            opener: self.opener,
            closer: self.closer,
            length: self.length,
            owner: self.owner,
            thread: None,
            followed: self.followed,
            retransmits: None,
            measured: None,
            orphan: None,
            keepalive: None,
        }
    }

    /// Tells the transition that was held back, with what is known by now. `all_seen`: its SYN
    /// would have been told.
    pub fn announce(
        &mut self,
        cookie: Cookie,
        all_seen: bool,
        out: &mut Out<'_, impl FnMut(&Transition)>,
    ) {
        let Some(held) = self.held_back.take() else {
            return;
        };
        let transition = Transition {
            time_ns: held.time_ns,
            cookie: Some(cookie),
            tuple: self.tuple,
            from: State::Closed,
            to: State::SynSent,
            held_ns: None,
            unsent_ns: None,
            reason: Reason::Connect,
            detail: None,
            nothing_sent: self.syn.is_sent(all_seen) == Some(false),
            opener: self.opener,
            closer: None,
            length: None,
            owner: self.owner,
            thread: held.thread,
            followed: self.followed,
            retransmits: None,
            measured: None,
            orphan: None,
            keepalive: None,
        };
        out.fill(held.ticket, &transition);
    }

    /// Tells that it is in TIME_WAIT, if that is not told yet. Where something was lost meanwhile,
    /// it may be known to be in it already, and not how it got there.
    pub fn enter_time_wait(
        &mut self,
        cookie: Cookie,
        measured: Option<Measured>,
        orphan: Option<bool>,
        out: &mut Out<'_, impl FnMut(&Transition)>,
    ) {
        if let Some((time_ns, reason)) = self.entering.take()
            && self.state != State::TimeWait
        {
            let mut transition = self.step(Some(cookie), time_ns, State::TimeWait, reason);
            transition.take_measured(measured);
            transition.orphan = orphan;
            out.tell(&transition);
        }
    }

    /// Tells all that waits for something, with what is known: nothing more will come.
    pub fn tell_what_waits(&mut self, cookie: Cookie, out: &mut Out<'_, impl FnMut(&Transition)>) {
        self.announce(cookie, false, out);
        self.enter_time_wait(cookie, None, None, out);
        self.tell_verdict(None, out);
    }

    /// Tells its last transition, which waited for what would tell its reason. That nothing came is
    /// no evidence where events were lost since (`epoch`: the tracker's), or it is not waited for any
    /// more (`None`).
    pub fn tell_verdict(&mut self, epoch: Option<u32>, out: &mut Out<'_, impl FnMut(&Transition)>) {
        let Some(verdict) = self.verdict.take() else {
            return;
        };
        if let Some(mut told) = verdict.told {
            let it = &mut told.transition;
            if Some(verdict.epoch) != epoch {
                it.reason = Reason::Unknown;
                it.detail = None;
                it.closer = told.closer_before;
            }
            out.fill(told.ticket, it);
        }
    }

    fn note_closer(&mut self, reason: Reason, to: State) {
        let closer = match reason {
            Reason::SimultaneousClose => Some(Closer::Both),
            _ if self.closer.is_some() => self.closer,
            // Both have closed already; that the peer was the first nothing says.
            _ if self.state == State::TimeWait => None,
            Reason::FinSent => Some(Closer::Local),
            Reason::FinReceived if to == State::CloseWait => Some(Closer::Remote),
            Reason::ResetByPeer | Reason::Refused => Some(Closer::Remote),
            Reason::ResetByUs => Some(Closer::Local),
            _ => None,
        };
        self.closer = closer;
    }
}

/// Whether a transition is a connection's, or a listener's, first.
fn begins(from: State, to: State) -> bool {
    from == State::Closed || (from == State::Listen && to == State::SynRecv)
}

impl Transition {
    /// Takes what the connection did.
    pub(super) fn take_measured(&mut self, measured: Option<Measured>) {
        self.retransmits = measured.map(|it| it.retransmits);
        self.measured = measured;
    }

    /// The same with a detail.
    pub(super) fn with(mut self, detail: Option<Detail>) -> Self {
        self.detail = detail;
        self
    }
}
