//! The beginning: attach first, then look at the sockets that are there, then join the two.

use std::time::{Duration, Instant};

use anyhow::Result;
use tokio::signal::unix::{SignalKind, signal};

use super::{Live, LiveOptions};
use crate::{
    decode::{Event, decode},
    kernel::{Cgroups, Clock, Drained, Kernel, Options},
    snapshot,
    track::{Limits, Tracker},
};

/// How many events are kept while the snapshot is taken; more stay in the ring buffer.
const MOST_EARLY: usize = 1 << 17;
/// The largest record, with its header in the ring buffer.
const LARGEST_RECORD: u32 = 176;

impl Live {
    /// Attaches to the kernel, then looks at the sockets that are there, then joins the two.
    ///
    /// # Errors
    /// [`KernelError`](crate::kernel::KernelError) when this machine can't be traced.
    pub fn attach(options: &LiveOptions) -> Result<Self> {
        let interrupted = signal(SignalKind::interrupt())?;
        let terminated = signal(SignalKind::terminate())?;
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
        let mut lost_early = 0;
        let mut broken_records = 0;
        while !looking.is_finished() {
            reader.drain(MOST_EARLY - early.len(), |drained| match drained {
                Drained::Lost(events) => lost_early += events,
                Drained::Record(record) => match decode(record, &kernel.symbols) {
                    Ok(event) => early.push(event),
                    Err(_) => broken_records += 1,
                },
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
            enough: false,
            lost_early,
            broken_records,
            interrupted,
            terminated,
        };
        if lost_early > 0 {
            live.tracker.note_loss();
        }
        live.catch_up(&early);
        Ok(live)
    }

    /// Applies what happened between attaching and the end of the snapshot. Nobody was promised
    /// to see it.
    fn catch_up(&mut self, early: &[Event]) {
        for event in early {
            self.tracker.apply(event, &mut |_| {});
        }
    }
}
