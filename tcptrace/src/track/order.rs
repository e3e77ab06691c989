//! Keeps transitions in their order while one of them is held back for its port.

use std::collections::VecDeque;

use super::Transition;

/// How many transitions wait behind one that is held back. Beyond it, order gives way to memory:
/// the one that is held back comes later.
const MOST: usize = 1 << 16;

/// Transitions behind one that is held back; `None` is that one.
#[derive(Debug, Default)]
pub(super) struct Order {
    queue: VecDeque<Option<Transition>>,
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
            self.order.queue.push_back(Some(*transition));
            if self.order.queue.len() > MOST {
                self.order.queue.pop_front();
                self.order.first += 1;
                self.flush();
            }
        }
    }

    /// Keeps the place of a transition that is told later.
    pub fn hold(&mut self) -> u64 {
        self.order.queue.push_back(None);
        self.order.first + self.order.queue.len() as u64 - 1
    }

    /// Tells the transition whose place was kept.
    pub fn fill(&mut self, ticket: u64, transition: &Transition) {
        let place = ticket
            .checked_sub(self.order.first)
            .and_then(|index| self.order.queue.get_mut(usize::try_from(index).ok()?));
        match place {
            Some(place) => {
                *place = Some(*transition);
                self.flush();
            }
            None => (self.sink)(transition),
        }
    }

    /// Whatever is left, held back or not.
    pub fn flush_all(&mut self) {
        for transition in self.order.queue.drain(..).flatten() {
            (self.sink)(&transition);
        }
    }

    fn flush(&mut self) {
        while let Some(Some(transition)) = self.order.queue.front() {
            (self.sink)(transition);
            self.order.queue.pop_front();
            self.order.first += 1;
        }
    }
}
