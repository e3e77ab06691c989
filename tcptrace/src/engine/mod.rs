//! The loop: source → track → filter → aggregate → output, until something ends it.

mod attach;
mod child;
mod flows;
mod holders;
mod lines;
mod list;
mod resync;
mod round;
mod run;
mod signals;
mod sink;
mod stats;
mod stuck;
mod watch;

use std::{
    ffi::OsString,
    io,
    ops::ControlFlow,
    time::{Duration, Instant},
};

use self::{
    child::Launcher,
    holders::Holders,
    resync::Resync,
    round::{Opening, Place},
    signals::Signals,
};
pub use self::{
    flows::Flows,
    list::{Sockets, sockets},
    stats::Stats,
    stuck::Stuck,
    watch::Watch,
};
use crate::{
    filter::Filter,
    host::{Cgroups, Clock, Links, Looker},
    model::{Degraded, Transition},
    output::{End, Start, Surroundings, say},
    source::live::{Kernel, Metrics, Reader},
    track::Tracker,
};

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
    /// So many connections are remembered at the most.
    pub max_connections: u32,
    /// Fail if an event was lost.
    pub strict: bool,
    /// Let the kernel half log.
    pub kernel_log: bool,
    /// Trace this command alone, and end when it does.
    pub command: Vec<OsString>,
}

impl LiveOptions {
    /// The same for all of a connection: see [`Filter::of_connections`].
    #[must_use]
    pub fn of_connections(&self) -> Self {
        Self {
            filter: self.filter.of_connections(),
            ..self.clone()
        }
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

/// What a live command does with what happens.
pub trait Consumer {
    /// Tracing has begun, which is said next: what is to be known as it was then is looked up.
    fn begin(&mut self, _known: &Tracker) {}
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
    /// When it wants to [`review`](Self::review) next; `None`: never.
    fn review_due(&self) -> Option<Instant> {
        None
    }
    /// A look at all connections that are known, at `now` (CLOCK_MONOTONIC, ns): once before the
    /// first transition, then whenever it is due. Breaks when no more is wanted.
    ///
    /// # Errors
    /// See [`start`](Self::start).
    fn review(
        &mut self,
        _known: &Tracker,
        _now: u64,
        _around: &mut Surroundings<'_>,
    ) -> io::Result<ControlFlow<()>> {
        Ok(ControlFlow::Continue(()))
    }
    /// Whether it asks later, too, which processes have sockets: privileges are kept for it.
    fn asks_for_owners(&self) -> bool;
    /// All that happened so far was told.
    ///
    /// # Errors
    /// See [`start`](Self::start).
    fn flush(&mut self) -> io::Result<()>;
    /// Nothing more happens: what was waited for is told with what is known.
    ///
    /// # Errors
    /// See [`start`](Self::start).
    fn finish(&mut self, _known: &Tracker, _around: &mut Surroundings<'_>) -> io::Result<()> {
        Ok(())
    }
    /// How many lines were shown.
    fn shown(&self) -> u64;
    /// Writes the last line.
    ///
    /// # Errors
    /// See [`start`](Self::start).
    fn close(&mut self, end: &End) -> io::Result<()>;
}

/// Traces this machine until something ends it. `metrics`: when the kernel half tells what a
/// connection did.
///
/// # Errors
/// When this machine can't be traced, or the output not be written.
pub async fn trace(
    options: &LiveOptions,
    metrics: Metrics,
    mut consumer: impl Consumer,
) -> anyhow::Result<Outcome> {
    let live = Live::attach(options, metrics)?;
    lines::report_degraded(live.degraded());
    let outcome = live.run(options, &mut consumer).await?;
    if outcome.unread {
        return Ok(outcome);
    }
    let written = consumer.close(&outcome.end);
    lines::report(&outcome.end);
    outcome.told(written)
}

/// Tracing, with all that belongs to it.
pub struct Live {
    kernel: Kernel,
    reader: Reader,
    tracker: Tracker,
    filter: Filter,
    clock: Clock,
    cgroups: Cgroups,
    links: Links,
    /// Records between two looks at the count of losses: fewer than fit into the ring buffer, so
    /// that a loss is known before anything behind it is read.
    chunk: usize,
    /// Looks for addresses that no event has told.
    looker: Option<Looker<Place, Opening>>,
    /// It was asked, and has not answered.
    asked: bool,
    /// Looks at the sockets after losses.
    resync: Resync,
    /// The consumer wants no more.
    enough: bool,
    /// Events lost while the snapshot was taken, not told yet.
    lost_early: u64,
    /// Records that could not be read.
    broken_records: u64,
    /// Made before anything else, so that no signal is missed.
    signals: Signals,
    /// Looks for who has a connection.
    holders: Option<Holders>,
    /// Starts the command that is traced.
    launcher: Option<Launcher>,
}

impl Live {
    /// What can't be seen on this machine.
    #[must_use]
    pub fn degraded(&self) -> &[Degraded] {
        &self.kernel.degraded
    }
}
