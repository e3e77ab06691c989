//! Reads the ring buffer, and counts what did not fit into it.

use std::{
    io,
    os::fd::{AsFd as _, OwnedFd},
};

use aya::maps::{MapData, PerCpuArray, RingBuf};

/// The reader's side of the ring buffer.
pub struct Reader {
    events: RingBuf<MapData>,
    lost: PerCpuArray<MapData, u64>,
    lost_before: u64,
}

impl Reader {
    pub(super) fn new(events: RingBuf<MapData>, lost: PerCpuArray<MapData, u64>) -> Self {
        Self {
            events,
            lost,
            lost_before: 0,
        }
    }

    /// Hands records over in their order, `most` of them at the most. Returns how many there
    /// were.
    pub fn drain(&mut self, most: usize, mut each: impl FnMut(&[u8])) -> usize {
        let mut count = 0;
        while count < most {
            let Some(record) = self.events.next() else {
                break;
            };
            each(&record);
            count += 1;
        }
        count
    }

    /// How many records found no room since the last call.
    pub fn newly_lost(&mut self) -> u64 {
        let total = self
            .lost
            .get(&0, 0)
            .map_or(self.lost_before, |each| each.iter().sum());
        let new = total - self.lost_before;
        self.lost_before = total;
        new
    }

    /// How many records found no room so far.
    #[must_use]
    pub fn lost(&self) -> u64 {
        self.lost_before
    }

    /// A descriptor that becomes readable when the kernel half wakes its reader.
    ///
    /// # Errors
    /// When this process has too many descriptors.
    pub fn descriptor(&self) -> io::Result<OwnedFd> {
        self.events.as_fd().try_clone_to_owned()
    }
}
