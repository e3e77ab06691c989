//! What the kernel half of this machine tells, as a source.

use std::{io, os::fd::OwnedFd};

use aya_log::EbpfLogger;

use super::{Drained, Kernel, Options, Reader};
use crate::{
    model::{CgroupMade, Coverage, Degraded, KernelError},
    source::{Batch, Source, Told, decode},
};

/// Another CPU may have taken the time of an event and not have reserved its record yet.
const MARGIN_NS: u64 = 1_000_000;

/// The kernel of this machine.
pub struct Live {
    kernel: Kernel,
    reader: Reader,
    log: Option<EbpfLogger<&'static dyn log::Log>>,
    unreadable: u64,
}

impl Live {
    /// Loads and attaches the kernel half; what happens from then on is told.
    ///
    /// # Errors
    /// See [`Kernel::load`].
    pub fn load(options: &Options<'_>) -> Result<Self, KernelError> {
        let (mut kernel, reader) = Kernel::load(options)?;
        let log = options.log.then(|| kernel.logger().ok()).flatten();
        Ok(Self {
            kernel,
            reader,
            log,
            unreadable: 0,
        })
    }

    /// What can be seen on this machine.
    #[must_use]
    pub fn coverage(&self) -> Coverage {
        self.kernel.coverage
    }

    /// What can't, and why.
    #[must_use]
    pub fn degraded(&self) -> &[Degraded] {
        &self.kernel.degraded
    }

    /// Whether the kernel lets this thread count losses.
    #[must_use]
    pub fn counts_losses(&self) -> bool {
        self.reader.counts_losses()
    }
}

impl Source for Live {
    fn next(&mut self, now: u64, most: usize, mut each: impl FnMut(Told<'_>)) -> Batch {
        let Self {
            kernel,
            reader,
            log,
            unreadable,
        } = self;
        let mut last = 0;
        let told = reader.drain(most, |drained| match drained {
            Drained::Lost(events) => each(Told::Lost(events)),
            Drained::Record(record) if let Some(made) = CgroupMade::read(record) => {
                each(Told::CgroupMade(made));
            }
            Drained::Record(record) => match &decode(record, &kernel.symbols) {
                Ok(event) => {
                    last = event.time_ns();
                    each(Told::Event(event));
                }
                Err(_) => *unreadable += 1,
            },
        });
        if let Some(log) = log {
            log.flush();
        }
        let more = told == most;
        let until = if more { last.min(now) } else { now };
        Batch {
            told,
            more,
            until_ns: until.saturating_sub(MARGIN_NS),
        }
    }

    fn lost(&self) -> u64 {
        self.reader.lost()
    }

    fn unreadable(&self) -> u64 {
        self.unreadable
    }

    fn newly_lost(&mut self, told_twice: u64) -> u64 {
        self.reader.newly_lost(told_twice)
    }

    fn should_ask_for_losses(&self) -> bool {
        self.reader.should_ask_for_losses()
    }

    fn note_holder(&mut self, pid: u32) {
        self.kernel.note_holder(pid);
    }

    fn wakeups(&self) -> io::Result<Option<OwnedFd>> {
        self.reader.descriptor().map(Some)
    }

    fn ask_to_be_woken(&mut self) -> io::Result<()> {
        self.reader.ask_to_be_woken()
    }
}
