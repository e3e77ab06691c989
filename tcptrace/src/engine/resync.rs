//! After losses: another look at the sockets that there are, on a thread of its own.

use std::{
    thread::JoinHandle,
    time::{Duration, Instant},
};

use anyhow::Result;

use super::{Consumer, Engine, attach::is_told_of};
use crate::{
    host::{Snapshot, snapshot},
    source::Source,
};

/// What was lost comes in bursts: a look begins when one is over, or seems to be.
const SETTLE: Duration = Duration::from_secs(1);
/// Looks take no more than so large a part of the time.
const SHARE: u32 = 10;
/// After a look that came to nothing, the next one waits so much longer, up to the most.
const MOST: Duration = Duration::from_secs(60);

/// Looks at the sockets after losses.
#[derive(Default)]
pub(super) struct Resync {
    look: Option<(JoinHandle<Snapshot>, Instant)>,
    due: Option<Instant>,
    pause: Duration,
}

impl Resync {
    /// What a look gave, if it is done, and how long it took.
    fn done(&mut self) -> Option<(Snapshot, Duration)> {
        let (look, began) = self.look.take_if(|(look, _)| look.is_finished())?;
        Some((look.join().unwrap_or_default(), began.elapsed()))
    }

    /// Sets when the next look may begin. `done`: nothing was missing in the last one.
    fn rest(&mut self, done: bool, took: Duration) {
        self.pause = match done {
            true => SETTLE,
            false => (self.pause * 2).clamp(SETTLE, MOST),
        };
        self.due = Some(Instant::now() + self.pause.max(took * SHARE));
    }

    /// Whether a look is to begin now.
    fn is_due(&mut self) -> bool {
        let now = Instant::now();
        self.look.is_none() && now >= *self.due.get_or_insert(now + SETTLE)
    }

    fn begin(&mut self, netns: Option<u32>) {
        let now = Instant::now();
        let thread = std::thread::Builder::new().name("sockets".to_owned());
        let look = thread.spawn(move || snapshot::take(netns));
        self.look = look.ok().map(|look| (look, now));
        self.due = Some(now + MOST);
    }
}

impl<S: Source> Engine<S> {
    /// Begins a look where one is needed, and takes what it gave.
    pub(super) fn resync(&mut self, consumer: &mut impl Consumer) -> Result<()> {
        let Some(host) = &mut self.host else {
            return Ok(());
        };
        if let Some((mut snapshot, took)) = host.resync.done() {
            snapshot.sockets.retain(|it| is_told_of(it, &self.filter));
            let mut done = false;
            if let Some(recording) = &mut self.recording {
                recording.sockets(&snapshot.sockets, &snapshot.namespaces);
            }
            self.emit(consumer, |tracker, sink| {
                let (sockets, namespaces) = (&snapshot.sockets, &snapshot.namespaces);
                done = tracker.resync(sockets, namespaces, &mut |it| sink.take(it));
            })?;
            if let Some(host) = &mut self.host {
                host.resync.rest(done && snapshot.failures.is_empty(), took);
            }
        }
        if let Some(host) = &mut self.host
            && self.tracker.is_unsure()
            && host.resync.is_due()
        {
            self.tracker.begin_look();
            if let Some(recording) = &mut self.recording {
                recording.look_begins();
            }
            host.resync.begin(self.filter.netns);
        }
        Ok(())
    }
}
