//! After losses: another look at the sockets that there are, on a thread of its own.

use std::{
    thread::JoinHandle,
    time::{Duration, Instant},
};

use anyhow::Result;

use super::{Consumer, Live, attach::is_told_of};
use crate::host::{Snapshot, snapshot};

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

impl Live {
    /// Begins a look where one is needed, and takes what it gave.
    pub(super) fn resync(&mut self, consumer: &mut impl Consumer) -> Result<()> {
        let now = Instant::now();
        if let Some((look, began)) = self.resync.look.take_if(|(look, _)| look.is_finished()) {
            let mut snapshot = look.join().unwrap_or_default();
            snapshot.sockets.retain(|it| is_told_of(it, &self.filter));
            let mut done = false;
            self.emit(consumer, |tracker, sink| {
                let (sockets, namespaces) = (&snapshot.sockets, &snapshot.namespaces);
                done = tracker.resync(sockets, namespaces, &mut |it| sink.take(it));
            })?;
            let done = done && snapshot.failures.is_empty();
            let doubled = self.resync.pause * 2;
            self.resync.pause = match done {
                true => SETTLE,
                false => doubled.clamp(SETTLE, MOST),
            };
            let pause = self.resync.pause.max(began.elapsed() * SHARE);
            self.resync.due = Some(now + pause);
        }
        if !self.tracker.is_unsure() || self.resync.look.is_some() {
            return Ok(());
        }
        let due = *self.resync.due.get_or_insert(now + SETTLE);
        if now >= due {
            self.tracker.begin_look();
            let netns = self.filter.netns;
            let thread = std::thread::Builder::new().name("sockets".to_owned());
            let look = thread.spawn(move || snapshot::take(netns));
            self.resync.look = look.ok().map(|look| (look, now));
            self.resync.due = Some(now + MOST);
        }
        Ok(())
    }
}
