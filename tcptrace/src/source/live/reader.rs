//! Reads the ring buffer, and counts what did not fit into it.

use std::{
    io,
    os::fd::{AsFd as _, OwnedFd},
    time::{Duration, Instant},
};

use aya::maps::{Array, MapData, PerCpuArray, RingBuf};

use super::misses::Misses;

/// What comes out of the ring buffer.
#[derive(Clone, Copy, Debug)]
pub enum Drained<'a> {
    /// So many records found no room before the next one.
    Lost(u64),
    /// A record.
    Record(&'a [u8]),
}

/// How often it is looked whether the kernel left a program out: seldom, as a file is read.
const MISSES: Duration = Duration::from_secs(1);

/// The reader's side of the ring buffer.
pub struct Reader {
    events: RingBuf<MapData>,
    lost: PerCpuArray<MapData, u64>,
    /// Tasks of the traced command that the kernel half could not mark.
    not_followed: PerCpuArray<MapData, u64>,
    not_followed_before: u64,
    sleeping: Array<MapData, u32>,
    lost_before: u64,
    misses: Option<Misses>,
    missed_before: u64,
    look_at_misses: Instant,
}

impl Reader {
    pub(super) fn new(
        events: RingBuf<MapData>,
        lost: PerCpuArray<MapData, u64>,
        not_followed: PerCpuArray<MapData, u64>,
        sleeping: Array<MapData, u32>,
    ) -> Self {
        Self {
            events,
            lost,
            not_followed,
            not_followed_before: 0,
            sleeping,
            lost_before: 0,
            misses: None,
            missed_before: 0,
            look_at_misses: Instant::now(),
        }
    }

    pub(super) fn watch_misses(&mut self, misses: Option<Misses>) {
        self.misses = misses;
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

    /// How many events were lost since that was last told: records that found no room, tasks of
    /// the traced command that could not be followed (each as one), and, until the time before
    /// when this was asked, events for which the kernel half was not run, of which `told_twice`
    /// (`Tracker::told_twice`) says how many were not needed.
    pub fn newly_lost(&mut self, told_twice: u64) -> u64 {
        self.look_at_misses = Instant::now() + MISSES;
        let missed = self.misses.as_mut().and_then(|it| it.count(told_twice));
        // What was left out once stays so.
        let missed = missed.unwrap_or_default().max(self.missed_before);
        let newly_missed = missed - std::mem::replace(&mut self.missed_before, missed);
        let not_followed = newly(&self.not_followed, &mut self.not_followed_before);
        if not_followed > 0 {
            log::warn!(
                "the kernel had no memory to mark {not_followed} threads of the command: what they \
                 do is not shown"
            );
        }
        newly(&self.lost, &mut self.lost_before) + newly_missed + not_followed
    }

    /// Whether it is time for [`newly_lost`](Self::newly_lost), which no record may come after.
    #[must_use]
    pub fn should_ask_for_losses(&self) -> bool {
        Instant::now() >= self.look_at_misses
    }

    /// How many events were lost so far.
    #[must_use]
    pub fn lost(&self) -> u64 {
        self.lost_before + self.missed_before + self.not_followed_before
    }

    /// Whether the kernel lets this thread look into its maps.
    #[must_use]
    pub fn counts_losses(&self) -> bool {
        self.lost.get(&0, 0).is_ok()
    }

    /// Has the first event from now on make the descriptor readable. What came just before does
    /// not: the buffer must be looked at once more before going to sleep.
    ///
    /// # Errors
    /// When the kernel does not take it.
    pub fn ask_to_be_woken(&mut self) -> io::Result<()> {
        self.sleeping.set(0, 1, 0).map_err(io::Error::other)
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
