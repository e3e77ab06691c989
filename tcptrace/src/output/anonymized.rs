//! Rows with other addresses and names than the real ones, in any form.

use std::{io, sync::Arc};

use rustc_hash::FxHashMap;

use super::{Context, End, Part, ShownFlow, Start, View};
use crate::{
    host::{Cgroups, Clock, Links},
    model::{Cgroup, FlowRecord, Owner, Transition, Tuple, Workload},
    record::Anonymizer,
};

/// Writes rows with other addresses and names than the real ones: see [`Anonymizer`].
pub struct Anonymized<V> {
    to: V,
    other: Anonymizer,
    /// The other names.
    cgroups: Cgroups,
    links: Links,
    /// What these were made of.
    workloads: FxHashMap<Cgroup, Arc<Workload>>,
}

impl<V> Anonymized<V> {
    /// Hands rows on to `to`.
    ///
    /// # Errors
    /// When the kernel gives no random bytes.
    pub fn new(to: V) -> io::Result<Self> {
        Ok(Self {
            to,
            other: Anonymizer::new()?,
            cgroups: Cgroups::from_iter([]),
            links: Links::default(),
            workloads: FxHashMap::default(),
        })
    }

    fn names(&mut self, tuple: &Tuple, owner: &Owner, around: &mut Context<'_>) {
        if let Some(id) = owner.cgroup
            && self.cgroups.path(id.get()).is_none()
            && let Some(path) = around.cgroups.path(id.get())
        {
            self.cgroups.named(id.get(), &self.other.path(path));
        }
        if let Some(id) = owner.cgroup
            && let Some(workload) = around.cgroups.workload(id.get())
            && !workload.is_empty()
            && !matches!(self.workloads.get(&id), Some(it) if Arc::ptr_eq(it, workload))
        {
            self.cgroups.told(id.get(), self.other.workload(workload));
            self.workloads.insert(id, Arc::clone(workload));
        }
        if let Some(link) = tuple.link
            && let Some(name) = around.links.name(tuple)
        {
            self.links.named(tuple.netns, link, &self.other.name(name));
        }
    }

    fn part(&self, part: &Part) -> Part {
        let mut part = part.clone();
        part.origin.host = self.other.name(&part.origin.host);
        part.origin.boot = self.other.name(&part.origin.boot);
        part
    }
}

/// All but the row itself.
macro_rules! handed_on {
    ($it:ty) => {
        fn start(&mut self, start: &Start, clock: &Clock) -> io::Result<()> {
            View::<$it>::start(&mut self.to, start, clock)
        }

        fn part(&mut self, part: Option<&Part>) -> io::Result<()> {
            let part = part.map(|part| Anonymized::part(self, part));
            View::<$it>::part(&mut self.to, part.as_ref())
        }

        fn lost(&mut self, events: u64) -> io::Result<()> {
            View::<$it>::lost(&mut self.to, events)
        }

        fn tells_losses(&self) -> bool {
            View::<$it>::tells_losses(&self.to)
        }

        fn end(&mut self, end: &End) -> io::Result<()> {
            View::<$it>::end(&mut self.to, end)
        }

        fn flush(&mut self) -> io::Result<()> {
            View::<$it>::flush(&mut self.to)
        }
    };
}

impl<V: View<Transition>> View<Transition> for Anonymized<V> {
    handed_on!(Transition);

    fn show(&mut self, it: &Transition, around: &mut Context<'_>) -> io::Result<()> {
        self.names(&it.tuple, &it.owner, around);
        let mut shown = *it;
        shown.tuple = self.other.tuple(it.tuple);
        shown.owner = self.other.owner(it.owner);
        shown.thread = it.thread.map(|it| self.other.comm(it));
        let around = &mut Context {
            clock: around.clock,
            cgroups: &mut self.cgroups,
            links: &mut self.links,
        };
        self.to.show(&shown, around)
    }
}

impl<'a, V: for<'b> View<ShownFlow<'b>>> View<ShownFlow<'a>> for Anonymized<V> {
    handed_on!(ShownFlow<'_>);

    fn show(&mut self, it: &ShownFlow<'a>, around: &mut Context<'_>) -> io::Result<()> {
        self.names(&it.record.tuple, &it.record.owner, around);
        let record = FlowRecord {
            tuple: self.other.tuple(it.record.tuple),
            owner: self.other.owner(it.record.owner),
            ..it.record.clone()
        };
        let around = &mut Context {
            clock: around.clock,
            cgroups: &mut self.cgroups,
            links: &mut self.links,
        };
        let shown = ShownFlow {
            record: &record,
            ..*it
        };
        self.to.show(&shown, around)
    }
}
