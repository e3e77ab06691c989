//! What the state machine remembers, so that another one can go on from there.
//!
//! Lines that wait for something are not among it: they are of what happened before.

use super::{
    Tracker,
    deadlines::Waiting,
    flow::{Flow, PendingClose},
    holding::Inherited,
    requests::Request,
    resync::Certainty,
};
use crate::model::{
    Closed, Cookie, ForkedEvent, Minisock, MinisockState, Reach, Remembered, Side, Stage, State,
    Stopped, Syn, Tuple,
};

impl Tracker {
    /// All that is remembered of connections and listeners: what was quiet longest first.
    pub fn all_remembered(&self) -> impl Iterator<Item = Remembered> + '_ {
        let flows = self
            .flows
            .iter()
            .map(|(id, flow)| self.remembered_flow(id.cookie(), &flow));
        let requests = self
            .requests
            .iter()
            .map(|(tuple, request)| self.remembered_request(*tuple, request));
        flows.chain(requests)
    }

    /// Whether a look at the sockets is under way, which knows of what happened since it began.
    #[must_use]
    pub fn is_looking(&self) -> bool {
        matches!(self.certainty, Certainty::Looking(_))
    }

    /// When each process made another one last that may therefore not have what it had before:
    /// CLOCK_MONOTONIC, ns.
    #[must_use]
    pub fn forks(&self) -> Vec<ForkedEvent> {
        let mut forks: Vec<ForkedEvent> = self
            .flows
            .iter()
            .filter_map(|(_, flow)| self.holders.doubted(&flow))
            .map(|(pid, time_ns)| ForkedEvent {
                time_ns,
                pid: Some(pid),
            })
            .collect();
        forks.sort_by_key(|it| (it.time_ns, it.pid));
        forks.dedup_by_key(|it| it.pid);
        forks
    }

    fn remembered_flow(&self, cookie: Cookie, flow: &Flow) -> Remembered {
        let mut state = flow.state;
        let mut since = flow.since;
        if let Some((time_ns, _)) = flow.entering
            && state != State::TimeWait
        {
            state = State::TimeWait;
            since = Some(time_ns);
        }
        let stage = match flow.minisock {
            Minisock::None => Stage::Socket {
                reach: (state == State::Listen).then(|| {
                    self.listeners
                        .reach(cookie, &flow.tuple)
                        .unwrap_or_default()
                }),
            },
            minisock => Stage::Minisock {
                socket: flow.socket,
                minisock: match minisock {
                    Minisock::Stopped(stopped) => Minisock::Stopped(self.relative(stopped)),
                    other => other,
                },
                measured: flow.measured.clone(),
            },
        };
        Remembered {
            cookie: Some(cookie),
            tuple: flow.tuple,
            state,
            since,
            owner: flow.owner,
            holding: flow.holding,
            opener: flow.opener,
            closer: flow.closer,
            length: flow.length,
            followed: flow.followed,
            bound: flow.bound,
            doubtful: flow.epoch != self.epoch,
            syn: flow.syn,
            stage,
        }
    }

    fn remembered_request(&self, tuple: Tuple, request: &Request) -> Remembered {
        let Inherited {
            owner,
            holding,
            followed,
        } = request.inherited;
        Remembered {
            cookie: None,
            tuple,
            state: State::SynRecv,
            since: request.since,
            owner,
            holding,
            opener: Some(Side::Remote),
            closer: None,
            length: None,
            followed,
            bound: false,
            doubtful: false,
            syn: Syn::NotSeen,
            stage: Stage::Request {
                listener: request.listener,
                stopped: request.stopped.map(|it| self.relative(it)),
                retransmits: request.retransmits,
            },
        }
    }

    /// Losses are counted from 1 where it goes on.
    fn relative(&self, stopped: Stopped) -> Stopped {
        Stopped {
            epoch: u32::from(stopped.epoch == self.epoch),
            ..stopped
        }
    }

    /// Goes on from what another one remembered: to be called before anything else. `closed`,
    /// `forks`: see [`closed_since`](Self::closed_since), [`forks`](Self::forks). `unsure`: events had been lost, and the sockets not looked at since.
    pub fn remember(
        &mut self,
        all: impl IntoIterator<Item = Remembered>,
        closed: &[Closed],
        forks: &[ForkedEvent],
        unsure: bool,
    ) {
        self.epoch = 1;
        for it in closed {
            self.duplicates.closed(*it);
        }
        for it in forks {
            self.holders.note_fork(it);
        }
        if unsure {
            self.certainty = Certainty::Unsure;
        }
        for it in all {
            match it.cookie {
                Some(cookie) => self.remember_flow(cookie, it),
                None => self.remember_request(it),
            }
        }
        self.deadlines.sort();
    }

    fn remember_flow(&mut self, cookie: Cookie, it: Remembered) {
        let mut flow = Flow::new(it.tuple, it.state);
        flow.since = it.since;
        flow.owner = it.owner;
        flow.holding = it.holding;
        flow.opener = it.opener;
        flow.closer = it.closer;
        flow.length = it.length;
        flow.followed = it.followed;
        flow.bound = it.bound;
        flow.syn = it.syn;
        flow.epoch = u32::from(!it.doubtful);
        match it.stage {
            Stage::Socket { reach } => match (it.state, it.since) {
                (State::Listen, _) => {
                    let reach: Reach = reach.unwrap_or_default();
                    self.listeners.add(cookie, it.tuple, reach);
                }
                (State::Closed, Some(time_ns)) => {
                    flow.verdict = Some(Box::new(PendingClose {
                        time_ns,
                        epoch: self.epoch,
                        told: None,
                    }));
                    self.deadlines.await_verdict(time_ns, cookie);
                }
                _ => {}
            },
            Stage::Minisock {
                socket,
                minisock,
                measured,
            } => {
                flow.socket = socket;
                flow.minisock = minisock;
                flow.measured = measured;
                if let Minisock::Stopped(stopped) = minisock {
                    self.deadlines
                        .await_timer(stopped.time_ns, Waiting::Minisock(cookie, it.tuple));
                }
                if minisock == Minisock::Alive(MinisockState::FinWait2) && !self.coverage.fins {
                    self.orphans.insert(it.tuple, cookie);
                }
            }
            // One with a cookie is none.
            Stage::Request { .. } => {}
        }
        if self.flows.len() >= self.limits.flows {
            self.forgotten += 1;
            return;
        }
        let minisock = !flow.socket;
        if let Some(id) = self.flows.place_of_another(cookie, &flow.tuple, minisock) {
            self.flows.insert(id, flow, |_| ());
        }
    }

    fn remember_request(&mut self, it: Remembered) {
        let Stage::Request {
            listener,
            stopped,
            retransmits,
        } = it.stage
        else {
            return;
        };
        if let Some(stopped) = stopped {
            self.deadlines
                .await_timer(stopped.time_ns, Waiting::Request(it.tuple));
        }
        let request = Request {
            since: it.since,
            listener,
            inherited: Inherited {
                owner: it.owner,
                holding: it.holding,
                followed: it.followed,
            },
            stopped,
            retransmits,
        };
        self.keep_request(it.tuple, request);
    }
}
