//! Which process has what a listener accepted.
//!
//! accept() is no transition. Until a process makes one, it is told to have a connection only where
//! it can't be another: it has the listener, it accepted the connection, or it was seen to have it,
//! and it has made no process since, which would have copies of its descriptors and may be the one
//! that accepts, or that goes on. Otherwise none is told, and asked for; where accept() is told, a
//! moment later, if nothing was.

use std::collections::VecDeque;

use hashlink::LruCache;
use rustc_hash::FxBuildHasher;

use super::{Tracker, flow::Flow};
use crate::model::{
    AcceptedEvent, Cookie, ForkedEvent, HolderAnswer, HolderQuestion, Holding, Owner, State, Tuple,
};

/// So many questions wait to be asked; what is more is asked for later.
const MOST_QUESTIONS: usize = 64;
/// So many processes that made others are remembered.
const MOST_PARENTS: usize = 16_384;
/// How long after it was asked for a connection is asked for again, and a listener.
const AGAIN_NS: u64 = 200_000_000;
const LISTENER_AGAIN_NS: u64 = 1_000_000_000;
/// Where who accepts is told: a connection is asked for if it was not after so long. A process that
/// was inside accept() before tracing began is not told, as a program is not run at the end of a
/// call that it did not see begin.
const UNTOLD_NS: u64 = 20_000_000;
/// So many wait to be told; what is more is not asked for, and most are told.
const MOST_UNTOLD: usize = 8192;

/// What is remembered of processes, and what is to be asked.
pub(super) struct Holders {
    /// When each process that has listeners made another one last: CLOCK_MONOTONIC, ns.
    forked: LruCache<u32, u64, FxBuildHasher>,
    questions: VecDeque<HolderQuestion>,
    /// Who accepts is told, and asked for only where it was not.
    accepts: bool,
    /// Connections that are to be told, and since when: CLOCK_MONOTONIC, ns.
    untold: VecDeque<(u64, Cookie)>,
}

impl Holders {
    pub fn new(accepts: bool) -> Self {
        Self {
            accepts,
            forked: LruCache::with_hasher(MOST_PARENTS, FxBuildHasher),
            questions: VecDeque::with_capacity(MOST_QUESTIONS),
            untold: VecDeque::new(),
        }
    }

    /// A process made another one.
    pub fn note_fork(&mut self, event: &ForkedEvent) {
        if let Some(pid) = event.pid {
            self.forked.insert(pid, event.time_ns);
        }
    }

    /// Forgets who has a socket, where it may be another by now.
    pub fn doubt(&self, flow: &mut Flow) {
        if let Some((pid, _)) = self.doubted(flow) {
            flow.forget_holder(pid);
        }
    }

    /// The process that is told to have a socket, where it may be another by now, and when it made
    /// another process.
    pub fn doubted(&self, flow: &Flow) -> Option<(u32, u64)> {
        let (Holding::Since(then), Some(process)) = (flow.holding, flow.owner.process) else {
            return None;
        };
        let pid = process.pid?;
        let forked = self.forked.peek(&pid)?;
        (*forked > then).then_some((pid, *forked))
    }

    /// Asks who has a socket, if that is not known, nor asked for just now.
    pub fn ask(&mut self, cookie: Cookie, flow: &mut Flow, now: u64) {
        let Holding::Unknown { asked, near } = flow.holding else {
            return;
        };
        let listener = flow.state == State::Listen;
        if self.accepts {
            let again = asked == 0 || now.saturating_sub(asked) > AGAIN_NS;
            if !listener && again && self.untold.len() < MOST_UNTOLD {
                flow.holding = Holding::Unknown { asked: now, near };
                self.untold.push_back((now, cookie));
            }
            return;
        }
        let again = if listener {
            LISTENER_AGAIN_NS
        } else {
            AGAIN_NS
        };
        if (asked == 0 || now.saturating_sub(asked) > again)
            && self.questions.len() < MOST_QUESTIONS
        {
            flow.holding = Holding::Unknown { asked: now, near };
            let question = flow.question(cookie, near);
            // A look for all that have a listener takes longer, and can wait.
            if listener {
                self.questions.push_back(question);
            } else {
                self.questions.push_front(question);
            }
        }
    }
}

impl Flow {
    fn question(&self, cookie: Cookie, near: Option<u32>) -> HolderQuestion {
        HolderQuestion {
            cookie,
            tuple: self.tuple,
            listener: self.state == State::Listen,
            near,
        }
    }

    /// Who has it is not known any more. The user is the socket's own.
    fn forget_holder(&mut self, pid: u32) {
        self.owner = Owner {
            uid: self.owner.uid,
            ..Owner::default()
        };
        self.holding = Holding::Unknown {
            asked: 0,
            near: Some(pid),
        };
    }
}

/// What a connection has of its listener.
#[derive(Clone, Copy, Debug)]
pub(super) struct Inherited {
    pub owner: Owner,
    pub holding: Holding,
    pub followed: bool,
}

impl Tracker {
    /// What a connection has of its listener, which is asked for if it is not known who has it.
    pub(super) fn inherit(&mut self, listener: Option<Cookie>, now: u64) -> Inherited {
        let unknown = Inherited {
            owner: Owner::default(),
            holding: Holding::Unknown {
                asked: 0,
                near: None,
            },
            followed: false,
        };
        let Some(cookie) = listener else {
            return unknown;
        };
        let Some(flow) = self.flows.peek_mut(cookie) else {
            return unknown;
        };
        self.holders.doubt(flow);
        self.holders.ask(cookie, flow, now);
        Inherited {
            // A name that all have who have the listener is who accepts it, whoever that is.
            owner: flow.owner,
            holding: match flow.holding {
                Holding::Acted => Holding::Since(now),
                Holding::Since(then) => Holding::Since(then),
                Holding::Unknown { near, .. } => Holding::Unknown { asked: 0, near },
            },
            followed: flow.followed,
        }
    }

    /// The same where the kernel does not say which listener it was: of several that it may have
    /// been, what they have in common.
    pub(super) fn inherit_at(&mut self, tuple: &Tuple, now: u64) -> (Option<Cookie>, Inherited) {
        let mut candidates = self.listeners.of(tuple);
        let (first, another) = (candidates.next(), candidates.next());
        if another.is_none() {
            drop(candidates);
            return (first, self.inherit(first, now));
        }
        let all: Vec<Cookie> = first.into_iter().chain(another).chain(candidates).collect();
        let mut common = self.inherit(first, now);
        for other in all.into_iter().skip(1) {
            let other = self.inherit(Some(other), now);
            common.followed &= other.followed;
            if other.owner.process != common.owner.process {
                common.owner = Owner::default();
                common.holding = Holding::Unknown {
                    asked: 0,
                    near: None,
                };
            }
        }
        (None, common)
    }

    /// A process with listeners made another one.
    pub(super) fn forked(&mut self, event: &ForkedEvent) {
        let Some(pid) = event.pid else { return };
        self.holders.note_fork(event);
        // What the next connection has of them is known the sooner.
        for cookie in self.listeners.all() {
            if let Some(flow) = self.flows.peek_mut(cookie)
                && flow.owner.process.is_some_and(|it| it.pid == Some(pid))
            {
                self.holders.doubt(flow);
                self.holders.ask(cookie, flow, event.time_ns);
            }
        }
    }

    /// A process accepted a connection.
    pub(super) fn accepted(&mut self, event: &AcceptedEvent) {
        let Some(flow) = event
            .cookie
            .and_then(|cookie| self.flows.peek_mut(cookie))
            .filter(|flow| flow.holding != Holding::Acted)
        else {
            return;
        };
        flow.followed |= event.followed;
        flow.owner = Owner {
            uid: event.owner.uid.or(flow.owner.uid),
            ..event.owner
        };
        flow.holding = Holding::Since(event.time_ns);
    }

    /// What is to be asked next: see [`found`](Self::found). All events up to `now`
    /// (CLOCK_MONOTONIC, ns) were applied.
    pub fn question(&mut self, now: u64) -> Option<HolderQuestion> {
        while let Some((since, cookie)) = self.holders.untold.front().copied()
            && since + UNTOLD_NS <= now
        {
            self.holders.untold.pop_front();
            if let Some(flow) = self.flows.peek(cookie)
                && let Holding::Unknown { near, .. } = flow.holding
            {
                return Some(flow.question(cookie, near));
            }
        }
        self.holders.questions.pop_front()
    }

    /// When there may be something to be asked: CLOCK_MONOTONIC, ns, and 0 for at once; `None`: not
    /// before the next event. See [`question`](Self::question).
    #[must_use]
    pub fn next_question(&self) -> Option<u64> {
        let holders = &self.holders;
        let untold = holders.untold.front();
        match holders.questions.is_empty() {
            true => untold.map(|(since, _)| since + UNTOLD_NS),
            false => Some(0),
        }
    }

    /// Takes who has a socket.
    pub fn found(&mut self, found: &HolderAnswer) {
        let Some(flow) = self.flows.peek_mut(found.cookie) else {
            return;
        };
        let (Holding::Unknown { .. }, Some(owner)) = (flow.holding, found.owner) else {
            return;
        };
        flow.owner = Owner {
            uid: flow.owner.uid,
            ..owner
        };
        // A process that was seen may have made another one since.
        if owner.process.is_some_and(|process| process.pid.is_some()) {
            flow.holding = Holding::Since(found.since);
            self.holders.doubt(flow);
        }
    }
}
