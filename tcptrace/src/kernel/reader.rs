//! Reads the ring buffer, and counts what did not fit into it.

use std::{
    io,
    os::fd::{AsFd as _, OwnedFd},
};

use aya::maps::{MapData, PerCpuArray, RingBuf};

/// What comes out of the ring buffer.
#[derive(Clone, Copy, Debug)]
pub enum Drained<'a> {
    /// So many records found no room before the next one.
    Lost(u64),
    /// A record.
    Record(&'a [u8]),
}

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

    /// Hands over, in their order, records (`most` of them at the most), and before them how many
    /// were lost since the last time. Returns how many records there were.
    ///
    /// Without a record there is no loss to ask for: the buffer must have been full.
    pub fn drain(&mut self, most: usize, mut each: impl FnMut(Drained<'_>)) -> usize {
        let mut count = 0;
        while count < most {
            let Some(record) = self.events.next() else {
                break;
            };
            if count == 0 {
                let lost = newly(&self.lost, &mut self.lost_before);
                if lost > 0 {
                    each(Drained::Lost(lost));
                }
            }
            each(Drained::Record(&record));
            count += 1;
        }
        count
    }

    /// How many records found no room since that was last told.
    pub fn newly_lost(&mut self) -> u64 {
        newly(&self.lost, &mut self.lost_before)
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

fn newly(lost: &PerCpuArray<MapData, u64>, before: &mut u64) -> u64 {
    let total = lost.get(&0, 0).map_or(*before, |each| each.iter().sum());
    total - std::mem::replace(before, total)
}
