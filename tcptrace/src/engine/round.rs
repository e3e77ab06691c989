//! One look at the source.

use std::time::Duration;

use anyhow::Result;

use super::{Consumer, Engine, sink::Sink};
use crate::{
    host,
    host::Clock,
    model::{Transition, ns},
    source::{Finding, Source, Told},
    track::Tracker,
};

/// What a round found.
pub(super) struct Round {
    /// There is more to be told. Without, a live source has no more for now, and any other is over.
    pub more: bool,
    /// Nothing happened.
    pub quiet: bool,
    /// How long until something is to be done, though nothing happens; `None`: nothing is. Of a live
    /// source alone.
    pub wait: Option<Duration>,
    /// The consumer wants no more.
    pub enough: bool,
    /// All that happened until then was told: CLOCK_MONOTONIC, ns.
    pub until_ns: u64,
}

impl<S: Source> Engine<S> {
    /// Takes what the source tells next.
    pub(super) fn round(&mut self, consumer: &mut impl Consumer) -> Result<Round> {
        if self.host.is_some() {
            self.clock.refresh();
        }
        let now = self.now();
        self.links.hear(now);

        let Self {
            source,
            tracker,
            filter,
            clock,
            cgroups,
            links,
            held,
            most,
            enough,
            recording,
            from_ns,
            ..
        } = self;
        let mut sink = Sink::new(
            filter, *from_ns, clock, cgroups, links, held, enough, consumer,
        );
        let batch = source.next(now, *most, |told| {
            if let Some(recording) = recording {
                recording.take(&told);
            }
            match told {
                Told::Event(event) => {
                    log::trace!("{event:?}");
                    tracker.apply(event, &mut |transition| sink.take(transition));
                }
                Told::Lost(events) => {
                    tracker.note_loss();
                    sink.lost(events);
                }
                Told::Unrecorded(events) => sink.lost(events),
                Told::CgroupMade(made) => sink.cgroup_made(&made),
                Told::Found(finding) => find(tracker, &finding, &mut |it| sink.take(it)),
                Told::CgroupNamed { id, path } => sink.cgroup_named(id, path),
                Told::Workload { id, workload } => sink.workload_told(id, workload),
                Told::LinkNamed { netns, index, name } => sink.link_named(netns, index, name),
                Told::Namespace { netns, settings } => sink.learn(netns, settings),
                Told::Dropped { at_ns, counts } => sink.dropped(at_ns, counts),
                Told::Stuck(found) => sink.stuck(found),
            }
        });
        sink.finish()?;
        let mut wait = None;
        if self.host.is_some() {
            self.look_up(batch.until_ns, consumer)?;
            self.learn_names(consumer)?;
            self.advance(batch.until_ns, consumer)?;
            if self.source.should_ask_for_losses() {
                self.note_losses(consumer)?;
            }
            self.turn_recording(batch.until_ns, consumer)?;
            if !batch.more {
                consumer.flush()?;
            }
            // What is told by now is a little behind.
            let behind = now.saturating_sub(batch.until_ns);
            wait = self.next().map(|at| {
                let at = at.saturating_add(behind);
                Duration::from_nanos(at.saturating_sub(host::monotonic_now()))
            });
        } else if let Some(ahead) = self.source.wall_ahead_ns() {
            self.clock = Clock::ahead_by(ahead);
        }
        Ok(Round {
            more: batch.more,
            quiet: batch.told == 0,
            wait,
            enough: self.enough,
            until_ns: batch.until_ns,
        })
    }

    /// When something is to be done next, if no event comes before.
    fn next(&self) -> Option<u64> {
        let host = self.host.as_ref().and_then(|it| it.next(&self.tracker));
        let names = self.cgroups.due().map(|wait| self.now() + ns(wait));
        [self.tracker.next_deadline(), host, names]
            .into_iter()
            .flatten()
            .min()
    }

    /// Takes what became known of containers, and tells what waited for that.
    pub(super) fn learn_names(&mut self, consumer: &mut impl Consumer) -> Result<()> {
        self.cgroups.turn(self.now());
        self.note_workloads();
        if self.held.is_empty() {
            return Ok(());
        }
        self.emit(consumer, |_, sink| sink.release(false))
    }

    /// Has threads look up what no event has told, when all events up to `now` were applied, and
    /// takes what they found.
    fn look_up(&mut self, now: u64, consumer: &mut impl Consumer) -> Result<()> {
        self.links.ask();
        let syns = self.coverage.syns;
        let Some(host) = &mut self.host else {
            return Ok(());
        };
        if let Some(holders) = &mut host.holders {
            let found = holders.turn(&mut self.tracker, &mut self.source, now);
            if let (Some(answer), Some(recording)) = (found, &mut self.recording) {
                recording.holder(answer);
            }
        }
        // Before anything is given up, as it may have waited unread for long.
        if let Some(found) = host.addresses.answer() {
            if let Some(recording) = &mut self.recording {
                for (cookie, tuple) in &found {
                    recording.addresses(*cookie, *tuple);
                }
            }
            self.emit(consumer, |tracker, sink| {
                for (cookie, tuple) in &found {
                    tracker.learn(*cookie, tuple, &mut |it| sink.take(it));
                }
            })?;
        }
        if let Some(host) = &mut self.host {
            host.addresses.ask(&mut self.tracker, now, syns);
        }
        Ok(())
    }

    /// Says to the state machine that all events up to `now` were applied.
    pub(super) fn advance(&mut self, now: u64, consumer: &mut impl Consumer) -> Result<()> {
        self.emit(consumer, |tracker, sink| {
            tracker.advance(now, &mut |it| sink.take(it));
        })
    }

    /// Hands transitions to the consumer that are not the answer to one event.
    pub(super) fn emit<C: Consumer>(
        &mut self,
        consumer: &mut C,
        tell: impl FnOnce(&mut Tracker, &mut Sink<'_, C>),
    ) -> Result<()> {
        let mut sink = Sink::new(
            &self.filter,
            self.from_ns,
            &self.clock,
            &mut self.cgroups,
            &mut self.links,
            &mut self.held,
            &mut self.enough,
            consumer,
        );
        tell(&mut self.tracker, &mut sink);
        sink.finish()
    }

    /// Tells of losses that no record came after, and of events that no record was made of.
    pub(super) fn note_losses(&mut self, consumer: &mut impl Consumer) -> Result<()> {
        let lost = self.source.newly_lost(self.tracker.told_twice());
        if lost > 0 {
            if let Some(recording) = &mut self.recording {
                recording.lost(lost);
            }
            self.tracker.note_loss();
            consumer.lost(lost)?;
        }
        Ok(())
    }
}

/// Hands to the state machine what was found out at the time.
pub(super) fn find(
    tracker: &mut Tracker,
    finding: &Finding<'_>,
    sink: &mut impl FnMut(&Transition),
) {
    match finding {
        Finding::Addresses(cookie, tuple) => tracker.learn(*cookie, tuple, sink),
        Finding::Holder(answer) => tracker.found(answer),
        Finding::LookBegins => tracker.begin_look(),
        Finding::Sockets {
            sockets,
            namespaces,
        } => {
            tracker.resync(sockets, namespaces, sink);
        }
    }
}
