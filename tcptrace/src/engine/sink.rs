//! From transitions to what is asked for.

use std::{io, ops::ControlFlow};

use anyhow::Result;

use super::{Consumer, held::Held};
use crate::{
    filter::Filter,
    host::{Cgroups, Clock, Links},
    model::{CgroupMade, DropCounts, Link, NamespaceSettings, Transition, Workload},
    output::Context,
};

/// The way of a transition to the consumer: through the filter, until there are enough.
pub(super) struct Sink<'a, C> {
    filter: &'a Filter,
    /// The filter lets everything through.
    all: bool,
    from_ns: u64,
    around: Context<'a>,
    held: &'a mut Held,
    consumer: &'a mut C,
    enough: &'a mut bool,
    failed: Option<io::Error>,
}

impl<'a, C: Consumer> Sink<'a, C> {
    /// `from_ns`: what happened before is not asked for (CLOCK_MONOTONIC).
    #[expect(clippy::too_many_arguments, reason = "each is a part of the engine")]
    pub fn new(
        filter: &'a Filter,
        from_ns: u64,
        clock: &'a Clock,
        cgroups: &'a mut Cgroups,
        links: &'a mut Links,
        held: &'a mut Held,
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
            all: filter.lets_all_through(),
            from_ns,
            around,
            held,
            consumer,
            enough,
            failed: None,
        }
    }

    pub fn take(&mut self, transition: &Transition) {
        if *self.enough || transition.time_ns < self.from_ns {
            return;
        }
        if (!self.around.cgroups.are_settled() || !self.held.is_empty()) && self.waits(transition) {
            return;
        }
        self.tell(transition);
    }

    /// Lets a line wait for the names in it, or behind one that does.
    fn waits(&mut self, it: &Transition) -> bool {
        let waits = self.around.cgroups.is_awaited(it.owner.cgroup) || self.held.has_of(it);
        if !waits || !self.filter.matches(it, true) {
            return false;
        }
        if self.held.is_full() {
            self.release(true);
            return false;
        }
        self.held.add(*it);
        true
    }

    /// Tells what waited and does not any more, or all of it.
    pub fn release(&mut self, all: bool) {
        for it in self.held.take() {
            let waits =
                !all && (self.around.cgroups.is_awaited(it.owner.cgroup) || self.held.has_of(&it));
            match waits {
                true => self.held.add(it),
                false => self.tell(&it),
            }
        }
    }

    fn tell(&mut self, transition: &Transition) {
        if *self.enough {
            return;
        }
        if !self.all {
            let in_cgroup = self.around.cgroups.is_asked_for(transition.owner.cgroup);
            if !self.filter.matches(transition, in_cgroup) {
                return;
            }
        }
        let told = self.consumer.transition(transition, &mut self.around);
        self.note(told);
    }

    fn note(&mut self, told: io::Result<ControlFlow<()>>) {
        match told {
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

    /// The path of a control group became known.
    pub fn cgroup_named(&mut self, id: u64, path: &str) {
        self.around.cgroups.named(id, path);
    }

    /// What runs in a control group became known.
    pub fn workload_told(&mut self, id: u64, workload: &Workload) {
        self.around.cgroups.told(id, workload.clone());
    }

    /// The name of an interface became known.
    pub fn link_named(&mut self, netns: u32, index: u32, name: &str) {
        if let Some(link) = Link::new(index) {
            self.around.links.named(netns, link, name);
        }
    }

    /// How a network namespace is set up became known.
    pub fn learn(&mut self, netns: u32, settings: &NamespaceSettings) {
        self.consumer.learn(netns, settings);
    }

    /// A look at the listeners found what they had dropped by then; see [`Consumer::dropped`].
    pub fn dropped(&mut self, at_ns: u64, counts: Option<&DropCounts>) {
        self.consumer.dropped(at_ns, counts);
    }

    /// A connection was found to be stuck.
    pub fn stuck(&mut self, found: &str) {
        if *self.enough {
            return;
        }
        let told = self.consumer.stuck(found, &mut self.around);
        self.note(told);
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
