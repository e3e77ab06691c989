//! The connections that are remembered, by their cookies.
//!
//! A socket that is disconnected while its minisock is in TIME_WAIT keeps its cookie, which the
//! minisock has, too (`inet_twsk_alloc()`, net/ipv4/inet_timewait_sock.c): what it carries next is
//! another connection of the same cookie. The minisocks of those before are kept apart.
//!
//! Of one that was there before tracing began, and to which nothing has happened since, there is
//! little to remember; a busy machine has half a million of them. They are kept apart, in a third
//! of the room.

use std::{borrow::Cow, rc::Rc};

use hashlink::{
    LruCache,
    linked_hash_map::{RawEntryMut, RawOccupiedEntryMut},
};
use rustc_hash::{FxBuildHasher, FxHashSet};

use super::flow::Flow;
use crate::model::{Cookie, Existing, Owner, Reach, SocketKind, State, Tuple};

/// So many owners more than connections are kept before it is looked which are of none.
const SPARE_OWNERS: usize = 1024;

/// Which of the connections that a socket carried, one after another.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Id {
    /// The last one.
    Last(Cookie),
    /// One before it, of which there is the minisock.
    Earlier(Cookie, Tuple),
}

impl Id {
    pub fn cookie(self) -> Cookie {
        match self {
            Self::Last(cookie) | Self::Earlier(cookie, _) => cookie,
        }
    }

    pub fn earlier(cookie: Cookie, tuple: &Tuple) -> Self {
        let tuple = Tuple {
            link: None,
            ..*tuple
        };
        Self::Earlier(cookie, tuple)
    }
}

impl From<Cookie> for Id {
    fn from(cookie: Cookie) -> Self {
        Self::Last(cookie)
    }
}

/// Connections that have, or had, a full socket; what was quiet longest first.
pub(super) struct Flows {
    /// What something happened to, and listeners.
    active: LruCache<Cookie, Flow, FxBuildHasher>,
    /// The others.
    quiet: LruCache<Cookie, Quiet, FxBuildHasher>,
    /// Those whose socket carries another one by now: few, if any.
    earlier: LruCache<(Cookie, Tuple), Flow, FxBuildHasher>,
    /// Who has them: most processes have many.
    owners: FxHashSet<Rc<Owner>>,
}

/// The place of an active one.
type Known<'a> = RawOccupiedEntryMut<'a, Cookie, Flow, FxBuildHasher>;

/// A connection that was found, and did nothing yet.
#[derive(Clone, Debug)]
struct Quiet {
    tuple: Tuple,
    state: State,
    kind: SocketKind,
    owner: Rc<Owner>,
    /// The count of losses when it was found.
    epoch: u32,
}

/// Half a million of them are to be had.
const _: () = assert!(size_of::<Quiet>() <= 64);

impl Quiet {
    fn flow(&self) -> Flow {
        let existing = Existing {
            cookie: None,
            tuple: self.tuple,
            state: self.state,
            kind: self.kind,
            owner: *self.owner,
            near: None,
            reach: Reach::default(),
        };
        Flow::found(&existing, self.epoch)
    }
}

impl Flows {
    pub fn new() -> Self {
        Self {
            active: LruCache::with_hasher(usize::MAX, FxBuildHasher),
            quiet: LruCache::with_hasher(usize::MAX, FxBuildHasher),
            earlier: LruCache::with_hasher(usize::MAX, FxBuildHasher),
            owners: FxHashSet::default(),
        }
    }

    /// How many there are.
    pub fn len(&self) -> usize {
        self.active.len() + self.quiet.len() + self.earlier.len()
    }

    #[inline]
    pub fn has(&self, id: impl Into<Id>) -> bool {
        match id.into() {
            Id::Last(cookie) => {
                self.active.contains_key(&cookie) || self.quiet.contains_key(&cookie)
            }
            Id::Earlier(cookie, tuple) => self.earlier.contains_key(&(cookie, tuple)),
        }
    }

    /// Which one a minisock is of.
    #[inline]
    pub fn of_minisock(&self, cookie: Cookie, tuple: &Tuple) -> Id {
        let earlier = Id::earlier(cookie, tuple);
        match !self.earlier.is_empty() && self.has(earlier) {
            true => earlier,
            false => Id::Last(cookie),
        }
    }

    /// Where one belongs that was found, or `None` where it is known.
    pub fn place_of(&mut self, cookie: Cookie, existing: &Existing) -> Option<Id> {
        let tuple = &existing.tuple;
        let minisock = existing.kind == SocketKind::Minisock;
        if minisock && self.has(Id::earlier(cookie, tuple)) {
            return None;
        }
        let known = self.peek(cookie);
        if known.is_some_and(|known| !known.is_another_than(tuple, existing.state)) {
            return None;
        }
        self.place_of_another(cookie, tuple, minisock)
    }

    /// Where one belongs that is another than those that are known, or `None` where that can't be.
    /// `minisock`: there is nothing else of it.
    pub fn place_of_another(
        &mut self,
        cookie: Cookie,
        tuple: &Tuple,
        minisock: bool,
    ) -> Option<Id> {
        match self.peek(cookie).map(|known| known.socket) {
            None => Some(Id::Last(cookie)),
            Some(_) if minisock => Some(Id::earlier(cookie, tuple)),
            // There is one socket of a cookie.
            Some(true) => None,
            Some(false) => {
                let earlier = self.remove(cookie)?;
                self.set_apart(cookie, earlier);
                Some(Id::Last(cookie))
            }
        }
    }

    /// Keeps one whose socket carries another one by now.
    pub fn set_apart(&mut self, cookie: Cookie, mut flow: Flow) {
        flow.socket = false;
        let tuple = flow.tuple;
        self.insert(Id::earlier(cookie, &tuple), flow, |_| ());
    }

    /// One, of which nothing is changed.
    #[inline]
    pub fn peek(&self, id: impl Into<Id>) -> Option<Cow<'_, Flow>> {
        match id.into() {
            Id::Last(cookie) => match self.active.peek(&cookie) {
                Some(flow) => Some(Cow::Borrowed(flow)),
                None => self.quiet.peek(&cookie).map(|it| Cow::Owned(it.flow())),
            },
            Id::Earlier(cookie, tuple) => self.earlier.peek(&(cookie, tuple)).map(Cow::Borrowed),
        }
    }

    /// One to change, which is as quiet as it was.
    #[inline]
    pub fn peek_mut(&mut self, id: impl Into<Id>) -> Option<&mut Flow> {
        match id.into() {
            Id::Last(cookie) => self.woken(cookie, |_| ()),
            Id::Earlier(cookie, tuple) => self.earlier.peek_mut(&(cookie, tuple)),
        }
    }

    /// One that something happens to.
    #[inline]
    pub fn get_mut(&mut self, id: impl Into<Id>) -> Option<&mut Flow> {
        match id.into() {
            Id::Last(cookie) => self.woken(cookie, |entry| entry.to_back()),
            Id::Earlier(cookie, tuple) => self.earlier.get_mut(&(cookie, tuple)),
        }
    }

    /// Adds one. `before`: what is done with one of that identity, which goes.
    #[inline]
    pub fn insert(&mut self, id: impl Into<Id>, flow: Flow, before: impl FnOnce(&mut Flow)) {
        let cookie = match id.into() {
            Id::Last(cookie) => cookie,
            Id::Earlier(cookie, tuple) => {
                if let Some(mut old) = self.earlier.insert((cookie, tuple), flow) {
                    before(&mut old);
                }
                return;
            }
        };
        match self.active.raw_entry_mut().from_key(&cookie) {
            RawEntryMut::Occupied(mut entry) => {
                entry.to_back();
                let place = entry.into_mut();
                before(place);
                *place = flow;
            }
            RawEntryMut::Vacant(entry) => {
                if let Some(quiet) = self.quiet.remove(&cookie) {
                    before(&mut quiet.flow());
                }
                entry.insert(cookie, flow);
            }
        }
    }

    /// Adds one that was found. `epoch`: the count of losses now.
    pub fn found(&mut self, id: impl Into<Id>, existing: &Existing, epoch: u32) {
        let cookie = match id.into() {
            Id::Last(cookie) if existing.state != State::Listen => cookie,
            id => return self.insert(id, Flow::found(existing, epoch), |_| ()),
        };
        let quiet = Quiet {
            tuple: existing.tuple,
            state: existing.state,
            kind: existing.kind,
            owner: self.kept(existing.owner),
            epoch,
        };
        self.quiet.insert(cookie, quiet);
    }

    #[inline]
    pub fn remove(&mut self, id: impl Into<Id>) -> Option<Flow> {
        let cookie = match id.into() {
            Id::Last(cookie) => cookie,
            Id::Earlier(cookie, tuple) => return self.earlier.remove(&(cookie, tuple)),
        };
        let known = self.active.remove(&cookie);
        known.or_else(|| self.quiet.remove(&cookie).map(|it| it.flow()))
    }

    /// All; what was quiet longest first.
    pub fn iter(&self) -> impl Iterator<Item = (Id, Cow<'_, Flow>)> {
        let quiet = self.quiet.iter();
        let quiet = quiet.map(|(cookie, it)| (Id::Last(*cookie), Cow::Owned(it.flow())));
        let earlier = self.earlier.iter();
        let earlier =
            earlier.map(|((cookie, tuple), it)| (Id::Earlier(*cookie, *tuple), Cow::Borrowed(it)));
        let active = self.active.iter();
        let active = active.map(|(cookie, it)| (Id::Last(*cookie), Cow::Borrowed(it)));
        quiet.chain(earlier).chain(active)
    }

    /// One of which all is remembered from now on. `known`: what is done with its place if it was
    /// before.
    fn woken(&mut self, cookie: Cookie, known: impl FnOnce(&mut Known<'_>)) -> Option<&mut Flow> {
        match self.active.raw_entry_mut().from_key(&cookie) {
            RawEntryMut::Occupied(mut entry) => {
                known(&mut entry);
                Some(entry.into_mut())
            }
            RawEntryMut::Vacant(_) if self.quiet.is_empty() => None,
            RawEntryMut::Vacant(entry) => {
                let quiet = self.quiet.remove(&cookie)?;
                Some(entry.insert(cookie, quiet.flow()).1)
            }
        }
    }

    fn kept(&mut self, owner: Owner) -> Rc<Owner> {
        if let Some(kept) = self.owners.get(&owner) {
            return kept.clone();
        }
        if self.owners.len() > self.quiet.len() + SPARE_OWNERS {
            self.owners.retain(|it| Rc::strong_count(it) > 1);
        }
        let kept = Rc::new(owner);
        self.owners.insert(kept.clone());
        kept
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::{Comm, Holding, Minisock, MinisockState, Process, Side, SocketEvent};

    fn tuple() -> Tuple {
        SocketEvent::closed(State::Established).tuple
    }

    fn existing(state: State, kind: SocketKind, pid: u32) -> Existing {
        let process = Process {
            pid: Some(pid),
            comm: Comm::new(b"server"),
        };
        let owner = Owner {
            process: Some(process),
            ..Owner::default()
        };
        Existing {
            cookie: None,
            tuple: tuple(),
            state,
            kind,
            owner,
            near: None,
            reach: Reach::default(),
        }
    }

    fn cookie(number: u64) -> Cookie {
        Cookie::new(number).unwrap()
    }

    fn order(flows: &Flows) -> Vec<u64> {
        flows.iter().map(|(id, _)| id.cookie().0.get()).collect()
    }

    #[test]
    fn what_was_found_is_known_with_all_that_it_was_found_with() {
        let cases = [
            (State::Established, SocketKind::Full, None, Minisock::None),
            (
                State::SynSent,
                SocketKind::Full,
                Some(Side::Local),
                Minisock::None,
            ),
            (
                State::TimeWait,
                SocketKind::Minisock,
                None,
                Minisock::Alive(MinisockState::TimeWait),
            ),
            (
                State::FinWait2,
                SocketKind::Minisock,
                None,
                Minisock::Alive(MinisockState::FinWait2),
            ),
            (State::Listen, SocketKind::Full, None, Minisock::None),
        ];
        for (state, kind, opener, minisock) in cases {
            let mut flows = Flows::new();
            let found = existing(state, kind, 7);
            flows.found(cookie(1), &found, 3);
            for woken in [false, true] {
                if woken {
                    assert!(flows.get_mut(cookie(1)).is_some());
                    assert_eq!(flows.quiet.len(), 0);
                }
                let flow = flows.peek(cookie(1)).unwrap();
                assert_eq!(flow.owner, found.owner);
                assert_eq!(
                    (flow.state, flow.opener, flow.minisock),
                    (state, opener, minisock)
                );
                assert_eq!(flow.socket, kind == SocketKind::Full);
                assert_eq!((flow.holding, flow.epoch), (Holding::Since(0), 3));
            }
        }
    }

    #[test]
    fn what_nothing_happens_to_is_quiet_longest() {
        let mut flows = Flows::new();
        let found = existing(State::Established, SocketKind::Full, 7);
        flows.insert(cookie(1), Flow::new(tuple(), State::Closed), |_| panic!());
        for number in 2..5 {
            flows.found(cookie(number), &found, 0);
        }
        assert_eq!((order(&flows), flows.len()), (vec![2, 3, 4, 1], 4));
        assert!(flows.get_mut(cookie(3)).is_some());
        assert_eq!(order(&flows), [2, 4, 1, 3]);
        assert!(flows.get_mut(cookie(1)).is_some());
        assert!(flows.remove(cookie(2)).is_some());
        assert_eq!((order(&flows), flows.len()), (vec![4, 3, 1], 3));
        assert!(!flows.has(cookie(2)) && flows.has(cookie(4)));
        let other = Flow::new(tuple(), State::CloseWait);
        let mut before = None;
        flows.insert(cookie(4), other, |it| before = Some(it.state));
        assert_eq!(before, Some(State::Established));
        let last = Flow::new(tuple(), State::LastAck);
        flows.insert(cookie(4), last, |it| before = Some(it.state));
        assert_eq!(before, Some(State::CloseWait));
        assert_eq!((order(&flows), flows.len()), (vec![3, 1, 4], 3));
    }

    #[test]
    fn owners_of_what_is_over_are_not_kept() {
        let mut flows = Flows::new();
        for number in 1..=10_000 {
            let found = existing(State::Established, SocketKind::Full, number);
            flows.found(cookie(number.into()), &found, 0);
            assert!(flows.remove(cookie(number.into())).is_some());
        }
        assert!(flows.owners.len() <= SPARE_OWNERS + 1);
        let found = existing(State::Established, SocketKind::Full, 1);
        for number in 1..=10_000 {
            flows.found(cookie(number), &found, 0);
        }
        let kept = flows.owners.get(&found.owner).unwrap();
        assert_eq!(Rc::strong_count(kept), 10_001);
    }
}
