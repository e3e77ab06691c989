//! After losses: what was not seen to end is compared with the sockets that there are.

use std::collections::hash_map::Entry;

use rustc_hash::{FxHashMap, FxHashSet};

use super::{Tracker, flow::Flow, order::Out};
use crate::model::{Cookie, Event, Existing, SocketKind, State, Transition, Tuple};

/// More than that may not happen during a look: then another is needed.
const MOST: usize = 1 << 20;

/// Whether what is remembered is what there is.
#[derive(Debug, Default)]
pub(super) enum Certainty {
    /// No event was lost.
    #[default]
    Sure,
    /// Connections may be remembered that are over.
    Unsure,
    /// So too, and a look at the sockets is under way: of these, events came meanwhile, which know
    /// better.
    Looking(Touched),
}

/// Connections that something happened to.
#[derive(Debug, Default)]
pub(super) struct Touched {
    sockets: FxHashSet<Cookie>,
    requests: FxHashSet<Tuple>,
}

/// The connections that a look at the sockets found.
struct There<'a> {
    /// One of each cookie.
    first: FxHashMap<Cookie, &'a Existing>,
    /// The others: of a socket that was disconnected, there may be minisocks of its cookie.
    others: FxHashMap<Cookie, Vec<&'a Existing>>,
}

impl<'a> There<'a> {
    fn new(sockets: &'a [Existing]) -> Self {
        let mut first = FxHashMap::default();
        let mut others: FxHashMap<Cookie, Vec<&Existing>> = FxHashMap::default();
        for it in sockets {
            let Some(cookie) = it.cookie.filter(|_| it.kind != SocketKind::Request) else {
                continue;
            };
            match first.entry(cookie) {
                Entry::Vacant(entry) => {
                    entry.insert(it);
                }
                Entry::Occupied(_) => others.entry(cookie).or_default().push(it),
            }
        }
        Self { first, others }
    }

    /// The state in which a connection was found.
    fn state_of(&self, cookie: Cookie, flow: &Flow) -> Option<State> {
        let first = self.first.get(&cookie).copied();
        let others = self.others.get(&cookie).into_iter().flatten().copied();
        first
            .into_iter()
            .chain(others)
            .find(|it| !flow.is_another_than(&it.tuple, it.state))
            .map(|it| it.state)
    }
}

impl Tracker {
    /// Whether events were lost since the sockets were looked at.
    #[must_use]
    pub fn is_unsure(&self) -> bool {
        !matches!(self.certainty, Certainty::Sure)
    }

    /// Says that a look at the sockets begins, for [`resync`](Self::resync).
    pub fn begin_look(&mut self) {
        self.certainty = Certainty::Looking(Touched::default());
    }

    /// Takes what a look at the sockets of these namespaces gave. Of connections that are over, the
    /// end was lost: it is not told. Returns whether that was all; otherwise another look is
    /// needed, as events were lost meanwhile.
    pub fn resync(
        &mut self,
        sockets: &[Existing],
        namespaces: &[u32],
        sink: &mut impl FnMut(&Transition),
    ) -> bool {
        let Certainty::Looking(touched) = std::mem::replace(&mut self.certainty, Certainty::Unsure)
        else {
            return false;
        };
        let mut order = std::mem::take(&mut self.order);
        self.drop_what_is_over(
            sockets,
            namespaces,
            &touched,
            &mut Out::new(&mut order, sink),
        );
        self.order = order;
        for existing in sockets {
            let known_better = match (existing.kind, &existing.cookie) {
                (SocketKind::Request, _) => touched.requests.contains(&existing.tuple),
                (_, Some(cookie)) => touched.sockets.contains(cookie),
                (_, None) => true,
            };
            if !known_better {
                self.seed(existing);
            }
        }
        self.certainty = Certainty::Sure;
        true
    }

    fn drop_what_is_over(
        &mut self,
        sockets: &[Existing],
        namespaces: &[u32],
        touched: &Touched,
        out: &mut Out<'_, impl FnMut(&Transition)>,
    ) {
        let there = There::new(sockets);
        let looked_at: FxHashSet<u32> = namespaces.iter().copied().collect();
        let mut over = Vec::new();
        let mut elsewhere = Vec::new();
        for (id, flow) in self.flows.iter() {
            if touched.sockets.contains(&id.cookie()) || !looked_at.contains(&flow.tuple.netns) {
                continue;
            }
            match there.state_of(id.cookie(), &flow) {
                None => over.push(id),
                // How it got there was lost. A socket that a minisock took over is a new one.
                Some(state) if state != flow.state => {
                    if state == State::TimeWait || state == State::FinWait2 {
                        over.push(id);
                    } else {
                        elsewhere.push((id, state));
                    }
                }
                Some(_) => {}
            }
        }
        for (id, state) in elsewhere {
            if let Some(flow) = self.flows.peek_mut(id) {
                flow.is_found_in(state);
            }
        }
        for id in over {
            if let Some(mut flow) = self.flows.remove(id) {
                let cookie = id.cookie();
                flow.tell_what_waits(cookie, out);
                self.orphans.remove(&flow.tuple);
                if flow.state == State::Listen {
                    self.listeners.remove(cookie, &flow.tuple);
                }
            }
        }
        let requests: FxHashSet<Tuple> = sockets
            .iter()
            .filter(|it| it.kind == SocketKind::Request)
            .map(|it| it.tuple)
            .collect();
        let gone: Vec<Tuple> = self
            .requests
            .iter()
            .map(|(tuple, _)| *tuple)
            .filter(|tuple| {
                looked_at.contains(&tuple.netns)
                    && !touched.requests.contains(tuple)
                    && !requests.contains(tuple)
            })
            .collect();
        for tuple in gone {
            self.requests.remove(&tuple);
        }
    }

    /// Takes note of what happens during a look.
    pub(super) fn touch(&mut self, event: &Event) {
        let Certainty::Looking(touched) = &mut self.certainty else {
            return;
        };
        let cookie = match event {
            Event::Socket(event) => {
                // A child takes its request over.
                touched.requests.insert(event.tuple);
                event.cookie
            }
            Event::Minisock(event) => event.cookie,
            Event::Request(event) => {
                touched.requests.insert(event.tuple);
                None
            }
            Event::ResetSent(event) => event.cookie,
            Event::Accepted(event) => event.cookie,
            Event::Syn(event) => event.cookie,
            Event::Forked(_) => None,
            Event::FinDropped(event) => self.orphans.get(&event.tuple).copied(),
        };
        touched.sockets.extend(cookie);
        if touched.sockets.len() + touched.requests.len() > MOST {
            self.certainty = Certainty::Unsure;
        }
    }
}
