//! The loop: source → track → filter → aggregate → output, until something ends it.

mod addresses;
mod anonymous;
mod attach;
mod child;
mod dropping;
mod export;
mod held;
mod holders;
mod host;
mod notices;
mod play;
mod progress;
mod reading;
mod recording;
mod replay;
mod resync;
mod round;
mod run;
mod segments;
mod signals;
mod sink;

use std::{ffi::OsString, io, ops::ControlFlow, time::Duration};

use tokio::sync::Notify;

use self::{
    child::Launcher,
    held::Held,
    host::Host,
    recording::Recording,
    signals::{Blocked, Signals},
};
pub use self::{
    export::export,
    play::{Player, play},
    reading::{Reached, Reading, read_on},
    recording::RecordingOptions,
    replay::{Moment, ReplayOptions, Then, tell_again},
    signals::hold_signals,
};
use crate::{
    filter::Filter,
    host::{CgroupFilter, Cgroups, Clock, Links, monotonic_now},
    model::{Coverage, Degraded, DropCounts, Machine, NamespaceSettings, Transition},
    output::{Context, End, Part, Start, say},
    record::{Anonymizer, Progress, Recorder},
    source::{Beginning, Source, live::Metrics},
    track::{Limits, Tracker},
};

/// So much is taken from a source at once.
const AT_ONCE: usize = 4096;

/// What every run is told, whatever its source.
#[derive(Clone, Debug)]
pub struct RunOptions {
    /// What is asked for.
    pub filter: Filter,
    /// Which control groups are: those that are like all of these.
    pub cgroups: Vec<CgroupFilter>,
    /// The same, as it was asked for when a recording was made.
    pub recorded_cgroups: Vec<CgroupFilter>,
    /// When to stop by itself: after that long; `None`: not for that.
    pub duration: Option<Duration>,
    /// So many connections are remembered at the most.
    pub max_connections: u32,
    /// Fail if an event was lost.
    pub strict: bool,
}

impl RunOptions {
    /// What that lets through, without a limit.
    #[must_use]
    pub fn of(filter: Filter, cgroups: Vec<CgroupFilter>) -> Self {
        Self {
            filter,
            cgroups,
            recorded_cgroups: Vec::new(),
            duration: None,
            max_connections: u32::MAX,
            strict: false,
        }
    }

    /// What is asked for, as options of the command line, each with its value.
    #[must_use]
    pub fn asked(&self) -> Vec<(String, String)> {
        let mut options = self.filter.to_options();
        for cgroups in &self.cgroups {
            let (option, value) = cgroups.to_option();
            options.push((option.to_owned(), value));
        }
        options
    }
}

/// What every live command is told.
#[derive(Clone, Debug)]
pub struct LiveOptions {
    /// What every run is told.
    pub run: RunOptions,
    /// Size of the ring buffer.
    pub buffer_bytes: u32,
    /// Let the kernel half log.
    pub kernel_log: bool,
    /// Trace this command alone, and end when it does.
    pub command: Vec<OsString>,
    /// Read a recording, and trace nothing.
    pub recording: Option<ReplayOptions>,
}

impl LiveOptions {
    /// The same for all of a connection: see [`Filter::of_connections`].
    #[must_use]
    pub fn of_connections(&self) -> Self {
        let mut it = self.clone();
        it.run.filter = it.run.filter.of_connections();
        it
    }
}

/// How it ended.
#[derive(Clone, Copy, Debug)]
pub struct Outcome {
    /// The exit status.
    pub code: u8,
    /// It is the traced command's: nothing that goes wrong changes it.
    pub of_command: bool,
    /// Nobody reads any more: the last line is not written.
    pub unread: bool,
    /// A signal ended it before it was over by itself.
    pub interrupted: bool,
    /// Of a recording, something could not be read.
    pub damaged: bool,
    /// Numbers for the last line.
    pub end: End,
}

impl Outcome {
    /// Takes in what came of writing the last line.
    ///
    /// # Errors
    /// What writing failed with, where the status is not the traced command's.
    pub fn told(self, written: io::Result<()>) -> anyhow::Result<Self> {
        match written {
            Err(error) if self.of_command => {
                report_unwritten(&error);
                Ok(self)
            }
            written => Ok(written.map(|()| self)?),
        }
    }
}

/// Says why nothing more is written, but not that the reader of a pipe has seen enough.
fn report_unwritten(error: &io::Error) {
    if error.kind() != io::ErrorKind::BrokenPipe {
        say(error);
    }
}

/// What a command does with what happens. Time is the source's: CLOCK_MONOTONIC, ns.
pub trait Consumer {
    /// Tracing has begun on that machine, which is said next: what is to be known as it was then is
    /// looked up, where that machine can be asked.
    fn begin(&mut self, _known: &Tracker, _machine: &Machine) {}
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
        around: &mut Context<'_>,
    ) -> io::Result<ControlFlow<()>>;
    /// Events were lost.
    ///
    /// # Errors
    /// See [`start`](Self::start).
    fn lost(&mut self, events: u64) -> io::Result<()>;
    /// When it wants to [`review`](Self::review) next; `None`: never.
    fn review_due(&self) -> Option<u64> {
        None
    }
    /// Wakes the loop when something makes it want to review sooner than it knew.
    fn wake(&self) -> Option<&Notify> {
        None
    }
    /// It has no room for more at the moment: what wakes when it has. `None`: it has. A source that is
    /// not live waits for that.
    fn full(&self) -> Option<&Notify> {
        None
    }
    /// A look at all connections that are known, at `now`: once before the first transition, then
    /// whenever it is due. Breaks when no more is wanted.
    ///
    /// # Errors
    /// See [`start`](Self::start).
    fn review(
        &mut self,
        _known: &Tracker,
        _now: u64,
        _around: &mut Context<'_>,
    ) -> io::Result<ControlFlow<()>> {
        Ok(ControlFlow::Continue(()))
    }
    /// Whether it asks later, too, which processes have sockets: privileges are kept for it.
    fn asks_for_owners(&self) -> bool {
        false
    }
    /// All that happened so far was told.
    ///
    /// # Errors
    /// See [`start`](Self::start).
    fn flush(&mut self) -> io::Result<()>;
    /// Nothing more happens after `now`: what was waited for is told with what is known.
    ///
    /// # Errors
    /// See [`start`](Self::start).
    fn finish(&mut self, _known: &Tracker, _now: u64, _around: &mut Context<'_>) -> io::Result<()> {
        Ok(())
    }
    /// Nothing is known of what happened next; then all begins anew, elsewhere perhaps. What was
    /// waited for is told with what is known.
    ///
    /// # Errors
    /// See [`start`](Self::start).
    fn interrupt(
        &mut self,
        _known: &Tracker,
        _now: u64,
        _around: &mut Context<'_>,
    ) -> io::Result<()> {
        Ok(())
    }
    /// What is told next is of another part of a recording; `None`: of none yet. Only where each has
    /// a file of its own.
    ///
    /// # Errors
    /// See [`start`](Self::start).
    fn part(&mut self, _part: Option<&Part>) -> io::Result<()> {
        Ok(())
    }
    /// How a network namespace is set up became known, of another machine.
    fn learn(&mut self, _netns: u32, _settings: &NamespaceSettings) {}
    /// What listeners had dropped was looked at, on another machine: CLOCK_MONOTONIC, ns. `None`: as
    /// much as was told last.
    fn dropped(&mut self, _at_ns: u64, _counts: Option<&DropCounts>) {}
    /// A connection was found to be stuck, on another machine: JSON.
    ///
    /// # Errors
    /// See [`start`](Self::start).
    fn stuck(&mut self, _found: &str, _around: &mut Context<'_>) -> io::Result<ControlFlow<()>> {
        Ok(ControlFlow::Continue(()))
    }
    /// All is recorded.
    fn recorded(&mut self, _progress: &Progress) {}
    /// A turn of the recorder, where there is one. `other`: the real addresses and names are not
    /// recorded.
    ///
    /// # Errors
    /// See [`start`](Self::start).
    fn record(
        &mut self,
        _recorder: &mut Recorder,
        _other: Option<&mut Anonymizer>,
    ) -> io::Result<()> {
        Ok(())
    }
    /// Whether it writes nothing before the end.
    fn is_silent(&self) -> bool {
        false
    }
    /// How many lines were shown.
    fn shown(&self) -> u64;
    /// Writes the last line.
    ///
    /// # Errors
    /// See [`start`](Self::start).
    fn close(&mut self, end: &End) -> io::Result<()>;
}

/// Traces this machine, or reads a recording, until something ends it. `metrics`: when the kernel half tells what a
/// connection did.
///
/// # Errors
/// When this machine can't be traced, or the output not be written.
pub async fn trace(
    options: &LiveOptions,
    metrics: Metrics,
    consumer: impl Consumer,
) -> anyhow::Result<Outcome> {
    if let Some(recording) = &options.recording {
        return replay::replay(&options.run, recording, consumer).await;
    }
    let engine = Engine::attach(options, metrics)?;
    engine.give_up_privileges(options, &consumer);
    engine.run(&options.run, consumer).await
}

/// The same, and records what happens.
///
/// # Errors
/// See [`trace`]; and when it can't be recorded there.
pub async fn trace_and_record(
    options: &LiveOptions,
    recording: &RecordingOptions,
    consumer: impl Consumer,
) -> anyhow::Result<Outcome> {
    let recording = Recording::open(recording, &options.run)?;
    let engine = Engine::attach(options, Metrics::Always)?.recorded_by(recording);
    engine.give_up_privileges(options, &consumer);
    engine.run(&options.run, consumer).await
}

/// A source, with all that makes lines of what it tells.
pub struct Engine<S> {
    source: S,
    machine: Machine,
    coverage: Coverage,
    degraded: Vec<Degraded>,
    tracker: Tracker,
    filter: Filter,
    clock: Clock,
    cgroups: Cgroups,
    links: Links,
    /// Lines that wait for the names in them.
    held: Held,
    /// So much is taken from the source at once.
    most: usize,
    /// Only of a live source, whose machine this is.
    host: Option<Host>,
    /// Without a [`Host`], the time by now: CLOCK_MONOTONIC, ns.
    passed_ns: u64,
    /// What happened before that is not asked for: CLOCK_MONOTONIC, ns.
    from_ns: u64,
    /// The consumer wants no more.
    enough: bool,
    /// A signal ended it.
    interrupted: bool,
    /// Events lost while the snapshot was taken, not told yet.
    lost_early: u64,
    /// What ends it beside the source.
    signals: Option<Signals>,
    /// Says how far a recording is read.
    progress: Option<progress::Progress>,
    /// Starts the command that is traced.
    launcher: Option<Launcher>,
    /// What happens is recorded.
    recording: Option<Recording>,
    /// All that happened until then was told: CLOCK_MONOTONIC, ns.
    told_until_ns: u64,
    /// Events that could not be recorded, when that is over.
    lost_by_recorder: u64,
}

impl<S: Source> Engine<S> {
    /// For a source that is not live. Time is what it tells; nothing is looked up on this machine.
    #[must_use]
    pub fn new(source: S, beginning: Beginning, options: &RunOptions) -> Self {
        let limits = Limits::of(options.max_connections as usize);
        let mut tracker = Tracker::new(limits, beginning.coverage);
        let (closed, forks) = (&beginning.closed, &beginning.forks);
        tracker.remember(beginning.remembered, closed, forks, beginning.unsure);
        for existing in &beginning.sockets {
            tracker.seed(existing);
        }
        let mut links = Links::default();
        for (netns, names) in beginning.links {
            links.learn(netns, names.into_iter().collect());
        }
        Self {
            clock: source
                .wall_ahead_ns()
                .map_or_else(Clock::new, Clock::ahead_by),
            source,
            machine: beginning.machine,
            coverage: beginning.coverage,
            degraded: beginning.degraded,
            tracker,
            filter: options.filter.clone(),
            cgroups: Cgroups::from_iter(beginning.cgroups)
                .with_workloads(beginning.workloads)
                .told_later()
                .only(&options.cgroups)
                .only(&options.recorded_cgroups),
            links,
            held: Held::default(),
            most: AT_ONCE,
            host: None,
            passed_ns: beginning.mono_ns,
            from_ns: 0,
            enough: false,
            interrupted: false,
            lost_early: 0,
            signals: None,
            progress: None,
            launcher: None,
            recording: None,
            told_until_ns: beginning.mono_ns,
            lost_by_recorder: 0,
        }
    }

    /// Has SIGINT, SIGTERM and SIGHUP end it in good order. To be called before any other thread is
    /// there.
    ///
    /// # Errors
    /// When the kernel does not take it.
    pub fn ended_by_signals(mut self) -> io::Result<Self> {
        self.signals = Some(Blocked::new(false)?.listen(None)?);
        Ok(self)
    }

    /// Runs until the source is over, or something else ends it, and says so in the last line.
    ///
    /// # Errors
    /// When the output can't be written, or the traced command not be started. A closed pipe is
    /// an [`io::Error`] of kind [`BrokenPipe`](io::ErrorKind::BrokenPipe).
    pub async fn run(
        self,
        options: &RunOptions,
        mut consumer: impl Consumer,
    ) -> anyhow::Result<Outcome> {
        notices::degraded(&self.degraded);
        let outcome = self.run_to_the_end(options, &mut consumer).await?;
        if outcome.unread {
            return Ok(outcome);
        }
        let written = consumer.close(&outcome.end);
        notices::incomplete(&outcome.end);
        outcome.told(written)
    }

    /// The time by now: CLOCK_MONOTONIC, ns.
    fn now(&self) -> u64 {
        match &self.host {
            Some(_) => monotonic_now(),
            None => self.passed_ns,
        }
    }
}
