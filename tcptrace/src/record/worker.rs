//! Compresses blocks and writes them, on a thread of its own.

use std::{
    io,
    sync::{
        Arc, Mutex,
        atomic::{AtomicBool, AtomicU64, Ordering::Relaxed},
        mpsc::{Receiver, RecvTimeoutError, Sender},
    },
    time::{Duration, Instant, SystemTime, UNIX_EPOCH},
};

use super::{
    folder::{Folder, SegmentName},
    format::BlockKind,
    segment::{Block, Press, Segment},
};

/// How often it is looked for what is too old.
const MAKE_ROOM: Duration = Duration::from_secs(60);

/// How much of a folder is kept; `None`: no limit.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Keep {
    /// So many bytes.
    pub bytes: Option<u64>,
    /// What was written so long ago at the most.
    pub age: Option<Duration>,
}

/// When segments begin, and when they go.
#[derive(Clone, Debug)]
pub struct Limits {
    /// A segment is ended when it has so many bytes.
    pub rotate_bytes: Option<u64>,
    /// A segment is ended after so long.
    pub rotate_age: Option<Duration>,
    /// After so many bytes of a segment there is another keyframe in it, so that who looks for a
    /// moment need not read it from its beginning; but not before it is a small part of what is
    /// between two.
    pub keyframe_bytes: u64,
    /// What is kept of those that are ended.
    pub keep: Keep,
    /// What is kept of those that are spared.
    pub keep_spared: Keep,
    /// How often what was written is brought to the disk; `None`: when the kernel does it.
    pub sync: Option<Duration>,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            rotate_bytes: Some(64 << 20),
            rotate_age: None,
            keyframe_bytes: 4 << 20,
            keep: Keep::default(),
            keep_spared: Keep {
                bytes: Some(1 << 30),
                age: None,
            },
            sync: Some(Duration::from_secs(5)),
        }
    }
}

/// What the worker is to do next.
#[derive(Debug)]
pub(super) enum Order {
    /// End the segment, and begin another one.
    Begin(u64, Block),
    /// Append a block.
    Append(Block),
    /// Spare this segment, the one before and the one after.
    Spare,
}

/// What the loop has to know of the worker.
#[derive(Debug, Default)]
pub(super) struct Status {
    /// Bytes that wait to be written, before compression.
    pub queued: AtomicU64,
    /// Bytes written in all.
    pub written: AtomicU64,
    /// Bytes of the segment that is written.
    pub segment: AtomicU64,
    /// Bytes of the last keyframe, and written since.
    pub keyframe: AtomicU64,
    pub since_keyframe: AtomicU64,
    /// Segments that were begun, and removed to make room.
    pub begun: AtomicU64,
    pub removed: AtomicU64,
    /// Events that could not be written.
    pub lost: AtomicU64,
    /// Lost events of which it could not be written that they are lost.
    pub untold: AtomicU64,
    /// The number of the last segment that could not be written on.
    pub failed: AtomicU64,
    pub failing: AtomicBool,
    pub failure: Mutex<Option<String>>,
}

impl Status {
    /// How it goes, where the loop has told so many events, and lost some of them itself.
    pub fn progress(&self, events: u64, lost: u64) -> Progress {
        Progress {
            events,
            lost: lost + self.lost.load(Relaxed),
            bytes: self.written.load(Relaxed),
            segments: self.begun.load(Relaxed),
            removed: self.removed.load(Relaxed),
            failing: self.failing.load(Relaxed),
        }
    }

    /// Why nothing can be written any more, once.
    pub fn failure(&self) -> Option<String> {
        // Whoever holds it is about to say why.
        self.failure.try_lock().ok()?.take()
    }
}

/// A recording that is over, once its worker is.
#[derive(Debug)]
pub struct Outcome {
    pub(super) status: Arc<Status>,
    pub(super) events: u64,
    pub(super) lost: u64,
}

impl Outcome {
    /// How it went.
    #[must_use]
    pub fn progress(&self) -> Progress {
        self.status.progress(self.events, self.lost)
    }

    /// Why the rest could not be written, if that was not said before.
    #[must_use]
    pub fn failure(&self) -> Option<String> {
        self.status.failure()
    }
}

/// How a recording goes.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Progress {
    /// Events that were told.
    pub events: u64,
    /// Of these, those that could not be written.
    pub lost: u64,
    /// Bytes written.
    pub bytes: u64,
    /// Segments written.
    pub segments: u64,
    /// Segments removed to make room for others.
    pub removed: u64,
    /// Nothing can be written at the moment.
    pub failing: bool,
}

/// Writes what a [`Recorder`](super::Recorder) hands over.
pub struct Worker {
    pub(super) folder: Folder,
    pub(super) limits: Limits,
    pub(super) orders: Receiver<Order>,
    pub(super) emptied: Sender<Vec<u8>>,
    pub(super) status: Arc<Status>,
    pub(super) press: Press,
    pub(super) segment: Option<Segment>,
    /// The last segment that was ended.
    pub(super) last: Option<SegmentName>,
    /// How many segments are to be spared, this one first.
    pub(super) spare: u32,
    pub(super) synced: Instant,
    pub(super) made_room: Instant,
}

impl Worker {
    /// Whether it takes CAP_CHOWN to give the files to who called sudo.
    #[must_use]
    pub fn gives_away(&self) -> bool {
        self.folder.gives_away()
    }

    /// From now on, this thread makes files as the owner of the folder, where that is allowed: then
    /// no privilege is needed to write there.
    pub fn write_as_owner(&self) {
        self.folder.write_as_owner();
    }

    /// Writes until the recorder is done.
    pub fn run(mut self) {
        loop {
            let order = match self.limits.sync {
                None => self
                    .orders
                    .recv()
                    .map_err(|_| RecvTimeoutError::Disconnected),
                Some(sync) => {
                    let left = sync.saturating_sub(self.synced.elapsed());
                    self.orders.recv_timeout(left.max(Duration::from_millis(1)))
                }
            };
            match order {
                Ok(Order::Begin(number, block)) => self.begin(number, block),
                Ok(Order::Append(block)) => self.append(block),
                Ok(Order::Spare) => self.spare(),
                Err(RecvTimeoutError::Timeout) => {}
                Err(RecvTimeoutError::Disconnected) => return self.end(),
            }
            self.sync_in_time();
            if self.made_room.elapsed() >= MAKE_ROOM {
                self.make_room();
            }
        }
    }

    fn begin(&mut self, number: u64, block: Block) {
        self.end();
        self.make_room();
        let name = SegmentName {
            number,
            began: compact_time(block.wall_ahead_ns.saturating_add_unsigned(block.first_ns)),
            spared: false,
        };
        let begun = match self.room_for(&block) {
            Ok(()) => Segment::begin(&self.folder, name, &block, &mut self.press),
            Err(error) => Err(error),
        };
        match begun {
            Ok(segment) => {
                self.status.begun.fetch_add(1, Relaxed);
                self.status.segment.store(segment.bytes, Relaxed);
                self.status.keyframe.store(segment.bytes, Relaxed);
                self.status.since_keyframe.store(0, Relaxed);
                self.status.written.fetch_add(segment.bytes, Relaxed);
                self.status.failing.store(false, Relaxed);
                self.segment = Some(segment);
                self.spare_this();
            }
            Err(error) => {
                self.lose(&block);
                self.fail(number, &error);
            }
        }
        self.done(block);
    }

    /// Nothing is begun on a disk where next to nothing has room: the attempt alone would take it
    /// from others.
    fn room_for(&self, block: &Block) -> io::Result<()> {
        const LEAST: u64 = 1 << 20;
        match self.folder.room() {
            Ok(room) if room < LEAST + block.bytes.len() as u64 => {
                Err(rustix::io::Errno::NOSPC.into())
            }
            _ => Ok(()),
        }
    }

    fn append(&mut self, block: Block) {
        let Some(segment) = &mut self.segment else {
            self.lose(&block);
            return self.done(block);
        };
        let before = segment.bytes;
        match segment.write(&block, &mut self.press) {
            Ok(()) => {
                let written = segment.bytes - before;
                self.status.written.fetch_add(written, Relaxed);
                self.status.segment.store(segment.bytes, Relaxed);
                match block.kind {
                    BlockKind::Beginning => {
                        self.status.keyframe.store(written, Relaxed);
                        self.status.since_keyframe.store(0, Relaxed);
                    }
                    BlockKind::Remembered => {
                        self.status.keyframe.fetch_add(written, Relaxed);
                    }
                    BlockKind::Events | BlockKind::Index => {
                        self.status.since_keyframe.fetch_add(written, Relaxed);
                    }
                }
            }
            Err(error) => {
                let number = segment.name.number;
                self.lose(&block);
                // What was written can be read; what follows is another segment.
                self.end();
                self.fail(number, &error);
            }
        }
        self.done(block);
    }

    fn lose(&self, block: &Block) {
        if block.kind == BlockKind::Events {
            self.status.lost.fetch_add(block.count.into(), Relaxed);
        }
        self.status.untold.fetch_add(block.lost, Relaxed);
    }

    /// Gives the memory of a block back.
    fn done(&self, block: Block) {
        self.status
            .queued
            .fetch_sub(block.bytes.len() as u64, Relaxed);
        // What a keyframe took is not needed again soon.
        if block.kind == BlockKind::Events {
            let _ = self.emptied.send(block.bytes);
        }
    }

    fn fail(&mut self, number: u64, error: &io::Error) {
        self.segment = None;
        self.status.failed.store(number, Relaxed);
        if !self.status.failing.swap(true, Relaxed)
            && let Ok(mut failure) = self.status.failure.lock()
        {
            *failure = Some(error.to_string());
        }
    }

    fn sync_in_time(&mut self) {
        if self
            .limits
            .sync
            .is_none_or(|sync| self.synced.elapsed() < sync)
        {
            return;
        }
        self.synced = Instant::now();
        if let Some(segment) = &mut self.segment
            && let Err(error) = segment.sync()
        {
            let number = segment.name.number;
            self.fail(number, &error);
        }
    }

    /// Ends the segment, if there is one.
    fn end(&mut self) {
        let Some(segment) = self.segment.take() else {
            return;
        };
        let name = segment.name.clone();
        if let Err(error) = segment.end(&mut self.press) {
            log::warn!("the end of {name} could not be written: {error}; it can be read without");
        }
        self.spare = self.spare.saturating_sub(1);
        self.last = Some(name);
    }

    fn spare(&mut self) {
        self.spare = 2;
        if let Some(last) = self.last.take() {
            self.last = Some(self.spare_one(last));
        }
        self.spare_this();
    }

    fn spare_this(&mut self) {
        if self.spare > 0
            && let Some(mut segment) = self.segment.take()
        {
            segment.name = self.spare_one(segment.name);
            self.segment = Some(segment);
        }
    }

    fn spare_one(&self, name: SegmentName) -> SegmentName {
        match self.folder.spare(&name) {
            Ok(spared) => spared,
            Err(error) => {
                log::warn!("{name} can't be spared: {error}");
                name
            }
        }
    }

    /// Removes what is more than is to be kept: the oldest first. The segment that is written stays,
    /// and so does the last one that was ended, as it may be spared yet.
    fn make_room(&mut self) {
        self.made_room = Instant::now();
        let Ok(names) = self.folder.segments() else {
            return;
        };
        for (keep, spared) in [(self.limits.keep, false), (self.limits.keep_spared, true)] {
            if keep == Keep::default() {
                continue;
            }
            let now = SystemTime::now()
                .duration_since(UNIX_EPOCH)
                .unwrap_or_default();
            let mut bytes = 0;
            let written = self.segment.as_ref().map(|it| it.name.number);
            let last = self.last.as_ref().map(|it| it.number);
            for name in names.iter().rev().filter(|name| name.spared == spared) {
                if written == Some(name.number) {
                    continue;
                }
                let Ok((size, touched)) = self.folder.about(name) else {
                    continue;
                };
                bytes += size;
                if !spared && last == Some(name.number) {
                    continue;
                }
                let age = now.saturating_sub(Duration::from_secs(touched.max(0).unsigned_abs()));
                if keep.bytes.is_some_and(|most| bytes > most)
                    || keep.age.is_some_and(|most| age > most)
                {
                    match self.folder.remove(name) {
                        Ok(()) => {
                            self.status.removed.fetch_add(1, Relaxed);
                        }
                        Err(error) => log::warn!("{name} can't be removed: {error}"),
                    }
                }
            }
        }
    }
}

/// UTC as `20261126T031502Z`, of ns since 1970.
fn compact_time(wall_ns: i64) -> String {
    jiff::Timestamp::from_nanosecond(wall_ns.into())
        .map(|it| it.strftime("%Y%m%dT%H%M%SZ").to_string())
        .unwrap_or_else(|_| "unknown".to_owned())
}

#[cfg(test)]
mod tests {
    use std::{fs, path::Path};

    use super::*;
    use crate::record::Recorder;

    /// A worker in a folder with segments of a kilobyte, spared ones among them.
    fn worker(folder: &Path, limits: Limits, spared: &[u64]) -> Worker {
        for number in 1..=6 {
            let name = SegmentName {
                number,
                began: "20261126T031502Z".to_owned(),
                spared: spared.contains(&number),
            };
            fs::write(folder.join(name.to_string()), [0; 1024]).unwrap();
        }
        Recorder::open(folder, limits).unwrap().1
    }

    fn left(worker: &Worker) -> Vec<u64> {
        let names = worker.folder.segments().unwrap();
        names.iter().map(|name| name.number).collect()
    }

    fn keep(bytes: Option<u64>, age: Option<Duration>) -> Keep {
        Keep { bytes, age }
    }

    #[test]
    fn the_oldest_segments_go_until_the_rest_is_small_enough() {
        let folder = tempfile::tempdir().unwrap();
        let limits = Limits {
            keep: keep(Some(3 * 1024), None),
            ..Limits::default()
        };
        let mut worker = worker(folder.path(), limits, &[]);
        worker.make_room();
        assert_eq!(left(&worker), [4, 5, 6]);
        assert_eq!(worker.status.removed.load(Relaxed), 3);
    }

    #[test]
    fn spared_segments_have_a_limit_of_their_own() {
        let folder = tempfile::tempdir().unwrap();
        let limits = Limits {
            keep: keep(Some(2 * 1024), None),
            keep_spared: keep(Some(1024), None),
            ..Limits::default()
        };
        let mut worker = worker(folder.path(), limits, &[1, 2]);
        worker.make_room();
        assert_eq!(left(&worker), [2, 5, 6]);
    }

    #[test]
    fn what_is_too_old_goes_but_not_what_was_ended_last() {
        let folder = tempfile::tempdir().unwrap();
        let limits = Limits {
            keep: keep(None, Some(Duration::from_secs(3600))),
            ..Limits::default()
        };
        let mut worker = worker(folder.path(), limits, &[]);
        let long_ago = SystemTime::now() - Duration::from_secs(7200);
        let names = worker.folder.segments().unwrap();
        for name in names.iter().filter(|name| name.number != 3) {
            let file = fs::File::options();
            let path = folder.path().join(name.to_string());
            let file = file.clone().write(true).open(path).unwrap();
            file.set_modified(long_ago).unwrap();
        }
        worker.last = names.last().cloned();
        worker.make_room();
        assert_eq!(left(&worker), [3, 6]);
    }

    #[test]
    fn the_segment_before_and_the_one_after_are_spared_too() {
        let folder = tempfile::tempdir().unwrap();
        let mut worker = worker(folder.path(), Limits::default(), &[]);
        let begin = |worker: &mut Worker, number| {
            worker.begin(
                number,
                Block {
                    kind: BlockKind::Beginning,
                    bytes: b"{}".to_vec(),
                    count: 0,
                    lost: 0,
                    notable: false,
                    first_ns: 0,
                    last_ns: 0,
                    wall_ahead_ns: 0,
                },
            );
        };
        for number in 7..=11 {
            begin(&mut worker, number);
            if number == 9 {
                worker.spare();
            }
        }
        worker.end();
        let names = worker.folder.segments().unwrap();
        let spared = names.iter().filter(|name| name.spared);
        assert_eq!(spared.map(|it| it.number).collect::<Vec<_>>(), [8, 9, 10]);
    }
}
