//! What the loop hands over: entries, put into blocks.

use std::{
    collections::HashMap,
    path::Path,
    sync::{
        Arc,
        atomic::Ordering::Relaxed,
        mpsc::{Receiver, Sender, channel},
    },
    time::{Duration, Instant},
};

use rustc_hash::{FxBuildHasher, FxHashSet};

use super::{
    folder::Folder,
    format::{BLOCK_BYTES, Beginning, BlockKind, Entry, EntryWriter},
    segment::{Block, Press},
    worker::{Limits, Order, Outcome, Progress, Status, Worker},
};
use crate::model::{CgroupMade, Event, Link};

/// So many bytes wait for the disk at the most: events that come when there are more are lost.
const MOST_QUEUED: u64 = 16 << 20;
/// A keyframe is made when fewer wait, as it comes on top of them.
const FEW_QUEUED: u64 = 1 << 20;
/// What was told is handed over after so long, ns, if there is not a whole block before.
const FLUSH_NS: u64 = 1_000_000_000;
/// So often it is said that nothing happened, ns: until when it is known.
const QUIET_NS: u64 = 10_000_000_000;
/// A keyframe within a segment is so much smaller than what is between two.
const KEYFRAME_SHARE: u64 = 16;
/// How often it is tried to go on after a failure, ns.
const RETRY_NS: u64 = 2_000_000_000;

/// What a recorder wants from the loop.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Wanted {
    /// A keyframe, at the beginning of another segment.
    Segment,
    /// A keyframe within the segment.
    Keyframe,
}

/// Records what the loop tells it. It never waits.
pub struct Recorder {
    entries: EntryWriter,
    /// Events among the entries.
    events: u32,
    /// Until when all was told, and until when that is written: CLOCK_MONOTONIC, ns.
    passed_ns: u64,
    passed_written_ns: u64,
    /// Where the block began.
    wall_ahead_ns: i64,
    /// Now.
    wall_now_ns: i64,
    now_ns: u64,
    block_began_ns: u64,
    flushed_ns: u64,
    segment_began_ns: u64,
    began_ns: Option<u64>,
    orders: Sender<Order>,
    emptied: Receiver<Vec<u8>>,
    status: Arc<Status>,
    limits: Limits,
    run: String,
    number: u64,
    next_number: u64,
    /// A segment is being written.
    going: bool,
    /// It goes on from the one before.
    unbroken: bool,
    tried_ns: u64,
    told: u64,
    /// Events that were not handed over.
    lost: u64,
    /// Lost events of which it was not handed over that they are lost.
    untold: u64,
    lost_written: u64,
    spared: bool,
    cgroups: FxHashSet<u64>,
    wanted_cgroups: Vec<u64>,
    links: HashMap<(u32, u32), String, FxBuildHasher>,
    wanted_links: Vec<(u32, Link)>,
}

impl Recorder {
    /// Opens a folder to record in, and gives what writes to it: it is to run on a thread of its
    /// own. Nothing is recorded before the first keyframe.
    ///
    /// # Errors
    /// When the folder can't be written to, or another process records there.
    pub fn open(path: &Path, limits: Limits) -> anyhow::Result<(Self, Worker)> {
        let folder = Folder::open(path)?;
        let next_number = folder.next_number()?;
        let (orders, taken) = channel();
        let (give_back, emptied) = channel();
        let status = Arc::new(Status::default());
        let worker = Worker {
            folder,
            limits: limits.clone(),
            orders: taken,
            emptied: give_back,
            status: Arc::clone(&status),
            press: Press::new()?,
            segment: None,
            last: None,
            spare: 0,
            synced: Instant::now(),
            made_room: Instant::now(),
        };
        let recorder = Self {
            entries: EntryWriter::new(Vec::new(), 0),
            events: 0,
            passed_ns: 0,
            passed_written_ns: 0,
            wall_ahead_ns: 0,
            wall_now_ns: 0,
            now_ns: 0,
            block_began_ns: 0,
            flushed_ns: 0,
            segment_began_ns: 0,
            began_ns: None,
            orders,
            emptied,
            status,
            limits,
            run: chance(),
            number: 0,
            next_number,
            going: false,
            unbroken: false,
            tried_ns: 0,
            told: 0,
            lost: 0,
            untold: 0,
            lost_written: 0,
            spared: false,
            cgroups: FxHashSet::default(),
            wanted_cgroups: Vec::new(),
            links: HashMap::default(),
            wanted_links: Vec::new(),
        };
        Ok((recorder, worker))
    }

    /// Takes an event.
    #[inline]
    pub fn event(&mut self, event: &Event) {
        self.told += 1;
        if !self.going {
            self.lost += 1;
            return;
        }
        self.begin_entry();
        self.entries.event(event);
        self.events += 1;
        self.note_names(event);
        if self.entries.len() >= BLOCK_BYTES {
            self.flush();
        }
    }

    /// Takes anything else.
    pub fn note(&mut self, entry: &Entry<'_>) {
        if !self.going {
            if let Entry::Lost(events) = entry {
                self.untold += events;
            }
            return;
        }
        self.begin_entry();
        self.entries.write(entry);
        if self.entries.len() >= BLOCK_BYTES {
            self.flush();
        }
    }

    /// A control group was made: its path is known by that.
    pub fn cgroup_made(&mut self, made: &CgroupMade<'_>) {
        self.cgroups.insert(made.id);
        self.note(&Entry::CgroupMade(*made));
    }

    /// Says that all that happened until then was told: CLOCK_MONOTONIC, ns.
    pub fn passed(&mut self, until_ns: u64) {
        self.passed_ns = self.passed_ns.max(until_ns);
    }

    /// Writes until when all was told, if that is not written: once, however often it was said.
    #[inline]
    fn begin_entry(&mut self) {
        if self.entries.is_empty() {
            self.block_began_ns = self.now_ns;
        }
        if self.passed_ns > self.passed_written_ns {
            self.passed_written_ns = self.passed_ns;
            self.entries.write(&Entry::Passed(self.passed_ns));
        }
    }

    fn note_names(&mut self, event: &Event) {
        let (tuple, owner) = match event {
            Event::Socket(it) => (Some(&it.tuple), it.owner.as_ref()),
            Event::Accepted(it) => (None, Some(&it.owner)),
            Event::Request(it) => (Some(&it.tuple), None),
            Event::Syn(it) => (Some(&it.tuple), None),
            Event::Minisock(_) | Event::ResetSent(_) | Event::FinDropped(_) | Event::Forked(_) => {
                return;
            }
        };
        if let Some(cgroup) = owner.and_then(|owner| owner.cgroup)
            && self.cgroups.insert(cgroup.get())
        {
            self.wanted_cgroups.push(cgroup.get());
        }
        if let Some(tuple) = tuple
            && let Some(link) = tuple.link
            && self.wanted_links.len() < 64
        {
            self.wanted_links.push((tuple.netns, link));
        }
    }

    /// Control groups whose paths are to be looked up, and [told](Self::cgroup_named).
    pub fn wanted_cgroups(&mut self) -> Vec<u64> {
        std::mem::take(&mut self.wanted_cgroups)
    }

    /// Takes the path of a control group; `None`: it is not known yet, and is asked for again.
    pub fn cgroup_named(&mut self, id: u64, path: Option<&str>) {
        match path {
            Some(path) => self.note(&Entry::CgroupNamed { id, path }),
            None => {
                self.cgroups.remove(&id);
            }
        }
    }

    /// Interfaces, each with its network namespace, whose names are to be looked up, and
    /// [told](Self::link_named).
    pub fn wanted_links(&mut self) -> Vec<(u32, Link)> {
        std::mem::take(&mut self.wanted_links)
    }

    /// Takes the name of an interface.
    pub fn link_named(&mut self, netns: u32, link: Link, name: &str) {
        let key = (netns, link.get());
        if self.links.get(&key).is_none_or(|known| known != name) {
            self.links.insert(key, name.to_owned());
            let index = link.get();
            self.note(&Entry::LinkNamed { netns, index, name });
        }
    }

    /// Says what time it is, and how far the wall clock is ahead of CLOCK_MONOTONIC, ns. To be
    /// called now and then, when all events so far were told. `suspended_ns`: for how long the
    /// machine was suspended since the last time.
    pub fn turn(
        &mut self,
        now_ns: u64,
        wall_ahead_ns: i64,
        suspended_ns: impl FnOnce() -> u64,
    ) -> Option<Wanted> {
        self.now_ns = now_ns;
        if wall_ahead_ns != self.wall_now_ns {
            self.wall_now_ns = wall_ahead_ns;
            let suspended_ns = suspended_ns();
            self.note(&Entry::Clock {
                wall_ahead_ns,
                suspended_ns,
            });
        }
        if self.going && self.status.failed.load(Relaxed) == self.number {
            self.stop();
        }
        if !self.going {
            let again = now_ns.saturating_sub(self.tried_ns) >= RETRY_NS;
            return (again && self.has_room()).then_some(Wanted::Segment);
        }
        if now_ns.saturating_sub(self.flushed_ns) >= QUIET_NS {
            self.begin_entry();
        }
        if !self.entries.is_empty() && now_ns.saturating_sub(self.block_began_ns) >= FLUSH_NS {
            self.flush();
        }
        if !self.has_room() {
            return None;
        }
        let bytes = self.status.segment.load(Relaxed);
        let age = Duration::from_nanos(now_ns.saturating_sub(self.segment_began_ns));
        let old = self.limits.rotate_age.is_some_and(|most| age >= most);
        let large = self.limits.rotate_bytes.is_some_and(|most| bytes >= most);
        let keyframe = self.status.keyframe.load(Relaxed);
        let since = self.status.since_keyframe.load(Relaxed);
        if old || large {
            Some(Wanted::Segment)
        } else if since >= self.limits.keyframe_bytes.max(keyframe * KEYFRAME_SHARE) {
            Some(Wanted::Keyframe)
        } else {
            None
        }
    }

    fn has_room(&self) -> bool {
        self.status.queued.load(Relaxed) < FEW_QUEUED
    }

    /// Begins a segment, or a keyframe within it, with all that is remembered. What `beginning`
    /// says of the recording itself is filled in.
    pub fn keyframe(
        &mut self,
        wanted: Wanted,
        mut beginning: Beginning,
        remembered: impl Iterator<Item = Entry<'static>>,
    ) {
        if self.going {
            self.flush();
        }
        self.tried_ns = self.now_ns;
        self.status.since_keyframe.store(0, Relaxed);
        self.wall_now_ns = beginning.wall_ahead_ns;
        self.wall_ahead_ns = beginning.wall_ahead_ns;
        beginning.run.clone_from(&self.run);
        beginning.began_ns = *self.began_ns.get_or_insert(beginning.mono_ns);
        self.now_ns = self.now_ns.max(beginning.mono_ns);
        if wanted == Wanted::Segment {
            beginning.follows = Some(self.number).filter(|_| self.going && self.unbroken);
            self.number = self.next_number;
            self.next_number += 1;
            self.segment_began_ns = self.now_ns;
            self.spared = false;
        }
        beginning.number = self.number;
        let lost = self.lost
            + self.untold
            + self.status.lost.load(Relaxed)
            + self.status.untold.load(Relaxed);
        beginning.lost_before = lost - self.lost_written;
        self.lost_written = lost;
        self.cgroups = beginning.cgroups.iter().map(|it| it.0).collect();
        self.links = beginning
            .links
            .iter()
            .map(|(netns, index, name)| ((*netns, *index), name.clone()))
            .collect();
        let first_ns = beginning.mono_ns;
        let block = Block {
            kind: BlockKind::Beginning,
            bytes: beginning.to_json().unwrap_or_default(),
            count: 0,
            lost: beginning.lost_before,
            notable: beginning.lost_before > 0,
            first_ns,
            last_ns: first_ns,
            wall_ahead_ns: self.wall_ahead_ns,
        };
        self.status
            .queued
            .fetch_add(block.bytes.len() as u64, Relaxed);
        let _ = self.orders.send(match wanted {
            Wanted::Segment => Order::Begin(self.number, block),
            Wanted::Keyframe => Order::Append(block),
        });
        let mut entries = EntryWriter::new(self.memory(), first_ns);
        for it in remembered {
            entries.write(&it);
            if entries.len() >= BLOCK_BYTES {
                self.send(entries, BlockKind::Remembered, None);
                entries = EntryWriter::new(self.memory(), first_ns);
            }
        }
        if !entries.is_empty() {
            self.send(entries, BlockKind::Remembered, None);
        }
        self.passed_ns = self.passed_ns.max(first_ns);
        self.passed_written_ns = first_ns;
        self.entries = EntryWriter::new(self.memory(), first_ns);
        self.events = 0;
        self.flushed_ns = self.now_ns;
        self.going = true;
        self.unbroken = true;
    }

    /// So many events were lost before what is told next, of which the next keyframe knows.
    pub fn unrecorded(&mut self, events: u64) {
        self.untold += events;
    }

    /// Has this segment, the one before and the one after kept longer than others.
    pub fn spare(&mut self) {
        if !std::mem::replace(&mut self.spared, true) {
            let _ = self.orders.send(Order::Spare);
        }
    }

    /// How many events it was told.
    #[must_use]
    pub fn told(&self) -> u64 {
        self.told
    }

    /// How it goes.
    #[must_use]
    pub fn progress(&self) -> Progress {
        self.status.progress(self.told, self.lost)
    }

    /// Why nothing can be written any more, once.
    pub fn failure(&self) -> Option<String> {
        self.status.failure()
    }

    /// Hands over the rest. The worker ends when that is written.
    pub fn end(mut self) -> Outcome {
        if self.going {
            self.begin_entry();
            self.flush();
        }
        Outcome {
            status: self.status,
            events: self.told,
            lost: self.lost,
        }
    }

    fn flush(&mut self) {
        let memory = self.memory();
        let next = EntryWriter::new(memory, self.passed_written_ns);
        let entries = std::mem::replace(&mut self.entries, next);
        let events = std::mem::take(&mut self.events);
        self.flushed_ns = self.now_ns;
        if entries.is_empty() {
            return;
        }
        if self.status.queued.load(Relaxed) > MOST_QUEUED {
            self.lost += u64::from(events);
            self.untold += entries.lost();
            self.going = false;
            return;
        }
        self.send(entries, BlockKind::Events, Some(events));
        self.wall_ahead_ns = self.wall_now_ns;
    }

    fn send(&self, entries: EntryWriter, kind: BlockKind, events: Option<u32>) {
        let (first_ns, last_ns) = entries.times();
        let count = events.unwrap_or(entries.count());
        let (lost, notable) = (entries.lost(), entries.is_notable());
        let block = Block {
            kind,
            bytes: entries.into_bytes(),
            count,
            lost,
            notable,
            first_ns,
            last_ns,
            wall_ahead_ns: self.wall_ahead_ns,
        };
        self.status
            .queued
            .fetch_add(block.bytes.len() as u64, Relaxed);
        let _ = self.orders.send(Order::Append(block));
    }

    /// Nothing more is written before the next keyframe.
    fn stop(&mut self) {
        self.lost += u64::from(std::mem::take(&mut self.events));
        self.untold += self.entries.lost();
        self.going = false;
        self.tried_ns = self.now_ns;
    }

    /// Memory for a block, which was another's before.
    fn memory(&self) -> Vec<u8> {
        self.emptied
            .try_recv()
            .unwrap_or_else(|_| Vec::with_capacity(BLOCK_BYTES + (BLOCK_BYTES >> 3)))
    }
}

/// A name by chance.
fn chance() -> String {
    use std::hash::{BuildHasher as _, RandomState};
    let part = || RandomState::new().hash_one(std::process::id());
    format!("{:016x}", part())
}
