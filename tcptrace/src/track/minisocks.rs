//! TIME_WAIT, and FIN_WAIT2 of orphans.

use super::{Tracker, deadlines::Waiting, flow::Flow, flows::Id, order::Out};
use crate::model::{
    Closer, Cookie, Detail, EarlyCause, FinDroppedEvent, Minisock, MinisockEvent, MinisockState,
    Reason, State, Stopped, TimerChange, Transition, Tuple,
};

impl Tracker {
    pub(super) fn minisock_changed(
        &mut self,
        event: &MinisockEvent,
        out: &mut Out<'_, impl FnMut(&Transition)>,
    ) {
        let Some(cookie) = event.cookie else {
            // Its socket was older than the trace and is in no snapshot. Only its end is certain.
            if event.change == TimerChange::Expired {
                let mut flow = Flow::new(event.tuple, event.state.into());
                let reason = on_expiry(event.state);
                out.tell(&flow.step(None, event.time_ns, State::Closed, reason));
            }
            return;
        };
        let mut id = self.flows.of_minisock(cookie, &event.tuple);
        let known = match self.flows.get_mut(id) {
            Some(flow) if flow.is_another_than(&event.tuple, event.state.into()) => {
                // What its socket carries by now was told, and this one was not.
                id = Id::earlier(cookie, &event.tuple);
                false
            }
            known => known.is_some(),
        };
        if !known {
            if event.change == TimerChange::Segment {
                // It answers with its last breath.
                return;
            }
            let mut flow = Flow::new(event.tuple, event.state.into());
            if event.change == TimerChange::Started {
                flow.since = Some(event.time_ns);
            } else {
                flow.socket = false;
            }
            flow.minisock = Minisock::Alive(event.state);
            self.keep(id, flow, out);
        }
        let Some(flow) = self.flows.peek_mut(id) else {
            return;
        };
        if flow.held_back.is_some() {
            flow.tuple = event.tuple;
            flow.announce(id.cookie(), false, out);
        }
        if let Some(verdict) = flow.verdict.take() {
            if let Some(told) = verdict.told {
                out.give_up(told.ticket);
            }
            // The full socket's close was not the end: that a minisock took over was lost.
            flow.closer = flow.closer.filter(|closer| *closer != Closer::Remote);
            flow.is_found_in(event.state.into());
            flow.socket = false;
            flow.minisock = Minisock::Alive(event.state);
        }
        match event.change {
            TimerChange::Started => self.minisock_goes_on(id, event, out),
            TimerChange::Segment => {
                let alive = Minisock::Alive(MinisockState::FinWait2);
                if event.state == MinisockState::TimeWait
                    && self
                        .flows
                        .peek(id)
                        .is_some_and(|flow| flow.minisock == alive)
                {
                    self.minisock_goes_on(id, event, out);
                }
            }
            TimerChange::Cancelled(_) if event.netns_gone => {
                self.minisock_stopped(id, event, Some(EarlyCause::NetnsGone), true, out);
            }
            TimerChange::Cancelled(cause) => {
                self.minisock_stopped(id, event, cause, false, out);
            }
            TimerChange::Ended(cause) => {
                let cause = if event.netns_gone {
                    EarlyCause::NetnsGone
                } else {
                    cause
                };
                self.minisock_stopped(id, event, Some(cause), true, out);
            }
            TimerChange::Expired => {
                let why = (on_expiry(event.state), None);
                self.end_minisock(id, event.time_ns, event.state, why, out);
            }
        }
    }

    /// A FIN came for one of the orphans in FIN_WAIT2, perhaps.
    pub(super) fn fin_dropped(
        &mut self,
        event: &FinDroppedEvent,
        out: &mut Out<'_, impl FnMut(&Transition)>,
    ) {
        // It came by a link; few orphans are bound to one.
        let anywhere = Tuple {
            link: None,
            ..event.tuple
        };
        let orphans = &mut self.orphans;
        let mut take = |tuple| Some((orphans.remove(&tuple)?, tuple));
        let Some((cookie, tuple)) = take(event.tuple).or_else(|| take(anywhere)) else {
            return;
        };
        let alive = Minisock::Alive(MinisockState::FinWait2);
        let id = self.flows.of_minisock(cookie, &tuple);
        if self
            .flows
            .peek(id)
            .is_some_and(|flow| flow.minisock == alive)
        {
            let event = MinisockEvent {
                time_ns: event.time_ns,
                cookie: Some(cookie),
                tuple,
                change: TimerChange::Segment,
                state: MinisockState::TimeWait,
                netns_gone: false,
            };
            self.minisock_goes_on(id, &event, out);
        }
    }

    /// An orphan in FIN_WAIT2, by its addresses.
    pub(super) fn remember_orphan(&mut self, tuple: Tuple, cookie: Cookie) {
        self.orphans.insert(tuple, cookie);
        if self.orphans.len() > self.flows.len() {
            // Some went in a way that nothing told of.
            let flows = &self.flows;
            self.orphans
                .retain(|tuple, cookie| flows.peek(*cookie).is_some_and(|it| it.tuple == *tuple));
        }
    }

    /// It begins, or its timer is armed again, or its state is another than before.
    fn minisock_goes_on(
        &mut self,
        id: Id,
        event: &MinisockEvent,
        out: &mut Out<'_, impl FnMut(&Transition)>,
    ) {
        let epoch = self.epoch;
        let Some(flow) = self.flows.peek_mut(id) else {
            return;
        };
        flow.minisock = Minisock::Alive(event.state);
        flow.epoch = epoch;
        if event.state == MinisockState::FinWait2 && !self.coverage.fins {
            flow.tuple = event.tuple;
            self.remember_orphan(event.tuple, id.cookie());
        }
        let Some(flow) = self.flows.peek_mut(id) else {
            return;
        };
        if flow.tuple.local.port.is_none() {
            flow.tuple = event.tuple;
        }
        let reason = match (flow.state, event.state) {
            (State::FinWait2, MinisockState::TimeWait) => Reason::FinReceived,
            (State::Closing, MinisockState::TimeWait) => Reason::FinAcked,
            (state, now) if state == State::from(now) => return,
            (_, now) => {
                // What led here was lost: the state is certain, the way to it is not.
                flow.is_found_in(now.into());
                flow.since = Some(event.time_ns);
                return;
            }
        };
        flow.entering = Some((event.time_ns, reason));
        if flow.socket {
            // tcp_time_wait() closes the full socket next; that tells what the connection did.
            self.deadlines
                .await_timer(event.time_ns, Waiting::Minisock(id.cookie(), event.tuple));
        } else {
            let measured = flow.measured.take().map(|measured| *measured);
            flow.enter_time_wait(id.cookie(), measured, None, out);
        }
    }

    fn minisock_stopped(
        &mut self,
        id: Id,
        event: &MinisockEvent,
        cause: Option<EarlyCause>,
        for_good: bool,
        out: &mut Out<'_, impl FnMut(&Transition)>,
    ) {
        let epoch = self.epoch;
        let Some(flow) = self.flows.peek_mut(id) else {
            return;
        };
        flow.enter_time_wait(id.cookie(), None, None, out);
        let state = Some(event.state);
        let stopped = Stopped {
            time_ns: event.time_ns,
            state,
            cause,
            expired: false,
            epoch,
        };
        flow.minisock = Minisock::Stopped(stopped);
        match cause {
            _ if for_good => self.end_stopped(id, event.state, stopped, out),
            Some(
                EarlyCause::Killed
                | EarlyCause::NetnsGone
                | EarlyCause::Connect
                | EarlyCause::Segment,
            ) => self.end_stopped(id, event.state, stopped, out),
            // About to expire; or armed again, if it was a FIN or an old segment.
            _ => self
                .deadlines
                .await_timer(event.time_ns, Waiting::Minisock(id.cookie(), event.tuple)),
        }
    }

    /// Nothing came that would say that the minisock goes on.
    pub(super) fn minisock_waited(
        &mut self,
        id: Id,
        began: u64,
        out: &mut Out<'_, impl FnMut(&Transition)>,
    ) {
        if let Some(flow) = self.flows.peek_mut(id)
            && flow.entering.is_some_and(|(time_ns, _)| time_ns == began)
        {
            flow.enter_time_wait(id.cookie(), None, None, out);
        }
        if let Some(Minisock::Stopped(stopped)) = self.flows.peek(id).map(|flow| flow.minisock)
            && stopped.time_ns == began
            && let Some(state) = stopped.state
        {
            self.end_stopped(id, state, stopped, out);
        }
    }

    fn end_stopped(
        &mut self,
        id: Id,
        state: MinisockState,
        stopped: Stopped,
        out: &mut Out<'_, impl FnMut(&Transition)>,
    ) {
        let (reason, detail) = match (stopped.cause, state) {
            _ if stopped.epoch != self.epoch => (Reason::Unknown, None),
            (Some(EarlyCause::Killed), _) => (Reason::Killed, None),
            (Some(EarlyCause::NetnsGone), _) => (Reason::Killed, Some(Detail::NetnsGone)),
            // A minisock sends no RST for what ends it there.
            (Some(EarlyCause::Reset), _) => (Reason::ResetByPeer, None),
            (Some(EarlyCause::Connect), _) => (Reason::ReusedByConnect, None),
            // TCP_TW_SYN, which only a TIME_WAIT makes room for, or TCP_TW_RST, which only
            // FIN_WAIT2 answers: tcp_timewait_state_process(), net/ipv4/tcp_minisocks.c.
            (Some(EarlyCause::Segment), MinisockState::TimeWait) => (Reason::ReusedBySyn, None),
            (Some(EarlyCause::Segment), MinisockState::FinWait2) => (Reason::ResetByUs, None),
            (Some(EarlyCause::ResetByUs), _) => (Reason::ResetByUs, None),
            (None | Some(EarlyCause::Icmp | EarlyCause::Completed | EarlyCause::Unknown), _) => {
                (Reason::Unknown, None)
            }
        };
        self.end_minisock(id, stopped.time_ns, state, (reason, detail), out);
    }

    /// The end of a minisock that was in `state`.
    fn end_minisock(
        &mut self,
        id: Id,
        time_ns: u64,
        state: MinisockState,
        (reason, detail): (Reason, Option<Detail>),
        out: &mut Out<'_, impl FnMut(&Transition)>,
    ) {
        let Some(flow) = self.flows.peek_mut(id) else {
            return;
        };
        // What the full socket did until it was closed, in FIN_WAIT2.
        let mut measured = flow.measured.take().map(|measured| *measured);
        if flow.state == State::FinWait2 && state == MinisockState::TimeWait {
            // Its FIN came at a time that nothing told of.
            flow.since = None;
            let mut late = flow.step(
                Some(id.cookie()),
                time_ns,
                State::TimeWait,
                Reason::FinReceived,
            );
            late.take_measured(measured.take());
            out.tell(&late.with(Some(Detail::SeenLate)));
            flow.since = None;
        } else if flow.state != State::from(state) {
            // What led here was lost.
            flow.is_found_in(state.into());
        }
        let mut closed = flow.step(Some(id.cookie()), time_ns, State::Closed, reason);
        closed.take_measured(measured);
        out.tell(&closed.with(detail));
        flow.minisock = Minisock::Over;
        self.orphans.remove(&flow.tuple);
        if !flow.socket {
            self.flows.remove(id);
        }
    }
}

fn on_expiry(state: MinisockState) -> Reason {
    match state {
        MinisockState::TimeWait => Reason::Expired,
        MinisockState::FinWait2 => Reason::FinTimeout,
    }
}
