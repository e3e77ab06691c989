//! Segments without anything missing between them, as a source.

use std::{
    collections::HashMap,
    fs::File,
    io::{self, ErrorKind},
};

use super::{
    blocks::{Blocks, Damage, Next},
    segment::Segment,
};
use crate::{
    model::{DropLook, Event, Existing, Machine},
    record::format::{self, BlockKind, Entry, EntryReader},
    source::{Batch, Beginning, Finding, Source, Told},
};

/// Segments without anything missing between them.
#[derive(Clone, Debug)]
pub struct Piece {
    /// The segments; never none.
    pub segments: Vec<Segment>,
}

/// What is asked for of a recording: ns since 1970.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Range {
    /// What happened before is only remembered; `None`: from the beginning.
    pub from_ns: Option<i64>,
    /// What happened later is not told; `None`: to the end.
    pub to_ns: Option<i64>,
}

impl Piece {
    /// Whether a segment goes on where this ends.
    #[must_use]
    pub fn goes_on_with(&self, next: &Segment) -> bool {
        let last = self.segments.last();
        last.is_some_and(|last| {
            last.ended
                && last.beginning.run == next.beginning.run
                && next.beginning.follows == Some(last.beginning.number)
        })
    }

    /// Bytes of its files.
    #[must_use]
    pub fn bytes(&self) -> u64 {
        self.segments.iter().map(|it| it.bytes).sum()
    }

    /// When it began: ns since 1970.
    #[must_use]
    pub fn began_wall_ns(&self) -> i64 {
        self.segments.first().map_or(0, Segment::began_wall_ns)
    }

    /// When the last thing in it happened: ns since 1970.
    #[must_use]
    pub fn ended_wall_ns(&self) -> i64 {
        // What is told before a keyframe may have happened a little after it.
        let ends = self.segments.iter().map(Segment::ended_wall_ns);
        ends.max().unwrap_or(0)
    }

    /// What its last segment begins with.
    #[must_use]
    pub fn beginning(&self) -> Option<&format::Beginning> {
        Some(&self.segments.first()?.beginning)
    }

    /// Begins to read it: at the keyframe before what is asked for. `None`: nothing of it is.
    ///
    /// # Errors
    /// When a segment can't be read.
    pub fn replay(&self, range: Range) -> io::Result<Option<(Replay, Beginning)>> {
        if range
            .from_ns
            .is_some_and(|from| self.ended_wall_ns() < from)
            || range.to_ns.is_some_and(|to| self.began_wall_ns() > to)
        {
            return Ok(None);
        }
        let first = match range.from_ns {
            None => 0,
            Some(from) => {
                let later = self
                    .segments
                    .iter()
                    .position(|it| it.began_wall_ns() > from);
                later.unwrap_or(self.segments.len()).saturating_sub(1)
            }
        };
        let Some(segment) = self.segments.get(first) else {
            return Ok(None);
        };
        let mono = |wall_ns: i64| {
            let mono_ns = wall_ns.saturating_sub(segment.beginning.wall_ahead_ns);
            u64::try_from(mono_ns).unwrap_or(0)
        };
        let from_ns = range.from_ns.map_or(0, mono);
        let to_ns = range.to_ns.map_or(u64::MAX, mono);
        let mut keyframes = self.keyframes_before(from_ns, first);
        loop {
            let (first, offset) = keyframes.pop().unwrap_or((0, 0));
            let begun = self.replay_from(first, offset, from_ns, to_ns);
            match begun {
                // What can be read of what follows the one before it is told nonetheless.
                Err(error) if error.kind() == ErrorKind::InvalidData && !keyframes.is_empty() => {
                    log::warn!("{error}; it is read from the one before it on");
                }
                begun => return begun.map(Some),
            }
        }
    }

    /// Where the keyframes are that all was told before which happened before `from_ns`, up to those
    /// of a segment: each its segment, and where it begins there.
    fn keyframes_before(&self, from_ns: u64, last: usize) -> Vec<(usize, u64)> {
        let mut keyframes = Vec::new();
        // What is told before a keyframe may have happened a little after it.
        let mut told_ns = 0;
        for (at, segment) in self.segments.iter().enumerate().take(last + 1) {
            for block in &segment.blocks {
                match block.kind {
                    BlockKind::Events => told_ns = told_ns.max(block.last_ns),
                    BlockKind::Beginning if told_ns < from_ns && block.last_ns <= from_ns => {
                        keyframes.push((at, block.offset));
                    }
                    _ => {}
                }
            }
        }
        keyframes
    }

    fn replay_from(
        &self,
        first: usize,
        offset: u64,
        from_ns: u64,
        to_ns: u64,
    ) -> io::Result<(Replay, Beginning)> {
        let segment = &self.segments[first];
        let mut replay = Replay {
            segments: self.segments[first..].to_vec(),
            at: 0,
            blocks: Blocks::new(File::open(&segment.path)?)?,
            entries: None,
            until_ns: 0,
            from_ns,
            to_ns,
            wall_ahead_ns: segment.beginning.wall_ahead_ns,
            lost: 0,
            unrecorded: 0,
            first: None,
            before: from_ns > 0,
            beyond: false,
            seen: Vec::new(),
            damage: None,
            over: false,
            growing: false,
            by_block: false,
            ended: false,
        };
        let beginning = replay.keyframe(offset)?;
        Ok((replay, beginning))
    }
}

/// Reads a piece back.
pub struct Replay {
    segments: Vec<Segment>,
    /// The segment that is read.
    at: usize,
    blocks: Blocks,
    /// The block that is read.
    entries: Option<EntryReader>,
    /// All before was told.
    until_ns: u64,
    from_ns: u64,
    to_ns: u64,
    wall_ahead_ns: i64,
    lost: u64,
    /// These are lost before the keyframe that it began with, and that is not told yet.
    unrecorded: u64,
    /// The first event that is asked for, as it was read already.
    first: Option<Event>,
    /// What is read is of before what is asked for.
    before: bool,
    /// Something that happened later than what is asked for was read.
    beyond: bool,
    /// What a look found so far.
    seen: Vec<Existing>,
    damage: Option<Damage>,
    over: bool,
    /// The last segment is still written: what can't be read of it yet may come.
    growing: bool,
    /// A batch ends with each block.
    by_block: bool,
    /// The last segment was ended in good order, and all of it was read.
    ended: bool,
}

impl Replay {
    /// Has each batch end where a block does at the latest: they are the same then, however much of
    /// the last segment is there when it is read.
    pub fn tell_by_block(&mut self) {
        self.by_block = true;
    }

    /// Whether the last segment is still written. Then the end of what is there is not its end: what
    /// comes later is told after [`try_again`](Self::try_again).
    pub fn is_growing(&mut self, growing: bool) {
        self.growing = growing;
    }

    /// Whether the end of the last segment was read, and it was ended in good order.
    #[must_use]
    pub fn has_ended(&self) -> bool {
        self.ended
    }

    /// There may be more by now of a segment that grows.
    pub fn try_again(&mut self) {
        self.over = self.ended || self.damage.is_some();
    }

    /// From when on what happens is asked for: CLOCK_MONOTONIC of its machine, ns.
    #[must_use]
    pub fn from_ns(&self) -> u64 {
        self.from_ns
    }

    /// Whether what is told next is of before that.
    #[must_use]
    pub fn is_before(&self) -> bool {
        self.before && !self.over
    }

    /// Until when: see [`from_ns`](Self::from_ns).
    #[must_use]
    pub fn to_ns(&self) -> u64 {
        self.to_ns
    }

    /// Goes on with a segment that [goes on](Piece::goes_on_with) from the last one, when all of that
    /// was told.
    ///
    /// # Errors
    /// When it can't be opened.
    pub fn go_on_with(&mut self, segment: Segment) -> io::Result<()> {
        self.blocks = Blocks::new(File::open(&segment.path)?)?;
        self.segments = vec![segment];
        self.at = 0;
        self.entries = None;
        (self.over, self.ended) = (false, false);
        Ok(())
    }

    /// The segments behind one that is damaged, as far as it was read; `None`: none is.
    #[must_use]
    pub fn behind_damage(&self) -> Option<Piece> {
        self.damage.as_ref()?;
        let segments = self.segments.get(self.at + 1..)?;
        (!segments.is_empty()).then(|| Piece {
            segments: segments.to_vec(),
        })
    }

    /// Reads the keyframe that begins there.
    fn keyframe(&mut self, offset: u64) -> io::Result<Beginning> {
        let broken = |why: &str| io::Error::new(ErrorKind::InvalidData, why.to_owned());
        self.blocks.go_to(offset);
        let Next::Block(head) = self.blocks.next()? else {
            return Err(broken("its keyframe can't be read"));
        };
        let told: format::Beginning = match head.kind {
            BlockKind::Beginning => format::Beginning::from_json(self.blocks.raw())?,
            _ => return Err(broken("its keyframe is not where the index says")),
        };
        let mut remembered = Vec::new();
        let (mut closed, mut forks) = (Vec::new(), Vec::new());
        let mut drops = None;
        loop {
            let offset = self.blocks.offset;
            let Next::Block(head) = self.blocks.next()? else {
                // That is told when it is read next.
                break;
            };
            if head.kind != BlockKind::Remembered {
                self.blocks.go_back_to(offset, &head);
                break;
            }
            let mut entries = EntryReader::new(head.first_ns);
            loop {
                match entries.next(self.blocks.raw()) {
                    Ok(Some(Entry::Remembered(it))) => remembered.push(it),
                    Ok(Some(Entry::Closed(it))) => closed.push(it),
                    Ok(Some(Entry::Event(Event::Forked(it)))) => forks.push(it),
                    Ok(Some(Entry::Dropped { at_ns, counts })) => {
                        drops = counts.map(|counts| DropLook { at_ns, counts });
                    }
                    Ok(Some(_)) => {}
                    Ok(None) => break,
                    Err(error) => return Err(broken(&error.to_string())),
                }
            }
        }
        self.until_ns = told.mono_ns;
        self.unrecorded = told.lost_before;
        self.wall_ahead_ns = told.wall_ahead_ns;
        let mut links: HashMap<u32, Vec<(u32, String)>> = HashMap::new();
        for (netns, index, name) in told.links {
            links.entry(netns).or_default().push((index, name));
        }
        let settings = told.namespaces.into_iter();
        Ok(Beginning {
            mono_ns: told.mono_ns,
            machine: Machine {
                kernel: told.kernel,
                netns: told.netns,
                jiffies_per_second: told.jiffies_per_second,
                namespaces: Some(settings.map(|it| (it.netns, it.settings)).collect()),
                drops,
            },
            coverage: told.coverage,
            degraded: told.degraded,
            sockets: Vec::new(),
            remembered,
            closed,
            forks,
            unsure: told.unsure,
            cgroups: told.cgroups,
            workloads: told.workloads,
            links: links.into_iter().collect(),
        })
    }

    /// Goes to the next block of events, in this segment or a following one, or to the next
    /// keyframe; false: there is none.
    fn next_block(&mut self) -> bool {
        loop {
            let next = self.blocks.next();
            let is_last = self.at + 1 >= self.segments.len();
            match next {
                Ok(Next::Over { ended: false } | Next::Damaged(_)) if self.growing && is_last => {
                    return false;
                }
                Ok(Next::Block(head)) => match head.kind {
                    BlockKind::Events => {
                        self.entries = Some(EntryReader::new(head.first_ns));
                        return true;
                    }
                    // All that happened before it was told. The rest of it is known.
                    BlockKind::Beginning => {
                        self.pass(head.first_ns);
                        return true;
                    }
                    BlockKind::Remembered | BlockKind::Index => {}
                },
                Ok(Next::Over { ended }) => {
                    self.ended = ended && is_last;
                    let Some(next) = self.segments.get(self.at + 1) else {
                        return false;
                    };
                    let blocks = File::open(&next.path).and_then(Blocks::new);
                    match blocks {
                        Ok(blocks) => self.blocks = blocks,
                        Err(error) => return self.end_at(&error.to_string()),
                    }
                    self.at += 1;
                }
                Ok(Next::Damaged(damage)) => return self.end_at(&damage.why),
                Err(error) => return self.end_at(&error.to_string()),
            }
        }
    }

    /// All that happened until then was told.
    fn pass(&mut self, until_ns: u64) {
        self.before &= until_ns < self.from_ns;
        self.until_ns = self.until_ns.max(until_ns.min(self.to_ns));
        self.over |= until_ns > self.to_ns;
    }

    /// Nothing more can be read.
    fn end_at(&mut self, why: &str) -> bool {
        let offset = self.blocks.offset;
        let path = self
            .segments
            .get(self.at)
            .map(|it| it.path.display().to_string());
        log::warn!(
            "{} can't be read from byte {offset} on: {why}; what is before it is shown",
            path.unwrap_or_default()
        );
        self.damage = Some(Damage {
            offset,
            why: why.to_owned(),
        });
        false
    }
}

impl Source for Replay {
    fn next(&mut self, _now: u64, most: usize, mut each: impl FnMut(Told<'_>)) -> Batch {
        let mut told = 0;
        let batch = |told, more, until_ns| Batch {
            told,
            more,
            until_ns,
        };
        let unrecorded = std::mem::take(&mut self.unrecorded);
        if unrecorded > 0 {
            self.lost += unrecorded;
            each(Told::Unrecorded(unrecorded));
        }
        if let Some(event) = self.first.take() {
            told += 1;
            each(Told::Event(&event));
        }
        while told < most && !self.over {
            let Some(entries) = &mut self.entries else {
                self.over |= !self.next_block();
                if self.entries.is_none() {
                    break;
                }
                continue;
            };
            let entry = match entries.next(self.blocks.raw()) {
                Ok(Some(entry)) => entry,
                Ok(None) => {
                    self.entries = None;
                    if self.by_block {
                        return batch(told, true, self.until_ns);
                    }
                    continue;
                }
                Err(error) => {
                    self.over = true;
                    self.end_at(&error.to_string());
                    break;
                }
            };
            told += 1;
            match entry {
                Entry::Event(event) => {
                    // What another CPU did before may be told behind it.
                    if event.time_ns() > self.to_ns {
                        self.beyond = true;
                        continue;
                    }
                    if self.before && event.time_ns() >= self.from_ns {
                        self.before = false;
                        self.first = Some(event);
                        return batch(told, true, self.until_ns);
                    }
                    each(Told::Event(&event));
                }
                Entry::Passed(until_ns) => {
                    self.pass(until_ns);
                    return batch(told, !self.over, self.until_ns);
                }
                _ if self.beyond => {}
                Entry::Lost(events) => {
                    self.lost += events;
                    each(Told::Lost(events));
                }
                Entry::CgroupMade(made) => each(Told::CgroupMade(made)),
                Entry::CgroupNamed { id, path } => each(Told::CgroupNamed { id, path }),
                Entry::Workload { id, workload } => {
                    let workload = &workload;
                    each(Told::Workload { id, workload });
                }
                Entry::LinkNamed { netns, index, name } => {
                    each(Told::LinkNamed { netns, index, name });
                }
                Entry::Clock { wall_ahead_ns, .. } => {
                    self.wall_ahead_ns = wall_ahead_ns;
                    return batch(told, true, self.until_ns);
                }
                Entry::Addresses(cookie, tuple) => {
                    each(Told::Found(Finding::Addresses(cookie, tuple)));
                }
                Entry::Holder(answer) => each(Told::Found(Finding::Holder(answer))),
                Entry::LookBegins => {
                    self.seen.clear();
                    each(Told::Found(Finding::LookBegins));
                }
                Entry::SocketSeen(existing) => self.seen.push(existing),
                Entry::LookEnds(namespaces) => {
                    let sockets = std::mem::take(&mut self.seen);
                    each(Told::Found(Finding::Sockets {
                        sockets: &sockets,
                        namespaces: &namespaces,
                    }));
                }
                Entry::Namespace { netns, settings } => {
                    let settings = &settings;
                    each(Told::Namespace { netns, settings });
                }
                Entry::Dropped { at_ns, counts } => {
                    let counts = counts.as_ref();
                    each(Told::Dropped { at_ns, counts });
                }
                Entry::Stuck(json) => each(Told::Stuck(json)),
                // Only of keyframes.
                Entry::Remembered(_) | Entry::Closed(_) => {}
            }
        }
        if self.over && self.to_ns != u64::MAX {
            let ends = self.segments.iter().map(|it| it.last_ns);
            let end = ends.max().unwrap_or(0);
            self.until_ns = self.until_ns.max(end.min(self.to_ns));
        }
        batch(told, !self.over, self.until_ns)
    }

    fn lost(&self) -> u64 {
        self.lost
    }

    fn unreadable(&self) -> u64 {
        u64::from(self.damage.is_some())
    }

    fn unread_bytes(&self) -> Option<u64> {
        let left = self.segments.get(self.at..).unwrap_or_default();
        let left: u64 = left.iter().map(|it| it.bytes).sum();
        Some(left.saturating_sub(self.blocks.offset))
    }

    fn wall_ahead_ns(&self) -> Option<i64> {
        Some(self.wall_ahead_ns)
    }
}
