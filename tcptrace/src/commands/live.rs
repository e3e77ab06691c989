//! The loop of every live command: kernel → decode → track → filter, until something ends it.

use std::{
    ffi::OsString,
    io,
    ops::ControlFlow,
    time::{Duration, Instant},
};

use anyhow::{Context as _, Result};
use nix::sys::signal::Signal;
use tokio::{
    io::{Interest, unix::AsyncFd},
    signal::unix::{SignalKind, signal},
};

use super::child::{self, Traced};
use crate::{
    decode::{Event, decode},
    filter::Filter,
    kernel::{self, Cgroups, Clock, Kernel, Options, Reader},
    snapshot::{self, Namespaces},
    track::{Limits, Tracker, Transition},
    view::{End, Start, Surroundings},
};

/// How often the ring buffer is looked at. The kernel half wakes nobody before it is a quarter
/// full, and a line should be shown within 100 ms.
const POLL: Duration = Duration::from_millis(20);
/// Another CPU may have taken the time of an event and not have reserved its record yet.
const MARGIN_NS: u64 = 1_000_000;
/// Looks for ports of unanswered SYNs, so often at the most, and at the least: a line is held
/// back for 90 ms, and looked for after 40 ms.
const LOOK: Duration = Duration::from_millis(20);
const MOST_LOOK: Duration = Duration::from_millis(45);
/// How many events are kept while the snapshot is taken; more stay in the ring buffer.
const MOST_EARLY: usize = 1 << 17;
/// What the traced command leaves behind is told for so long: the other side's FIN, mostly.
const SETTLE: Duration = Duration::from_millis(100);
/// The largest record, with its header in the ring buffer.
const LARGEST_RECORD: u32 = 168;

/// When to stop by itself.
#[derive(Clone, Copy, Debug, Default)]
pub struct Limit {
    /// After that long.
    pub duration: Option<Duration>,
}

/// What every live command is told.
#[derive(Clone, Debug)]
pub struct LiveOptions {
    /// What is asked for.
    pub filter: Filter,
    /// When to stop.
    pub limit: Limit,
    /// Size of the ring buffer.
    pub buffer_bytes: u32,
    /// Fail if an event was lost.
    pub strict: bool,
    /// Let the kernel half log.
    pub kernel_log: bool,
    /// Trace this command alone, and end when it does.
    pub command: Vec<OsString>,
}

/// How it ended.
#[derive(Clone, Copy, Debug)]
pub struct Outcome {
    /// The exit status.
    pub code: u8,
    /// Numbers for the last line.
    pub end: End,
}

/// What a live command does with what happens.
pub trait Consumer {
    /// Tracing has begun.
    ///
    /// # Errors
    /// Whatever writing fails with; the same below.
    fn start(&mut self, start: &Start, clock: &Clock) -> io::Result<()>;
    /// A transition that is asked for. Breaks when no more are.
    ///
    /// # Errors
    /// See [`start`](Self::start).
    fn transition(
        &mut self,
        it: &Transition,
        around: &mut Surroundings<'_>,
    ) -> io::Result<ControlFlow<()>>;
    /// Events were lost.
    ///
    /// # Errors
    /// See [`start`](Self::start).
    fn lost(&mut self, events: u64) -> io::Result<()>;
    /// All that happened so far was told.
    ///
    /// # Errors
    /// See [`start`](Self::start).
    fn flush(&mut self) -> io::Result<()>;
    /// Nothing more happens: what was waited for is told with what is known.
    ///
    /// # Errors
    /// See [`start`](Self::start).
    fn finish(&mut self, _around: &mut Surroundings<'_>) -> io::Result<()> {
        Ok(())
    }
    /// How many lines were shown.
    fn shown(&self) -> u64;
}

/// Tracing, with all that belongs to it.
pub struct Live {
    kernel: Kernel,
    reader: Reader,
    tracker: Tracker,
    filter: Filter,
    clock: Clock,
    cgroups: Cgroups,
    /// Records between two looks at the count of losses: fewer than fit into the ring buffer, so
    /// that a loss is known before anything behind it is read.
    chunk: usize,
    look_again: Instant,
    broken_records: u64,
}

/// Whether a round emptied the ring buffer, and whether more is asked for.
struct Round {
    empty: bool,
    enough: bool,
}

/// Why the loop goes on.
enum Woken {
    Poll,
    Signal(Signal),
    /// The traced command ended, with that status.
    Ended(u8),
}

impl Live {
    /// Attaches to the kernel, then looks at the sockets that are there, then joins the two.
    ///
    /// # Errors
    /// [`kernel::KernelError`] when this machine can't be traced.
    pub fn attach(options: &LiveOptions) -> Result<Self> {
        let (kernel, mut reader) = Kernel::load(&Options {
            filter: &options.filter,
            buffer_bytes: options.buffer_bytes,
            follow: !options.command.is_empty(),
            log: options.kernel_log,
        })?;
        let mut tracker = Tracker::new(Limits::default(), kernel.sight);

        let netns = options.filter.netns;
        let looking = std::thread::spawn(move || snapshot::take(netns));
        let mut early: Vec<Event> = Vec::new();
        let mut broken_records = 0;
        while !looking.is_finished() {
            reader.drain(MOST_EARLY - early.len(), |record| {
                match decode(record, &kernel.symbols) {
                    Ok(event) => early.push(event),
                    Err(_) => broken_records += 1,
                }
            });
            std::thread::sleep(Duration::from_millis(1));
        }
        let snapshot = looking.join().unwrap_or_default();
        for failure in &snapshot.failures {
            log::warn!("the sockets that are there already are not all known: {failure}");
        }
        for existing in &snapshot.sockets {
            tracker.seed(existing);
        }
        log::info!(
            "attached; {} sockets were there already, {} events came meanwhile",
            snapshot.sockets.len(),
            early.len()
        );

        let chunk = (options.buffer_bytes / LARGEST_RECORD / 2).clamp(1, 4096) as usize;
        let mut live = Self {
            kernel,
            reader,
            tracker,
            filter: options.filter.clone(),
            clock: Clock::new(),
            cgroups: Cgroups::new(),
            chunk,
            look_again: Instant::now(),
            broken_records,
        };
        live.catch_up(&early);
        Ok(live)
    }

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
        let mut interrupted = signal(SignalKind::interrupt())?;
        let mut terminated = signal(SignalKind::terminate())?;
        let ring = self.reader.descriptor()?;
        // SAFETY: `wakeups` owns the descriptor, and closes it only after it is deregistered.
        let wakeups = unsafe { AsyncFd::register_with_interest(ring, Interest::READABLE) }
            .context("cannot wait for the ring buffer")?;
        let mut logger = match options.kernel_log {
            true => self.kernel.logger().ok(),
            false => None,
        };

        let began = Instant::now();
        consumer.start(&self.start(), &self.clock)?;
        let mut traced = match options.command.as_slice() {
            [] => None,
            command => match Traced::start(command) {
                Ok(traced) => Some(traced),
                Err(error) => {
                    eprintln!("tcptrace: cannot run {}: {error}", command[0].display());
                    let end = self.end(began, consumer);
                    return Ok(Outcome {
                        code: child::code_of_failure(&error),
                        end,
                    });
                }
            },
        };
        let mut deadline = options.limit.duration.map(|limit| began + limit);
        let mut code = 0;
        let mut signalled = false;
        let mut settling = false;

        loop {
            let round = self.round(consumer)?;
            if let Some(logger) = &mut logger {
                logger.flush();
            }
            if round.enough || deadline.is_some_and(|deadline| Instant::now() >= deadline) {
                match &traced {
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
            let pause = if round.empty { POLL } else { Duration::ZERO };
            let woken = tokio::select! {
                biased;
                _ = interrupted.recv() => Woken::Signal(Signal::SIGINT),
                _ = terminated.recv() => Woken::Signal(Signal::SIGTERM),
                status = ended(&mut traced), if traced.is_some() && !settling => {
                    Woken::Ended(status.map_or(1, child::code))
                }
                () = nap(pause) => Woken::Poll,
                Ok(mut ready) = wakeups.readable(), if round.empty => {
                    ready.clear_ready();
                    Woken::Poll
                }
            };
            match (woken, &traced) {
                (Woken::Poll, _) => {}
                // It ends us by its own end; who is impatient signals twice.
                (Woken::Signal(signal), Some(traced)) if !signalled => {
                    signalled = true;
                    traced.signal(signal);
                }
                (Woken::Signal(_), _) => break,
                (Woken::Ended(status), _) => {
                    code = status;
                    settling = true;
                    deadline = Some(Instant::now() + SETTLE);
                }
            }
        }
        // Everything that is in the buffer by now.
        let last = kernel::monotonic_now();
        loop {
            let round = self.round(consumer)?;
            if round.empty || round.enough || kernel::monotonic_now() > last + 2_000_000_000 {
                break;
            }
        }
        self.emit(consumer, |tracker, sink| {
            tracker.finish(&mut |it| sink.take(it))
        })?;
        consumer.finish(&mut Surroundings {
            clock: &self.clock,
            cgroups: &mut self.cgroups,
        })?;
        consumer.flush()?;
        let end = self.end(began, consumer);
        if options.strict && end.lost > 0 && code == 0 {
            code = 1;
        }
        Ok(Outcome { code, end })
    }

    /// What can't be seen on this machine.
    #[must_use]
    pub fn degraded(&self) -> &[kernel::Degraded] {
        &self.kernel.degraded
    }

    fn start(&self) -> Start {
        Start {
            version: env!("CARGO_PKG_VERSION"),
            kernel: kernel::release(),
            netns: snapshot::own(),
            mono_ns: kernel::monotonic_now(),
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

    /// Applies what happened between attaching and the end of the snapshot. Nobody was promised
    /// to see it.
    fn catch_up(&mut self, early: &[Event]) {
        for event in early {
            self.tracker.apply(event, &mut |_| {});
        }
    }

    /// Reads a chunk of records.
    fn round(&mut self, consumer: &mut impl Consumer) -> Result<Round> {
        self.clock.refresh();
        let now = kernel::monotonic_now();
        let lost = self.reader.newly_lost();
        if lost > 0 {
            self.tracker.note_loss();
            consumer.lost(lost)?;
        }

        let Self {
            kernel,
            reader,
            tracker,
            filter,
            clock,
            cgroups,
            chunk,
            broken_records,
            ..
        } = self;
        let mut sink = Sink::new(filter, clock, cgroups, consumer);
        let mut last = 0;
        let count = reader.drain(*chunk, |record| match decode(record, &kernel.symbols) {
            Ok(event) => {
                log::trace!("{event:?}");
                last = event.time_ns();
                tracker.apply(&event, &mut |transition| sink.take(transition));
            }
            Err(_) => *broken_records += 1,
        });
        let empty = count < *chunk;
        let mut enough = sink.finish()?;
        let known = if empty { now } else { last.min(now) }.saturating_sub(MARGIN_NS);
        // Before anything is given up, as it may have waited unread for long.
        enough |= self.look_for_ports(known, consumer)?;
        enough |= self.emit(consumer, |tracker, sink| {
            tracker.advance(known, &mut |it| sink.take(it));
        })?;
        if empty {
            consumer.flush()?;
        }
        Ok(Round { empty, enough })
    }

    /// Asks sock_diag for the ports of SYNs that nobody has answered yet.
    fn look_for_ports(&mut self, now: u64, consumer: &mut impl Consumer) -> Result<bool> {
        if Instant::now() < self.look_again {
            return Ok(false);
        }
        let mut wanted: Vec<(u32, Option<u32>)> = self
            .tracker
            .without_port(now)
            .map(|(_, netns, pid)| (netns, pid))
            .collect();
        if wanted.is_empty() {
            return Ok(false);
        }
        let began = Instant::now();
        wanted.sort_unstable();
        wanted.dedup_by_key(|(netns, _)| *netns);
        let mut enough = false;
        for (netns, pid) in wanted {
            let found = Namespaces::syn_sent(netns, pid);
            enough |= self.emit(consumer, |tracker, sink| {
                for (cookie, tuple) in &found {
                    tracker.learn(*cookie, tuple, &mut |it| sink.take(it));
                }
            })?;
        }
        // The kernel walks its whole table: a tenth of the time at the most.
        self.look_again = Instant::now() + (began.elapsed() * 10).clamp(LOOK, MOST_LOOK);
        Ok(enough)
    }

    /// Hands transitions to the consumer that are not the answer to one event.
    fn emit<C: Consumer>(
        &mut self,
        consumer: &mut C,
        tell: impl FnOnce(&mut Tracker, &mut Sink<'_, C>),
    ) -> Result<bool> {
        let mut sink = Sink::new(&self.filter, &self.clock, &mut self.cgroups, consumer);
        tell(&mut self.tracker, &mut sink);
        sink.finish()
    }
}

/// The way of a transition to the consumer: through the filter, until there are enough.
struct Sink<'a, C> {
    filter: &'a Filter,
    around: Surroundings<'a>,
    consumer: &'a mut C,
    enough: bool,
    failed: Option<io::Error>,
}

impl<'a, C: Consumer> Sink<'a, C> {
    fn new(
        filter: &'a Filter,
        clock: &'a Clock,
        cgroups: &'a mut Cgroups,
        consumer: &'a mut C,
    ) -> Self {
        let around = Surroundings { clock, cgroups };
        Self {
            filter,
            around,
            consumer,
            enough: false,
            failed: None,
        }
    }

    fn take(&mut self, transition: &Transition) {
        if self.enough || !self.filter.matches(transition, self.around.cgroups) {
            return;
        }
        match self.consumer.transition(transition, &mut self.around) {
            Ok(ControlFlow::Continue(())) => {}
            Ok(ControlFlow::Break(())) => self.enough = true,
            Err(error) => {
                self.enough = true;
                self.failed = Some(error);
            }
        }
    }

    /// Whether there are enough.
    fn finish(self) -> Result<bool> {
        match self.failed {
            None => Ok(self.enough),
            Some(error) => Err(error.into()),
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
