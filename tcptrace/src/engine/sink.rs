//! From transitions to what is asked for.

use std::{io, ops::ControlFlow};

use anyhow::Result;

use super::Consumer;
use crate::{
    filter::Filter,
    host::{Cgroups, Clock, Links},
    model::{CgroupMade, Transition},
    output::Context,
};

/// The way of a transition to the consumer: through the filter, until there are enough.
pub(super) struct Sink<'a, C> {
    filter: &'a Filter,
    around: Context<'a>,
    consumer: &'a mut C,
    enough: &'a mut bool,
    failed: Option<io::Error>,
}

impl<'a, C: Consumer> Sink<'a, C> {
    pub fn new(
        filter: &'a Filter,
        clock: &'a Clock,
        cgroups: &'a mut Cgroups,
        links: &'a mut Links,
        enough: &'a mut bool,
        consumer: &'a mut C,
    ) -> Self {
        let around = Context {
            clock,
            cgroups,
            links,
        };
        Self {
            filter,
            around,
            consumer,
            enough,
            failed: None,
        }
    }

    pub fn take(&mut self, transition: &Transition) {
        if *self.enough {
            return;
        }
        let in_cgroup = self.around.cgroups.are_asked_for(transition.owner.cgroup);
        if !self.filter.matches(transition, in_cgroup) {
            return;
        }
        match self.consumer.transition(transition, &mut self.around) {
            Ok(ControlFlow::Continue(())) => {}
            Ok(ControlFlow::Break(())) => *self.enough = true,
            Err(error) => {
                *self.enough = true;
                self.failed = Some(error);
            }
        }
    }

    /// A control group was made.
    pub fn cgroup_made(&mut self, made: &CgroupMade<'_>) {
        self.around.cgroups.made(made);
    }

    /// Events were lost.
    pub fn lost(&mut self, events: u64) {
        if let Err(error) = self.consumer.lost(events) {
            *self.enough = true;
            self.failed = Some(error);
        }
    }

    /// Tells what went wrong, if anything did.
    pub fn finish(self) -> Result<()> {
        match self.failed {
            None => Ok(()),
            Some(error) => Err(error.into()),
        }
    }
}
