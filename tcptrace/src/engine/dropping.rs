//! What listeners have dropped, looked at now and then for a recording.

use std::{
    io,
    time::{Duration, Instant},
};

use crate::{
    host::{Looker, Namespaces, monotonic_now},
    model::{DropLook, ns},
};

/// What part of the time the thread may take.
const SHARE: u32 = 200;
/// How often it is looked while things happen, ns; and with that much more for each listener.
const OFTEN_NS: u64 = 1_000_000_000;
const EACH_NS: u64 = 1_000_000;
/// How often while nothing does.
const SELDOM: Duration = Duration::from_secs(10);
/// How long answers are waited for at the beginning and at the end.
const PATIENCE: Duration = Duration::from_secs(2);

/// Looks at the listeners, on a thread of its own.
pub(super) struct Dropping {
    looker: Looker<Vec<u32>, DropLook>,
    asked: bool,
    /// When it is asked next: CLOCK_MONOTONIC, ns.
    due_ns: u64,
    /// The same if nothing happens before.
    due_quiet_ns: u64,
}

impl Dropping {
    /// Starts the thread, which has the privileges that this one has.
    ///
    /// # Errors
    /// When no thread can be made.
    pub fn start() -> io::Result<Self> {
        let look = |namespaces: Vec<u32>| DropLook {
            at_ns: monotonic_now(),
            counts: Namespaces::drops(&namespaces),
        };
        Ok(Self {
            looker: Looker::start("listeners", 1, SHARE, look)?,
            asked: false,
            due_ns: 0,
            due_quiet_ns: 0,
        })
    }

    /// Asks when it is time, and takes what was found. `quiet`: nothing has happened since it was
    /// asked last. `namespaces`: where there are listeners.
    pub fn turn(
        &mut self,
        now: u64,
        quiet: bool,
        namespaces: impl FnOnce() -> Vec<u32>,
    ) -> Option<DropLook> {
        if self.asked {
            return self.looker.answer().map(|it| self.took(it));
        }
        let due = match quiet {
            true => self.due_quiet_ns,
            false => self.due_ns,
        };
        if now >= due {
            self.ask(now, namespaces());
        }
        None
    }

    /// Looks once more, and waits for it, but not for long.
    pub fn look(&mut self, namespaces: Vec<u32>) -> Option<DropLook> {
        let end = Instant::now() + PATIENCE;
        let left = || end.saturating_duration_since(Instant::now());
        if self.asked {
            let before = self.looker.answer_within(left())?;
            self.took(before);
        }
        self.ask(monotonic_now(), namespaces);
        let found = self.looker.answer_within(left())?;
        Some(self.took(found))
    }

    fn ask(&mut self, now: u64, namespaces: Vec<u32>) {
        self.asked = self.looker.ask(namespaces).is_ok();
        self.due_ns = now + OFTEN_NS;
        self.due_quiet_ns = now + ns(SELDOM);
    }

    fn took(&mut self, found: DropLook) -> DropLook {
        self.asked = false;
        self.due_ns += EACH_NS * found.counts.each().len() as u64;
        found
    }
}
