//! The loop, and what ends it.

use std::{io, os::fd::OwnedFd, time::Duration};

use anyhow::{Context as _, Result};
use nix::sys::signal::Signal;
use tokio::{
    io::{Interest, unix::AsyncFd},
    sync::Notify,
};

use super::{
    Consumer, Engine, Outcome, RunOptions,
    child::{self, Traced},
    report_unwritten,
    round::Round,
    signals::{Caught, Signals},
};
use crate::{
    model::ns,
    output::{Context, End, Start, say},
    source::Source,
};

/// How often the source is looked at while events come. The kernel half wakes nobody before its ring
/// buffer is a quarter full, and a line should be shown within 100 ms.
const POLL: Duration = Duration::from_millis(20);
/// So often it is looked at in vain before it sleeps until something is to be done. Events that come
/// now and then cost less to look for than to be woken by.
const IN_VAIN: u32 = 3;
/// How long it sleeps at the most while nothing happens: the first event wakes.
const SLEEP: Duration = Duration::from_millis(500);
/// So many times it is looked at a source that is not live before anything else is.
const TOGETHER: u32 = 64;
/// How late a review may be for the sake of what is still to be told, ns.
const LATE_NS: u64 = 100_000_000;
/// What the traced command leaves behind is told for so long, ns: the other side's FIN, mostly.
const SETTLE_NS: u64 = 100_000_000;

/// How long a record may be under way that was begun before the end.
const GRACE: Duration = Duration::from_millis(10);
/// No event waits longer than this for what tells its reason or its port, ns.
const WAITED_FOR_NS: u64 = 100_000_000;

/// Why the loop goes on.
enum Woken {
    Poll,
    Signal(Caught),
    /// The traced command ended, with that status.
    Ended(u8),
}

/// What makes its descriptor readable wakes.
type Wakeups = Option<AsyncFd<OwnedFd>>;

impl<S: Source> Engine<S> {
    /// Runs until something ends it: a signal, a limit, the consumer, the traced command, or the end
    /// of the source.
    pub(super) async fn run_to_the_end(
        mut self,
        options: &RunOptions,
        consumer: &mut impl Consumer,
    ) -> Result<Outcome> {
        let wakeups = match self.source.wakeups()? {
            None => None,
            // SAFETY: `wakeups` owns the descriptor, and closes it only after it is deregistered.
            Some(it) => unsafe { AsyncFd::register_with_interest(it, Interest::READABLE) }
                .context("cannot wait for the ring buffer")
                .map(Some)?,
        };

        let began = self.now();
        if let Some(signals) = &self.signals {
            signals.begin();
        }
        consumer.begin(&self.tracker, &self.machine);
        consumer.start(&self.start(), &self.clock)?;
        if self.lost_early > 0 {
            consumer.lost(self.lost_early)?;
        }
        self.review(consumer)?;
        let mut traced = match self.launcher.take() {
            None => None,
            Some(launcher) => {
                let program = launcher.program().to_owned();
                match launcher.start() {
                    Ok(traced) => Some(traced),
                    Err(error) => {
                        say(format_args!("cannot run {program}: {error}"));
                        let end = self.end(began, consumer);
                        return Ok(Outcome {
                            code: child::code_of_failure(&error),
                            of_command: true,
                            unread: false,
                            interrupted: false,
                            damaged: false,
                            end,
                        });
                    }
                }
            }
        };
        self.pass_signals_on_to(traced.as_ref().and_then(Traced::id));
        let limit = options.duration.map(|limit| began + ns(limit));
        let mut status = None;
        let told = self
            .follow(consumer, &mut traced, limit, &mut status, &wakeups)
            .await
            .and_then(|()| self.finish(consumer));
        self.lost_by_recorder = self.end_recording(consumer);
        let end = self.end(began, consumer);
        let unreadable = self.source.unreadable() > 0;
        drop(wakeups);
        if let Err(error) = &told
            && let Some(mut traced) = traced
        {
            match error.downcast_ref() {
                Some(error) => report_unwritten(error),
                None => say(format_args!("{error:#}")),
            }
            // The command goes on, and is traced no more.
            let Self {
                mut signals,
                source,
                ..
            } = self;
            drop(source);
            let code = match status {
                Some(status) => status,
                None => accompany(&mut traced, &mut signals).await,
            };
            return Ok(Outcome {
                code,
                of_command: true,
                unread: true,
                interrupted: false,
                damaged: false,
                end,
            });
        }
        told?;
        Ok(Outcome {
            code: match status {
                Some(status @ 1..) => status,
                _ => u8::from(options.strict && (end.lost > 0 || unreadable)),
            },
            of_command: status.is_some(),
            unread: false,
            interrupted: self.interrupted,
            damaged: unreadable,
            end,
        })
    }

    /// Tells what happens until something ends it, and then the rest. `status` becomes that of the
    /// traced command when it has ended.
    pub(super) async fn follow(
        &mut self,
        consumer: &mut impl Consumer,
        traced: &mut Option<Traced>,
        mut deadline: Option<u64>,
        status: &mut Option<u8>,
        wakeups: &Wakeups,
    ) -> Result<()> {
        let live = self.host.is_some();
        let mut signalled = false;
        let mut settling = false;
        let mut to_be_woken = false;
        let mut in_vain = 0_u32;
        let mut rounds = 0_u32;

        loop {
            if !live && self.wait_for_room(consumer).await {
                break;
            }
            let round = self.round(consumer)?;
            if live {
                self.resync(consumer)?;
                self.review_in_time(&round, consumer)?;
            } else {
                if let Some(progress) = &mut self.progress
                    && let Some(bytes) = self.source.unread_bytes()
                {
                    progress.left(bytes);
                }
                self.let_pass(round.until_ns, deadline, consumer)?;
                self.learn_names(consumer)?;
                self.turn_recording(round.until_ns, consumer)?;
            }
            if self.enough || deadline.is_some_and(|deadline| self.now() >= deadline) {
                match &*traced {
                    // It is asked to end, and then given the time to.
                    Some(traced) if !settling && !signalled => {
                        signalled = true;
                        deadline = None;
                        traced.signal(Signal::SIGTERM);
                    }
                    Some(_) if !settling => {}
                    _ => break,
                }
            }
            if !live && !round.more {
                break;
            }
            // What is read can wait for nothing, and signals for a moment.
            if !live && round.more {
                rounds += 1;
                if !rounds.is_multiple_of(TOGETHER) {
                    continue;
                }
            }
            // Whatever came has used the wake-up.
            to_be_woken &= round.quiet;
            in_vain = if round.quiet {
                in_vain.saturating_add(1)
            } else {
                0
            };
            let pause = match round {
                _ if round.more => Duration::ZERO,
                Round { quiet: false, .. } => POLL,
                Round {
                    wait: Some(wait), ..
                } if in_vain <= IN_VAIN || wait <= POLL => POLL,
                _ if std::mem::take(&mut to_be_woken) => {
                    let now = self.now();
                    let due = [deadline, consumer.review_due()].into_iter().flatten();
                    due.map(|due| Duration::from_nanos(due.saturating_sub(now)))
                        .chain(round.wait)
                        .fold(SLEEP, Duration::min)
                }
                // Something may have come meanwhile.
                _ => {
                    self.source.ask_to_be_woken()?;
                    to_be_woken = true;
                    Duration::ZERO
                }
            };
            let woken = tokio::select! {
                biased;
                signal = next_signal(&mut self.signals) => Woken::Signal(signal),
                ended = ended(traced), if traced.is_some() && !settling => {
                    Woken::Ended(ended.map_or(1, child::code))
                }
                () = nap(pause) => Woken::Poll,
                Ok(()) = woken_by(wakeups), if !round.more => Woken::Poll,
                () = asked(consumer.wake()), if !round.more => Woken::Poll,
            };
            match (woken, &*traced) {
                (Woken::Poll, _) => {}
                // It decides, and ends us by its own end.
                (Woken::Signal(caught), Some(_)) if caught.also_to_command => {}
                // It got the signal; who is impatient signals twice.
                (Woken::Signal(_), Some(_)) if !signalled => signalled = true,
                (Woken::Signal(_), _) => {
                    self.interrupted = true;
                    break;
                }
                (Woken::Ended(code), _) => {
                    self.pass_signals_on_to(None);
                    *status = Some(code);
                    settling = true;
                    deadline = Some(self.now() + SETTLE_NS);
                }
            }
        }
        if live {
            self.drain(consumer).await?;
        }
        Ok(())
    }

    /// Waits until the consumer has room. Whether a signal came meanwhile, which ends it.
    async fn wait_for_room(&mut self, consumer: &impl Consumer) -> bool {
        while let Some(room) = consumer.full() {
            tokio::select! {
                biased;
                _ = next_signal(&mut self.signals) => {
                    self.interrupted = true;
                    return true;
                }
                () = room.notified() => {}
            }
        }
        false
    }

    /// What the state machine still waits for is told with what is known.
    pub(super) fn tell_what_waits(&mut self, consumer: &mut impl Consumer) -> Result<()> {
        // What could not be read may have ended what is there.
        if self.source.unreadable() > 0 {
            self.tracker.note_loss();
        }
        self.emit(consumer, |tracker, sink| {
            tracker.finish(&mut |it| sink.take(it));
            sink.release(true);
        })
    }

    /// Nothing more happens: what was waited for is told with what is known.
    pub(super) fn finish(&mut self, consumer: &mut impl Consumer) -> Result<()> {
        self.tell_what_waits(consumer)?;
        let now = self.now();
        let around = &mut Context {
            clock: &self.clock,
            cgroups: &mut self.cgroups,
            links: &mut self.links,
        };
        consumer.finish(&self.tracker, now, around)?;
        consumer.flush()?;
        Ok(())
    }

    /// Tells everything that a live source has by now, however slowly it is read from us.
    async fn drain(&mut self, consumer: &mut impl Consumer) -> Result<()> {
        let ended = self.now();
        let mut looked_again = false;
        loop {
            let round = self.round(consumer)?;
            // What tells its reason, or its port, may still come.
            let waits =
                self.tracker.next_deadline().is_some() && round.until_ns < ended + WAITED_FOR_NS;
            let all_told = if round.more {
                round.until_ns > ended
            } else {
                looked_again
            };
            if round.enough || (all_told && !waits) {
                break;
            }
            if !round.more {
                // A task that lost the CPU while it filled a record keeps those behind it.
                looked_again = true;
                nap(GRACE).await;
            }
        }
        // What a program was left out of is known for certain at the second look.
        self.note_losses(consumer)?;
        nap(GRACE).await;
        self.note_losses(consumer)
    }

    /// Lets the time of a source pass that is not live: whatever is due until then is done at its
    /// time, but nothing after `limit`.
    fn let_pass(
        &mut self,
        until: u64,
        limit: Option<u64>,
        consumer: &mut impl Consumer,
    ) -> Result<()> {
        let until = limit.map_or(until, |limit| limit.min(until));
        while !self.enough {
            let due = [self.tracker.next_deadline(), consumer.review_due()];
            let due = due.into_iter().flatten().min();
            let Some(due) = due.filter(|due| *due <= until) else {
                break;
            };
            self.passed_ns = self.passed_ns.max(due);
            self.advance(self.passed_ns, consumer)?;
            if !self.enough
                && consumer
                    .review_due()
                    .is_some_and(|due| due <= self.passed_ns)
            {
                self.review(consumer)?;
            }
        }
        // Otherwise it ended before.
        if !self.enough {
            self.passed_ns = self.passed_ns.max(until);
        }
        Ok(())
    }

    /// Lets the consumer look at all connections when that is due. What a live source has still to
    /// tell happened before; but there may always be more.
    fn review_in_time(&mut self, round: &Round, consumer: &mut impl Consumer) -> Result<()> {
        let Some(due) = consumer.review_due() else {
            return Ok(());
        };
        let now = self.now();
        if now >= due && (!round.more || now >= due + LATE_NS) {
            self.review(consumer)?;
        }
        Ok(())
    }

    /// Lets the consumer look at all connections.
    pub(super) fn review(&mut self, consumer: &mut impl Consumer) -> Result<()> {
        let now = self.now();
        let around = &mut Context {
            clock: &self.clock,
            cgroups: &mut self.cgroups,
            links: &mut self.links,
        };
        self.enough |= consumer.review(&self.tracker, now, around)?.is_break();
        Ok(())
    }

    fn pass_signals_on_to(&self, command: Option<u32>) {
        if let Some(signals) = &self.signals {
            signals.pass_on_to(command);
        }
    }

    pub(super) fn start(&self) -> Start {
        Start {
            version: env!("CARGO_PKG_VERSION"),
            kernel: self.machine.kernel.clone(),
            netns: self.machine.netns,
            mono_ns: self.now(),
            degraded: self.degraded.clone(),
        }
    }

    /// `began`: when it did, CLOCK_MONOTONIC, ns.
    fn end(&self, began: u64, consumer: &impl Consumer) -> End {
        let unreadable = self.source.unreadable();
        if unreadable > 0 {
            log::error!("{unreadable} records could not be read");
        }
        End {
            transitions: consumer.shown(),
            lost: self.source.lost() + self.lost_by_recorder,
            forgotten: self.tracker.forgotten(),
            duration: Duration::from_nanos(self.now().saturating_sub(began)),
        }
    }
}

/// Waits for the end of a command that is traced no more; its status.
async fn accompany(traced: &mut Traced, signals: &mut Option<Signals>) -> u8 {
    let mut signalled = false;
    loop {
        tokio::select! {
            ended = traced.ended() => return ended.map_or(1, child::code),
            caught = next_signal(signals) => {
                // As while it was traced.
                if !caught.also_to_command && std::mem::replace(&mut signalled, true) {
                    return 1;
                }
            }
        }
    }
}

pub(super) async fn next_signal(signals: &mut Option<Signals>) -> Caught {
    match signals {
        Some(signals) => signals.next().await,
        None => std::future::pending().await,
    }
}

async fn ended(traced: &mut Option<Traced>) -> io::Result<std::process::ExitStatus> {
    match traced {
        Some(traced) => traced.ended().await,
        None => std::future::pending().await,
    }
}

/// Waits until the consumer wants to review.
async fn asked(wake: Option<&Notify>) {
    match wake {
        Some(wake) => wake.notified().await,
        None => std::future::pending().await,
    }
}

/// Waits until there is more to be told.
async fn woken_by(wakeups: &Wakeups) -> io::Result<()> {
    match wakeups {
        Some(wakeups) => {
            wakeups.readable().await?.clear_ready();
            Ok(())
        }
        None => std::future::pending().await,
    }
}

/// Sleeps, or only lets signals in.
async fn nap(pause: Duration) {
    if pause.is_zero() {
        tokio::task::yield_now().await;
    } else {
        tokio::time::sleep(pause).await;
    }
}
