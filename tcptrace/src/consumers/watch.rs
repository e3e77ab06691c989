//! Shows every transition.

use std::{io, ops::ControlFlow};

use super::lines::Lines;
use crate::{
    engine::Consumer,
    host::Clock,
    model::Transition,
    output::{Context, End, Part, Start, View},
};

/// Shows transitions as they come.
pub struct Watch {
    view: Box<dyn View<Transition>>,
    lines: Lines,
}

impl Watch {
    /// Shows at most so many.
    pub fn new(view: Box<dyn View<Transition>>, most: Option<u64>) -> Self {
        Self {
            view,
            lines: Lines::new(most),
        }
    }
}

impl Consumer for Watch {
    fn start(&mut self, start: &Start, clock: &Clock) -> io::Result<()> {
        let what = "a connection to change its state";
        self.lines.begin(&mut *self.view, start, clock, what)
    }

    fn transition(
        &mut self,
        it: &Transition,
        around: &mut Context<'_>,
    ) -> io::Result<ControlFlow<()>> {
        self.lines.stop_waiting();
        self.view.show(it, around)?;
        Ok(self.lines.one_more())
    }

    fn part(&mut self, part: Option<&Part>) -> io::Result<()> {
        self.view.part(part)
    }

    fn lost(&mut self, events: u64) -> io::Result<()> {
        self.lines.lost(&mut *self.view, events)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.view.flush()
    }

    fn shown(&self) -> u64 {
        self.lines.shown()
    }

    fn close(&mut self, end: &End) -> io::Result<()> {
        self.lines.close(&mut *self.view, end)
    }
}
