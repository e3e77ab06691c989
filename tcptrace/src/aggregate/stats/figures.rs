//! All figures of a span of time.

use super::{
    Bounded, By, ClosedListeners, Ends, Group, GroupFigures, HalfOpen, Lengths, ListenAddress,
    Retried, Service, States, TimeWaitMaker, TimeWaitsMade,
};
use crate::model::{State, Transition};

/// So many makers, services and listeners are told apart: a few MiB at the most.
const MOST: usize = 1 << 15;
/// So many groups: each may have histograms of 18 KiB a state.
const MOST_GROUPS: usize = 256;

/// Figures of a span of time.
#[derive(Clone, Debug)]
pub struct Figures {
    /// Transitions counted.
    pub transitions: u64,
    /// Events that were lost: what they told is missing here.
    pub lost: u64,
    /// By state.
    pub states: States,
    /// How connections ended.
    pub ends: Ends,
    /// Who made TIME_WAITs.
    pub makers: Bounded<TimeWaitMaker, TimeWaitsMade>,
    /// Short and long connections by service.
    pub services: Bounded<Service, Lengths>,
    /// What became of SYNs.
    pub listeners: Bounded<ListenAddress, HalfOpen>,
    /// Where listeners were closed.
    pub closed_listeners: ClosedListeners,
    /// Handshakes that needed a segment again, by service.
    pub retried: Bounded<Service, Retried>,
    /// What the groups are of.
    pub by: Option<By>,
    /// By group, if asked for.
    pub groups: Bounded<Group, GroupFigures>,
}

impl Figures {
    /// Nothing happened yet.
    #[must_use]
    pub fn new(by: Option<By>) -> Self {
        Self {
            transitions: 0,
            lost: 0,
            states: States::default(),
            ends: Ends::default(),
            makers: Bounded::new(MOST),
            services: Bounded::new(MOST),
            listeners: Bounded::new(MOST),
            closed_listeners: ClosedListeners::default(),
            retried: Bounded::new(MOST),
            by,
            groups: Bounded::new(MOST_GROUPS),
        }
    }

    /// Counts a transition.
    pub fn take(&mut self, it: &Transition) {
        self.transitions += 1;
        self.states.take(it);
        self.ends.take(it);
        if let Some(by) = self.by {
            self.groups
                .row(by.group(&it.tuple, &it.owner, it.opener))
                .take(it);
        }
        if it.to == State::TimeWait {
            self.makers
                .row(TimeWaitMaker::of(&it.tuple, &it.owner, it.opener))
                .add(it.owner.process);
        }
        if let (Some(length), true) = (it.length, concerns_length(it))
            && let Some(service) = Service::of(&it.tuple, it.opener)
        {
            let lengths = self.services.row(service);
            if it.from == State::Established {
                lengths.closed(length);
            }
            if it.to == State::TimeWait {
                lengths.waits(length);
            }
        }
        if let Some(retransmits) = Retried::in_handshake(it)
            && let Some(service) = Service::of(&it.tuple, it.opener)
        {
            self.retried.row(service).take(it, retransmits);
        }
        self.closed_listeners.take(it);
        if HalfOpen::concerns(it) {
            self.listeners.row(ListenAddress::of(&it.tuple)).take(it);
        }
    }

    /// How many TIME_WAITs were made.
    #[must_use]
    pub fn time_waits_made(&self) -> u64 {
        self.states.of(State::TimeWait).entered
    }

    /// Takes the figures of a later span in.
    pub fn absorb(&mut self, other: Self) {
        self.transitions += other.transitions;
        self.lost += other.lost;
        self.states.absorb(other.states);
        self.ends.absorb(other.ends);
        self.makers.absorb(other.makers, TimeWaitsMade::absorb);
        self.services.absorb(other.services, Lengths::absorb);
        self.listeners.absorb(other.listeners, HalfOpen::absorb);
        self.closed_listeners.absorb(other.closed_listeners);
        self.retried.absorb(other.retried, Retried::absorb);
        self.groups.absorb(other.groups, GroupFigures::absorb);
    }
}

fn concerns_length(it: &Transition) -> bool {
    it.from == State::Established || it.to == State::TimeWait
}
