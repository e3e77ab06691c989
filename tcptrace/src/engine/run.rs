//! The loop, and what ends it.

use std::{
    io,
    os::fd::OwnedFd,
    time::{Duration, Instant},
};

use anyhow::{Context as _, Result};
use aya_log::EbpfLogger;
use nix::sys::signal::Signal;
use tokio::io::{Interest, unix::AsyncFd};

use super::{
    Consumer, Live, LiveOptions, Outcome,
    child::{self, Traced},
    report_unwritten,
    round::Round,
    signals::{Caught, Signals},
};
use crate::{
    host,
    host::snapshot,
    output::{End, Start, Surroundings, say},
    privileges::{self, CapabilitySet},
};

/// How often the ring buffer is looked at while events come. The kernel half wakes nobody before it
/// is a quarter full, and a line should be shown within 100 ms.
const POLL: Duration = Duration::from_millis(20);
/// So often it is looked at in vain before it sleeps until something is to be done. Events that come
/// now and then cost less to look for than to be woken by.
const IN_VAIN: u32 = 3;
/// How long it sleeps at the most while nothing happens: the first event wakes.
const SLEEP: Duration = Duration::from_millis(500);
/// How late a review may be for the sake of what is still in the ring buffer.
const LATE: Duration = Duration::from_millis(100);
/// What the traced command leaves behind is told for so long: the other side's FIN, mostly.
const SETTLE: Duration = Duration::from_millis(100);

/// How long a record may be under way that was begun before the end.
const GRACE: Duration = Duration::from_millis(10);

/// Why the loop goes on.
enum Woken {
    Poll,
    Signal(Caught),
    /// The traced command ended, with that status.
    Ended(u8),
}

impl Live {
    /// Runs until something ends it: a signal, a limit, the consumer, or the traced command.
    ///
    /// # Errors
    /// When the output can't be written, or the traced command not be started. A closed pipe is
    /// an [`io::Error`] of kind [`BrokenPipe`](io::ErrorKind::BrokenPipe).
    pub async fn run(
        mut self,
        options: &LiveOptions,
        consumer: &mut impl Consumer,
    ) -> Result<Outcome> {
        let ring = self.reader.descriptor()?;
        // SAFETY: `wakeups` owns the descriptor, and closes it only after it is deregistered.
        let wakeups = unsafe { AsyncFd::register_with_interest(ring, Interest::READABLE) }
            .context("cannot wait for the ring buffer")?;
        let mut logger = match options.kernel_log {
            true => self.kernel.logger().ok(),
            false => None,
        };

        self.give_up_privileges(options, consumer);
        let began = Instant::now();
        self.signals.begin();
        consumer.begin(&self.tracker);
        consumer.start(&self.start(), &self.clock)?;
        if self.lost_early > 0 {
            consumer.lost(self.lost_early)?;
        }
        self.review(consumer)?;
        let mut traced = match self.launcher.take() {
            None => None,
            Some(launcher) => match launcher.start() {
                Ok(traced) => Some(traced),
                Err(error) => {
                    let program = options.command.first().map(|it| it.display().to_string());
                    say(format_args!(
                        "cannot run {}: {error}",
                        program.unwrap_or_default()
                    ));
                    let end = self.end(began, consumer);
                    return Ok(Outcome {
                        code: child::code_of_failure(&error),
                        of_command: true,
                        unread: false,
                        end,
                    });
                }
            },
        };
        self.signals
            .pass_on_to(traced.as_ref().and_then(Traced::id));
        let limit = options.limit.duration.map(|limit| began + limit);
        let mut status = None;
        let told = self
            .follow(
                consumer,
                &mut traced,
                limit,
                &mut status,
                &wakeups,
                &mut logger,
            )
            .await;
        let end = self.end(began, consumer);
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
                kernel,
                reader,
                ..
            } = self;
            drop((kernel, reader));
            let code = match status {
                Some(status) => status,
                None => accompany(&mut traced, &mut signals).await,
            };
            return Ok(Outcome {
                code,
                of_command: true,
                unread: true,
                end,
            });
        }
        told?;
        Ok(Outcome {
            code: match status {
                Some(status @ 1..) => status,
                _ => u8::from(options.strict && end.lost > 0),
            },
            of_command: status.is_some(),
            unread: false,
            end,
        })
    }

    /// Tells what happens until something ends it, and then the rest. `status` becomes that of the
    /// traced command when it has ended.
    async fn follow(
        &mut self,
        consumer: &mut impl Consumer,
        traced: &mut Option<Traced>,
        mut deadline: Option<Instant>,
        status: &mut Option<u8>,
        wakeups: &AsyncFd<OwnedFd>,
        logger: &mut Option<EbpfLogger<&'static dyn log::Log>>,
    ) -> Result<()> {
        let mut signalled = false;
        let mut settling = false;
        let mut to_be_woken = false;
        let mut in_vain = 0_u32;

        loop {
            let round = self.round(consumer)?;
            self.resync(consumer)?;
            if let Some(logger) = logger.as_mut() {
                logger.flush();
            }
            // What is still in the buffer happened before; but there may always be more.
            if consumer.review_due().is_some_and(|due| {
                let now = Instant::now();
                now >= due && (round.empty || now >= due + LATE)
            }) {
                self.review(consumer)?;
            }
            if self.enough || deadline.is_some_and(|deadline| Instant::now() >= deadline) {
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
            // Whatever came has used the wake-up.
            to_be_woken &= round.quiet;
            in_vain = if round.quiet {
                in_vain.saturating_add(1)
            } else {
                0
            };
            let waits = round.waits();
            let pause = match round {
                Round { empty: false, .. } => Duration::ZERO,
                Round { quiet: false, .. } => POLL,
                _ if waits.is_some_and(|it| in_vain <= IN_VAIN || it <= POLL) => POLL,
                _ if std::mem::take(&mut to_be_woken) => {
                    let due = [deadline, consumer.review_due()].into_iter().flatten();
                    let due = due.map(|due| due.saturating_duration_since(Instant::now()));
                    due.chain(waits).fold(SLEEP, Duration::min)
                }
                // Something may have come meanwhile.
                _ => {
                    self.reader.ask_to_be_woken()?;
                    to_be_woken = true;
                    Duration::ZERO
                }
            };
            let woken = tokio::select! {
                biased;
                signal = self.signals.next() => Woken::Signal(signal),
                ended = ended(traced), if traced.is_some() && !settling => {
                    Woken::Ended(ended.map_or(1, child::code))
                }
                () = nap(pause) => Woken::Poll,
                Ok(mut ready) = wakeups.readable(), if round.empty => {
                    ready.clear_ready();
                    Woken::Poll
                }
            };
            match (woken, &*traced) {
                (Woken::Poll, _) => {}
                // It decides, and ends us by its own end.
                (Woken::Signal(caught), Some(_)) if caught.also_to_command => {}
                // It got the signal; who is impatient signals twice.
                (Woken::Signal(_), Some(_)) if !signalled => signalled = true,
                (Woken::Signal(_), _) => break,
                (Woken::Ended(code), _) => {
                    self.signals.pass_on_to(None);
                    *status = Some(code);
                    settling = true;
                    deadline = Some(Instant::now() + SETTLE);
                }
            }
        }
        // Everything that is in the buffer by now, however slowly it is read from us.
        let ended = host::monotonic_now();
        let mut looked_again = false;
        loop {
            let round = self.round(consumer)?;
            if round.enough || round.reached_ns > ended {
                break;
            }
            if round.empty {
                if looked_again {
                    break;
                }
                // A task that lost the CPU while it filled a record keeps those behind it.
                looked_again = true;
                nap(GRACE).await;
            }
        }
        // What a program was left out of is known for certain at the second look.
        self.note_losses(consumer)?;
        nap(GRACE).await;
        self.note_losses(consumer)?;
        self.emit(consumer, |tracker, sink| {
            tracker.finish(&mut |it| sink.take(it))
        })?;
        let around = &mut Surroundings {
            clock: &self.clock,
            cgroups: &mut self.cgroups,
            links: &mut self.links,
        };
        consumer.finish(&self.tracker, around)?;
        consumer.flush()?;
        Ok(())
    }

    /// Keeps what is needed to look into namespaces later, to find out owners, and to pass on
    /// signals. Map look-ups take CAP_BPF where kernel.unprivileged_bpf_disabled is set, but not
    /// since Linux 5.19 (`__sys_bpf()`, kernel/bpf/syscall.c): that is tried.
    fn give_up_privileges(&self, options: &LiveOptions, consumer: &impl Consumer) {
        let mut wanted = CapabilitySet::empty();
        let netns = options.filter.netns;
        if netns.is_none() || netns != snapshot::own() {
            wanted |= privileges::ELSEWHERE;
        }
        if consumer.asks_for_owners() {
            wanted |= privileges::OWNERS;
        }
        if !options.command.is_empty() {
            wanted |= privileges::SIGNAL;
        }
        privileges::keep_or_spare(wanted, CapabilitySet::BPF, || self.reader.counts_losses());
    }

    /// Lets the consumer look at all connections.
    fn review(&mut self, consumer: &mut impl Consumer) -> Result<()> {
        let around = &mut Surroundings {
            clock: &self.clock,
            cgroups: &mut self.cgroups,
            links: &mut self.links,
        };
        let now = host::monotonic_now();
        self.enough |= consumer.review(&self.tracker, now, around)?.is_break();
        Ok(())
    }

    fn start(&self) -> Start {
        Start {
            version: env!("CARGO_PKG_VERSION"),
            kernel: host::release(),
            netns: snapshot::own(),
            mono_ns: host::monotonic_now(),
            degraded: self.kernel.degraded.clone(),
        }
    }

    fn end(&self, began: Instant, consumer: &impl Consumer) -> End {
        if self.broken_records > 0 {
            log::error!(
                "{} records of the kernel half could not be read",
                self.broken_records
            );
        }
        End {
            transitions: consumer.shown(),
            lost: self.reader.lost(),
            forgotten: self.tracker.forgotten(),
            duration: began.elapsed(),
        }
    }
}

/// Waits for the end of a command that is traced no more; its status.
async fn accompany(traced: &mut Traced, signals: &mut Signals) -> u8 {
    let mut signalled = false;
    loop {
        tokio::select! {
            ended = traced.ended() => return ended.map_or(1, child::code),
            caught = signals.next() => {
                // As while it was traced.
                if !caught.also_to_command && std::mem::replace(&mut signalled, true) {
                    return 1;
                }
            }
        }
    }
}

async fn ended(traced: &mut Option<Traced>) -> io::Result<std::process::ExitStatus> {
    match traced {
        Some(traced) => traced.ended().await,
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
