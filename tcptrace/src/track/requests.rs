//! Half-open connections: a SYN arrived at a listener, and its SYN+ACK waits for an answer.

use super::{Tracker, deadlines::Waiting, flow::Flow, holding::Inherited, order::Out};
use crate::model::{
    Cookie, Detail, EarlyCause, Reason, RequestEvent, Side, State, Stopped, TimerChange,
    Transition, Tuple,
};

/// What is remembered of a request.
#[derive(Clone, Debug)]
pub(super) struct Request {
    /// When the SYN arrived; `None`: before tracing began.
    pub since: Option<u64>,
    pub listener: Option<Cookie>,
    /// What it has of its listener.
    pub inherited: Inherited,
    pub stopped: Option<Stopped>,
    /// How often its SYN+ACK was sent again; `None`: unknown.
    pub retransmits: Option<u8>,
}

impl Request {
    /// The connection that it is or becomes, in SYN_RECV.
    pub fn flow(&self, tuple: Tuple) -> Flow {
        let mut flow = Flow::new(tuple, State::SynRecv);
        flow.since = self.since;
        flow.owner = self.inherited.owner;
        flow.holding = self.inherited.holding;
        flow.followed = self.inherited.followed;
        flow.opener = Some(Side::Remote);
        flow
    }
}

/// How a request's timer was stopped.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Stop {
    /// It may be armed again.
    Perhaps,
    /// It is not armed again.
    ForGood,
    /// Its time is over; it may be armed again.
    Expired,
}

impl Tracker {
    pub(super) fn request_changed(
        &mut self,
        event: &RequestEvent,
        out: &mut Out<'_, impl FnMut(&Transition)>,
    ) {
        match event.change {
            TimerChange::Started => self.request_started(event, out),
            TimerChange::Cancelled(_) | TimerChange::Ended(_) if event.netns_gone => {
                self.request_stopped(event, Some(EarlyCause::NetnsGone), Stop::ForGood, out);
            }
            TimerChange::Cancelled(cause) => {
                self.request_stopped(event, cause, Stop::Perhaps, out);
            }
            TimerChange::Ended(cause) => {
                self.request_stopped(event, Some(cause), Stop::ForGood, out);
            }
            TimerChange::Expired => self.request_stopped(event, None, Stop::Expired, out),
            TimerChange::Segment => {}
        }
    }

    fn request_started(
        &mut self,
        event: &RequestEvent,
        out: &mut Out<'_, impl FnMut(&Transition)>,
    ) {
        if let Some(request) = self.requests.get_mut(&event.tuple) {
            if !event.fresh {
                // Its SYN+ACK was sent again.
                request.stopped = None;
                request.retransmits = Some(event.retransmits);
                return;
            }
            // Another SYN, from the same port: the one before is over.
            if let Some(stopped) = request.stopped {
                self.end_request(&event.tuple, stopped, out);
            } else {
                self.requests.remove(&event.tuple);
            }
        }
        // One that is not known can't be known to have gone.
        let known = |cookie: &Cookie| self.flows.has(*cookie);
        let (listener, inherited) = match event.listener.filter(known) {
            Some(cookie) => (Some(cookie), self.inherit(Some(cookie), event.time_ns)),
            None => self.inherit_at(&event.tuple, event.time_ns),
        };
        let since = event.fresh.then_some(event.time_ns);
        let request = Request {
            since,
            listener,
            inherited,
            stopped: None,
            retransmits: Some(event.retransmits),
        };
        if event.fresh {
            let mut flow = request.flow(event.tuple);
            flow.state = State::Listen;
            let mut begun = flow.step(None, event.time_ns, State::SynRecv, Reason::SynReceived);
            begun.retransmits = Some(0);
            out.tell(&begun);
        }
        self.keep_request(event.tuple, request);
    }

    fn request_stopped(
        &mut self,
        event: &RequestEvent,
        cause: Option<EarlyCause>,
        stop: Stop,
        out: &mut Out<'_, impl FnMut(&Transition)>,
    ) {
        // One that became a full socket is not among them any more.
        let Some(request) = self.requests.get_mut(&event.tuple) else {
            return;
        };
        let stopped = Stopped {
            time_ns: event.time_ns,
            state: None,
            cause,
            expired: stop == Stop::Expired,
            epoch: self.epoch,
        };
        request.stopped = Some(stopped);
        request.retransmits = Some(event.retransmits);
        let waiting = Waiting::Request(event.tuple);
        match cause {
            _ if stop == Stop::ForGood => self.end_request(&event.tuple, stopped, out),
            Some(
                EarlyCause::Killed
                | EarlyCause::NetnsGone
                | EarlyCause::Icmp
                | EarlyCause::Segment
                | EarlyCause::ResetByUs
                | EarlyCause::Connect,
            ) => self.end_request(&event.tuple, stopped, out),
            // Armed again if it was the SYN that came again; about to expire; or completed by a
            // full socket that is told next.
            Some(EarlyCause::Reset | EarlyCause::Unknown | EarlyCause::Completed) | None => {
                self.deadlines.await_timer(event.time_ns, waiting);
            }
        }
    }

    /// Nothing came that would say that the request goes on.
    pub(super) fn request_waited(
        &mut self,
        tuple: &Tuple,
        began: u64,
        is_last: bool,
        out: &mut Out<'_, impl FnMut(&Transition)>,
    ) {
        if let Some(stopped) = self
            .requests
            .peek(tuple)
            .and_then(|request| request.stopped)
            && stopped.time_ns == began
            // At the end of the run, its SYN+ACK may be about to be sent again.
            && !(is_last && stopped.cause.is_none())
        {
            self.end_request(tuple, stopped, out);
        }
    }

    fn end_request(
        &mut self,
        tuple: &Tuple,
        stopped: Stopped,
        out: &mut Out<'_, impl FnMut(&Transition)>,
    ) {
        let Some(request) = self.requests.remove(tuple) else {
            return;
        };
        if stopped.epoch != self.epoch && stopped.cause.is_none() && !stopped.expired {
            // What it was stopped for was lost: most become a full socket.
            return;
        }
        let listening = request
            .listener
            .and_then(|cookie| self.flows.peek(cookie))
            .is_some_and(|flow| flow.state == State::Listen);
        // One that closed later, while this waited, listened then.
        let listened_then = |cookie| {
            let closed = self.duplicates.closed_at(cookie);
            closed.is_some_and(|at| at > stopped.time_ns)
        };
        let listener_gone = !listening && request.listener.is_some_and(|it| !listened_then(it));
        let (reason, detail) = match stopped.cause {
            // It became a full socket whose events were lost, or are not asked for.
            Some(EarlyCause::Completed) => return,
            _ if stopped.epoch != self.epoch => (Reason::Unknown, None),
            Some(EarlyCause::Reset) if self.coverage.resets => (Reason::ResetByPeer, None),
            Some(EarlyCause::Reset) => (Reason::Unknown, None),
            Some(EarlyCause::ResetByUs) => (Reason::ResetByUs, None),
            Some(EarlyCause::Icmp) => (Reason::Unreachable, Some(Detail::Icmp)),
            Some(EarlyCause::Killed) => (Reason::Killed, None),
            Some(EarlyCause::NetnsGone) => (Reason::Killed, Some(Detail::NetnsGone)),
            // tcp_v4_rcv() drops a request whose listener does not listen any more.
            Some(EarlyCause::Segment) => (Reason::ListenerClosed, Some(Detail::ListenerGone)),
            // So does reqsk_timer_handler().
            None if stopped.expired && listener_gone => {
                (Reason::ListenerClosed, Some(Detail::ListenerGone))
            }
            None if stopped.expired => (Reason::TimedOut, None),
            None | Some(EarlyCause::Connect | EarlyCause::Unknown) => (Reason::Unknown, None),
        };
        let mut flow = request.flow(*tuple);
        let mut closed = flow
            .step(None, stopped.time_ns, State::Closed, reason)
            .with(detail);
        closed.retransmits = request.retransmits.map(u32::from);
        out.tell(&closed);
    }
}
