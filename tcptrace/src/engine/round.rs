//! One look at the ring buffer.

use std::time::Duration;

use anyhow::Result;

use super::{Consumer, Live, sink::Sink};
use crate::{
    host,
    host::{Looker, Namespaces},
    model::{CgroupMade, Cookie, Tuple},
    source::{decode, live::Drained},
    track::Tracker,
};

/// Another CPU may have taken the time of an event and not have reserved its record yet.
const MARGIN_NS: u64 = 1_000_000;
/// What part of a CPU looks for addresses take at the most: the kernel walks the whole table of
/// the machine. More of it where the port of each SYN is looked for, and not only of those that are
/// put off.
const SHARE: u32 = 20;
const SHARE_FOR_SYNS: u32 = 10;

/// A network namespace, with a process that may live in it.
pub(super) type Place = (u32, Option<u32>);
/// Sockets that were found there.
pub(super) type Opening = Vec<(Cookie, Tuple)>;

/// What a round found.
pub(super) struct Round {
    /// The ring buffer holds no more.
    pub empty: bool,
    /// Nothing happened.
    pub quiet: bool,
    /// When something is to be done next, though nothing happens: CLOCK_MONOTONIC, ns, and 0 for as
    /// soon as may be; `None`: nothing is.
    pub next_ns: Option<u64>,
    /// The consumer wants no more.
    pub enough: bool,
    /// When the last event happened, CLOCK_MONOTONIC; 0 if there was none.
    pub reached_ns: u64,
}

impl Round {
    /// How long until something is to be done, though nothing happens.
    pub fn waits(&self) -> Option<Duration> {
        let next = self.next_ns?;
        Some(Duration::from_nanos(
            next.saturating_sub(host::monotonic_now()),
        ))
    }
}

impl Live {
    /// Reads a chunk of records.
    pub(super) fn round(&mut self, consumer: &mut impl Consumer) -> Result<Round> {
        self.clock.refresh();
        let now = host::monotonic_now();
        self.links.hear(now);

        let Self {
            kernel,
            reader,
            tracker,
            filter,
            clock,
            cgroups,
            links,
            chunk,
            enough,
            broken_records,
            ..
        } = self;
        let mut sink = Sink::new(filter, clock, cgroups, links, enough, consumer);
        let mut last = 0;
        let count = reader.drain(*chunk, |drained| match drained {
            Drained::Lost(events) => {
                tracker.note_loss();
                sink.lost(events);
            }
            Drained::Record(record) if let Some(made) = CgroupMade::read(record) => {
                sink.cgroup_made(&made);
            }
            Drained::Record(record) => match decode(record, &kernel.symbols) {
                Ok(event) => {
                    log::trace!("{event:?}");
                    last = event.time_ns();
                    tracker.apply(&event, &mut |transition| sink.take(transition));
                }
                Err(_) => *broken_records += 1,
            },
        });
        let empty = count < *chunk;
        sink.finish()?;
        let known = if empty { now } else { last.min(now) }.saturating_sub(MARGIN_NS);
        self.links.ask();
        if let Some(holders) = &mut self.holders {
            holders.turn(&mut self.tracker, &mut self.kernel, known);
        }
        // Before anything is given up, as it may have waited unread for long.
        self.look_for_addresses(known, consumer)?;
        self.emit(consumer, |tracker, sink| {
            tracker.advance(known, &mut |it| sink.take(it));
        })?;
        if self.reader.should_ask_for_losses() {
            self.note_losses(consumer)?;
        }
        if empty {
            consumer.flush()?;
        }
        Ok(Round {
            empty,
            quiet: count == 0,
            next_ns: self.next(),
            enough: self.enough,
            reached_ns: last,
        })
    }

    /// When something is to be done next, if no event comes before.
    fn next(&self) -> Option<u64> {
        let addresses = match self.asked {
            true => Some(0),
            false => self.tracker.next_without_port(),
        };
        let holders = self.holders.as_ref();
        let next = [
            self.tracker.next_deadline(),
            addresses,
            holders.and_then(|it| it.next(&self.tracker)),
        ];
        // Then it is known that all up to there was told.
        next.into_iter().flatten().min().map(|it| it + MARGIN_NS)
    }

    /// Has a thread ask sock_diag for addresses that no event has told: the port of a connect() that
    /// was put off, and where SYNs can't be seen, of each.
    fn look_for_addresses(&mut self, now: u64, consumer: &mut impl Consumer) -> Result<()> {
        if self.asked
            && let Some(found) = self.looker.as_ref().and_then(Looker::answer)
        {
            self.asked = false;
            self.emit(consumer, |tracker, sink| {
                for (cookie, tuple) in &found {
                    tracker.learn(*cookie, tuple, &mut |it| sink.take(it));
                }
            })?;
        }
        if !self.asked
            && let Some(place) = self.tracker.without_port(now)
        {
            self.asked = self.looker().is_some_and(|it| it.ask(place).is_ok());
        }
        Ok(())
    }

    /// The thread that looks for addresses; it is started when it is first needed, with the
    /// privileges that are left by then.
    fn looker(&mut self) -> Option<&Looker<Place, Opening>> {
        if self.looker.is_none() {
            let share = match self.kernel.coverage.syns {
                true => SHARE,
                false => SHARE_FOR_SYNS,
            };
            let look = |(netns, pid)| Namespaces::opening(netns, pid);
            self.looker = Looker::start("sock_diag", 0, share, look).ok();
        }
        self.looker.as_ref()
    }

    /// Hands transitions to the consumer that are not the answer to one event.
    pub(super) fn emit<C: Consumer>(
        &mut self,
        consumer: &mut C,
        tell: impl FnOnce(&mut Tracker, &mut Sink<'_, C>),
    ) -> Result<()> {
        let mut sink = Sink::new(
            &self.filter,
            &self.clock,
            &mut self.cgroups,
            &mut self.links,
            &mut self.enough,
            consumer,
        );
        tell(&mut self.tracker, &mut sink);
        sink.finish()
    }

    /// Tells of losses that no record came after, and of events that no record was made of.
    pub(super) fn note_losses(&mut self, consumer: &mut impl Consumer) -> Result<()> {
        let lost = self.reader.newly_lost(self.tracker.told_twice());
        if lost > 0 {
            self.tracker.note_loss();
            consumer.lost(lost)?;
        }
        Ok(())
    }
}
