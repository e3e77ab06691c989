//! The thread that brings batches to their target, one after the other.

use std::{
    io,
    sync::{Arc, Condvar, Mutex, PoisonError, mpsc::RecvTimeoutError},
    thread::{self, JoinHandle},
    time::{Duration, Instant},
};

use anyhow::Result;
use nix::sys::signal::SigSet;

use super::{
    batch::{Batch, Position, Shipped},
    figures::Figures,
    rows::Queue,
    state::{Flight, State},
    target::{Failure, Source, Target},
};
use crate::{
    metrics::agent::pause,
    output::{StatusLine, say},
};

/// How often it is said how it goes, on a terminal.
const OFTEN: Duration = Duration::from_millis(500);
/// How often it is said that nothing gets through.
const SAY_AGAIN: Duration = Duration::from_secs(300);
/// What is there is written to the disk when nothing came for so long.
const QUIET: Duration = Duration::from_millis(500);

/// How it ended.
#[derive(Debug)]
pub enum Ended {
    /// All that was handed over is there.
    Done,
    /// It was asked to end before that. The rest follows the next time.
    Stopped,
}

/// Asks a sender to end.
#[derive(Debug, Default)]
struct Stop {
    stopped: Mutex<bool>,
    changed: Condvar,
}

impl Stop {
    fn stop(&self) {
        *self.stopped.lock().unwrap_or_else(PoisonError::into_inner) = true;
        self.changed.notify_all();
    }

    /// Waits; true: it is to end.
    fn wait(&self, long: Duration) -> bool {
        let stopped = self.stopped.lock().unwrap_or_else(PoisonError::into_inner);
        let waited = self
            .changed
            .wait_timeout_while(stopped, long, |stopped| !*stopped);
        *waited.unwrap_or_else(PoisonError::into_inner).0
    }
}

/// What sends batches to a target, until it is on a thread of its own.
pub struct Sender {
    target: Box<dyn Target>,
    state: State,
    figures: Arc<Figures>,
    stop: Arc<Stop>,
    /// How long it is tried again; `None`: for ever.
    patience: Option<Duration>,
    /// So many rows a second at the most; `None`: as many as it takes.
    rate: Option<u32>,
    /// When the next batch may be sent.
    next: Instant,
    said: Option<Instant>,
    status: StatusLine,
    status_due: Instant,
    status_rows: u64,
    /// Something is there that is not written to the disk.
    unsaved: bool,
}

/// A sender on its thread.
pub struct Sending {
    thread: JoinHandle<Result<Ended>>,
    stop: Arc<Stop>,
}

impl Sender {
    /// `patience`: how long it is tried again when nothing gets through; `None`: for ever. `rate`: rows a
    /// second.
    #[must_use]
    pub fn new(
        target: Box<dyn Target>,
        state: State,
        figures: Arc<Figures>,
        patience: Option<Duration>,
        rate: Option<u32>,
    ) -> Self {
        Self {
            target,
            state,
            figures,
            stop: Arc::default(),
            patience,
            rate,
            next: Instant::now(),
            said: None,
            status: StatusLine::default(),
            status_due: Instant::now() + OFTEN,
            status_rows: 0,
            unsaved: false,
        }
    }

    /// Finds out whether the target is there. Where it is to be tried for ever, that it is not there yet
    /// is no failure.
    ///
    /// # Errors
    /// When it is not there, or does not take what will come.
    pub fn open(&mut self) -> Result<()> {
        match self.target.open() {
            Ok(()) => {
                self.figures.is_up();
                Ok(())
            }
            Err(Failure::Later { why, after, .. }) if self.patience.is_none() => {
                self.say(&why);
                self.again(1, after);
                self.opened().map(|_| ())
            }
            Err(failure) => Err(anyhow::anyhow!("{failure}")),
        }
    }

    /// How far the recording is there: as the disk says, or else as the target does, which is asked for
    /// each run of it.
    ///
    /// # Errors
    /// When the target can't be asked.
    pub fn position(
        &mut self,
        sources: impl FnOnce() -> Result<Vec<Source>>,
    ) -> Result<Option<Position>> {
        if let Some(position) = self.state.position() {
            return Ok(Some(position.clone()));
        }
        for source in &sources()? {
            let mut failures = 0;
            loop {
                match self.target.position(source) {
                    Ok(Some(position)) => {
                        say(format_args!(
                            "there is no state on the disk, but rows of this recording at the target, up to \
                             segment {}: it goes on behind them",
                            position.reached.segment
                        ));
                        return Ok(Some(position));
                    }
                    Ok(None) => break,
                    Err(Failure::Later { why, after, .. }) if self.patience.is_none() => {
                        failures += 1;
                        self.say(&why);
                        self.again(failures, after);
                    }
                    Err(failure) => return Err(anyhow::anyhow!("{failure}")),
                }
            }
        }
        Ok(None)
    }

    /// Sends on a thread of its own: first what was under way when it ended the last time.
    ///
    /// # Errors
    /// When no thread can be made.
    pub fn start(self, left_over: Option<Flight>, queue: Queue) -> io::Result<Sending> {
        let stop = Arc::clone(&self.stop);
        let thread = thread::Builder::new().name("sender".to_owned());
        let thread = thread.spawn(move || {
            // They are the loop's.
            let _ = SigSet::all().thread_block();
            self.run(left_over, &queue)
        })?;
        Ok(Sending { thread, stop })
    }

    fn run(mut self, left_over: Option<Flight>, queue: &Queue) -> Result<Ended> {
        if let Some(flight) = left_over {
            self.figures.add_left_over(flight.head.rows);
            if !self.bring(flight)? {
                return Ok(Ended::Stopped);
            }
        }
        loop {
            if self.stop.wait(Duration::ZERO) {
                self.save()?;
                return Ok(Ended::Stopped);
            }
            match queue.next(QUIET) {
                Ok(Shipped::Batch(mut batch)) => {
                    let flight = self.pack(&batch)?;
                    queue.done(std::mem::take(&mut batch.lines));
                    if !self.keep_pace(batch.rows) {
                        return Ok(Ended::Stopped);
                    }
                    self.state.begin(&flight)?;
                    if !self.bring(flight)? {
                        return Ok(Ended::Stopped);
                    }
                }
                Ok(Shipped::Reached(position)) => {
                    self.state.reached(position);
                    self.unsaved = true;
                }
                Err(RecvTimeoutError::Timeout) => {
                    self.save()?;
                    self.show();
                }
                Err(RecvTimeoutError::Disconnected) => {
                    self.save()?;
                    self.status.take_back();
                    return Ok(Ended::Done);
                }
            }
        }
    }

    fn pack(&mut self, batch: &Batch) -> io::Result<Flight> {
        let body = self.target.compress(&batch.lines)?;
        Ok(Flight::new(batch, self.target.encoding(), body))
    }

    /// Brings a batch, however long that takes. False: it is to end before.
    fn bring(&mut self, mut flight: Flight) -> Result<bool> {
        let began = Instant::now();
        let mut failures = 0;
        let refused = loop {
            // What failed may be there no more, or another one.
            let tried = match failures {
                0 => self.target.send(&flight),
                _ => self.target.open().and_then(|()| self.target.send(&flight)),
            };
            let (why, in_doubt, after) = match tried {
                Ok(refused) => break refused,
                Err(Failure::Later {
                    why,
                    in_doubt,
                    after,
                }) => (why, in_doubt, after),
                Err(Failure::Never { why, rows_refused }) => {
                    if rows_refused {
                        self.figures.add_refused(flight.head.rows);
                    }
                    self.status.take_back();
                    anyhow::bail!("{why}");
                }
            };
            flight.in_doubt |= in_doubt;
            failures += 1;
            self.figures.add_retry();
            if let Some(patience) = self.patience
                && began.elapsed() >= patience
            {
                self.status.take_back();
                anyhow::bail!(
                    "{why}; it was tried for {} s, and nothing is lost: the same command goes on from there",
                    patience.as_secs()
                );
            }
            self.say(&why);
            if self.again(failures, after) {
                return Ok(false);
            }
        };
        if failures > 0 && self.said.take().is_some() {
            self.status.take_back();
            say("it is taken again");
        }
        let head = flight.head;
        let (taken, bytes) = (head.rows.saturating_sub(refused), flight.body.len() as u64);
        self.figures.add_shipped(taken, refused, bytes, head.to_ns);
        self.state.reached(head.position);
        self.unsaved = true;
        self.show();
        Ok(true)
    }

    /// Tries again to find the target, for ever. False: it is to end before.
    fn opened(&mut self) -> Result<bool> {
        let mut failures = 1;
        loop {
            match self.target.open() {
                Ok(()) => {
                    if self.said.take().is_some() {
                        say("it is there now");
                    }
                    self.figures.is_up();
                    return Ok(true);
                }
                Err(Failure::Later { why, after, .. }) => {
                    failures += 1;
                    self.say(&why);
                    if self.again(failures, after) {
                        return Ok(false);
                    }
                }
                Err(failure) => return Err(anyhow::anyhow!("{failure}")),
            }
        }
    }

    /// Waits before it is tried again; true: it is to end.
    fn again(&mut self, failures: u32, after: Option<Duration>) -> bool {
        self.stop.wait(pause(failures, after))
    }

    /// Waits until so many rows may be sent. False: it is to end.
    fn keep_pace(&mut self, rows: u32) -> bool {
        let Some(rate) = self.rate else { return true };
        let wait = self.next.saturating_duration_since(Instant::now());
        let takes = Duration::from_secs_f64(f64::from(rows) / f64::from(rate.max(1)));
        self.next = self.next.max(Instant::now()) + takes;
        !self.stop.wait(wait)
    }

    /// Writes to the disk what is there, if something is since the last time.
    fn save(&mut self) -> Result<()> {
        if std::mem::take(&mut self.unsaved) {
            self.state.save()?;
        }
        Ok(())
    }

    /// Says why nothing gets through, but not each time.
    fn say(&mut self, why: &str) {
        if self.said.is_none_or(|said| said.elapsed() >= SAY_AGAIN) {
            self.said = Some(Instant::now());
            self.status.take_back();
            say(format_args!("{why}; it is tried again"));
        }
    }

    /// Shows on a terminal how it goes.
    fn show(&mut self) {
        let now = Instant::now();
        if now < self.status_due || !self.status.is_seen() {
            return;
        }
        let mut progress = self.figures.progress();
        let long = OFTEN + now.duration_since(self.status_due);
        let rows = progress.rows - self.status_rows;
        progress.per_second = Some(rows as f64 / long.as_secs_f64());
        (self.status_due, self.status_rows) = (now + OFTEN, progress.rows);
        self.status.show(&progress);
    }
}

/// How long the last request may take when it is to end.
const LAST: Duration = Duration::from_secs(5);

impl Sending {
    /// Waits until all that was handed over is there. `now`: it is not waited for, and sent the next
    /// time, if it does not take a moment.
    ///
    /// # Errors
    /// What it failed with.
    pub fn end(self, now: bool) -> Result<Ended> {
        if now {
            self.stop.stop();
            let until = Instant::now() + LAST;
            while !self.thread.is_finished() {
                if Instant::now() >= until {
                    // It is on the disk, and goes with the process.
                    return Ok(Ended::Stopped);
                }
                thread::sleep(Duration::from_millis(10));
            }
        }
        match self.thread.join() {
            Ok(ended) => ended,
            Err(_) => anyhow::bail!("the thread that sends is gone: a bug"),
        }
    }
}
