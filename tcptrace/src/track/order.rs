//! Keeps transitions in their order while one of them is held back: for its port, or for what tells
//! its reason.

use crate::model::Transition;
use std::collections::VecDeque;

/// How many transitions wait behind one that is held back. Beyond it, order gives way to memory:
/// the one that is held back comes later.
const MOST: usize = 1 << 16;

/// A place among the transitions.
#[derive(Debug)]
#[expect(
    clippy::large_enum_variant,
    reason = "nearly all places wait, and a box would be an allocation a line"
)]
enum Place {
    /// It is held back.
    Held,
    /// It waits for one that is held back.
    Waits(Transition),
    /// There was no transition after all.
    GivenUp,
}

/// One that is held back, and those behind it.
#[derive(Debug, Default)]
pub(super) struct Order {
    queue: VecDeque<Place>,
    /// The ticket of the first in the queue.
    first: u64,
}

/// The way out of the state machine, for one call.
pub(super) struct Out<'a, F> {
    order: &'a mut Order,
    sink: &'a mut F,
}

impl<'a, F: FnMut(&Transition)> Out<'a, F> {
    pub fn new(order: &'a mut Order, sink: &'a mut F) -> Self {
        Self { order, sink }
    }

    /// Tells a transition, in its turn.
    pub fn tell(&mut self, transition: &Transition) {
        if self.order.queue.is_empty() {
            (self.sink)(transition);
        } else {
            self.order.queue.push_back(Place::Waits(*transition));
            if self.order.queue.len() > MOST {
                self.order.queue.pop_front();
                self.order.first += 1;
                self.flush();
            }
        }
    }

    /// Keeps the place of a transition that is told later.
    pub fn hold(&mut self) -> u64 {
        self.order.queue.push_back(Place::Held);
        self.order.first + self.order.queue.len() as u64 - 1
    }

    /// Tells the transition whose place was kept.
    pub fn fill(&mut self, ticket: u64, transition: &Transition) {
        let first = self.order.first;
        match self.place(ticket) {
            // The first is nearly always the one that is filled, and need not be copied.
            Some(place) if ticket > first => *place = Place::Waits(*transition),
            Some(_) => {
                (self.sink)(transition);
                self.order.queue.pop_front();
                self.order.first += 1;
                self.flush();
            }
            None => (self.sink)(transition),
        }
    }

    /// Gives a place up: there is no transition to be told.
    pub fn give_up(&mut self, ticket: u64) {
        if let Some(place) = self.place(ticket) {
            *place = Place::GivenUp;
            self.flush();
        }
    }

    fn place(&mut self, ticket: u64) -> Option<&mut Place> {
        let index = ticket.checked_sub(self.order.first)?;
        self.order.queue.get_mut(usize::try_from(index).ok()?)
    }

    /// Whatever is left, held back or not.
    pub fn flush_all(&mut self) {
        for place in self.order.queue.drain(..) {
            if let Place::Waits(transition) = place {
                (self.sink)(&transition);
            }
            self.order.first += 1;
        }
    }

    fn flush(&mut self) {
        loop {
            match self.order.queue.front() {
                None | Some(Place::Held) => break,
                Some(Place::Waits(transition)) => (self.sink)(transition),
                Some(Place::GivenUp) => {}
            }
            self.order.queue.pop_front();
            self.order.first += 1;
        }
    }
}
