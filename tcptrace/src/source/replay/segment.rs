//! What is in a segment, without reading all of it.

use std::{
    fs::File,
    io::{self, Read as _, Seek as _, SeekFrom},
    path::{Path, PathBuf},
};

use super::blocks::{Blocks, Damage, Next};
use crate::record::format::{
    Beginning, BlockKind, Entry, EntryReader, HEAD_BYTES, Index, IndexEntry, TAIL_BYTES, read_tail,
};

/// Something that a reader of a recording should know.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Mark {
    /// Events were lost.
    Lost {
        /// When: ns since 1970.
        wall_ns: i64,
        /// How many.
        events: u64,
    },
    /// The wall clock was set, or the machine was suspended.
    Clock {
        /// When, by the new time: ns since 1970.
        wall_ns: i64,
        /// By how much it went forward, ns.
        by_ns: i64,
        /// For how long the machine was suspended, ns.
        suspended_ns: u64,
    },
}

/// A segment, and what is known of it without reading all of it.
#[derive(Clone, Debug)]
pub struct Segment {
    /// Where it is.
    pub path: PathBuf,
    /// What it begins with.
    pub beginning: Beginning,
    /// Its blocks.
    pub blocks: Vec<IndexEntry>,
    /// It was ended in good order: nothing that was in it is missing.
    pub ended: bool,
    /// Where it is cut; `None`: nowhere, as far as the heads of its blocks tell.
    pub damage: Option<Damage>,
    /// When the last thing in it happened: CLOCK_MONOTONIC of its machine, ns.
    pub last_ns: u64,
    /// Bytes of the file.
    pub bytes: u64,
}

impl Segment {
    /// Looks into a file. `Ok(Err(_))`: it is no segment, or not even its beginning can be read.
    ///
    /// # Errors
    /// When the file can't be read.
    pub fn open(path: &Path) -> io::Result<Result<Self, Damage>> {
        let file = File::open(path)?;
        let bytes = file.metadata()?.len();
        let mut blocks = Blocks::new(file.try_clone()?)?;
        let beginning = match blocks.next()? {
            Next::Block(head) if head.kind == BlockKind::Beginning => {
                match Beginning::from_json(blocks.raw()) {
                    Ok(beginning) => beginning,
                    Err(error) => {
                        let why = format!("its beginning can't be read: {error}");
                        return Ok(Err(Damage { offset: 0, why }));
                    }
                }
            }
            Next::Damaged(damage) => return Ok(Err(damage)),
            Next::Block(_) | Next::Over { .. } => {
                let why = "it has no beginning".to_owned();
                return Ok(Err(Damage { offset: 0, why }));
            }
        };
        let mut segment = Self {
            path: path.to_owned(),
            last_ns: beginning.mono_ns,
            beginning,
            blocks: Vec::new(),
            ended: false,
            damage: None,
            bytes,
        };
        match read_index(&file, bytes, &mut blocks)? {
            Some(index) => {
                segment.blocks = index.0;
                segment.ended = true;
            }
            None => segment.walk(&mut blocks)?,
        }
        let last = segment.blocks.iter().map(|it| it.last_ns).max();
        segment.last_ns = segment.last_ns.max(last.unwrap_or(0));
        Ok(Ok(segment))
    }

    /// Finds the blocks by their heads.
    fn walk(&mut self, blocks: &mut Blocks) -> io::Result<()> {
        blocks.go_to(0);
        loop {
            match blocks.head()? {
                Next::Block(head) => {
                    let offset = blocks.offset;
                    if offset + (HEAD_BYTES + head.bytes as usize) as u64 > self.bytes {
                        let why = "a block is cut".to_owned();
                        self.damage = Some(Damage { offset, why });
                        return Ok(());
                    }
                    let mut index = Index::default();
                    index.note(offset, &head);
                    self.blocks.append(&mut index.0);
                    blocks.skip(&head);
                }
                Next::Over { ended } => {
                    self.ended = ended;
                    return Ok(());
                }
                Next::Damaged(damage) => {
                    self.damage = Some(damage);
                    return Ok(());
                }
            }
        }
    }

    /// How many events of the kernel it has.
    #[must_use]
    pub fn events(&self) -> u64 {
        let events = self.blocks.iter().filter(|it| it.kind == BlockKind::Events);
        events.map(|it| u64::from(it.count)).sum()
    }

    /// What its blocks say of losses and clocks: only those are read that say so.
    ///
    /// # Errors
    /// When the file can't be read.
    pub fn marks(&self) -> io::Result<Vec<Mark>> {
        let mut marks = Vec::new();
        let mut blocks = Blocks::new(File::open(&self.path)?)?;
        for it in self.blocks.iter().filter(|it| it.notable) {
            blocks.go_to(it.offset);
            let Next::Block(head) = blocks.next()? else {
                break;
            };
            let mut ahead_ns = head.wall_ahead_ns;
            let mut at_ns = head.first_ns;
            if head.kind == BlockKind::Beginning {
                if let Ok(beginning) = Beginning::from_json(blocks.raw()) {
                    marks.push(Mark::Lost {
                        wall_ns: ahead_ns.saturating_add_unsigned(at_ns),
                        events: beginning.lost_before,
                    });
                }
                continue;
            }
            let mut entries = EntryReader::new(head.first_ns);
            while let Ok(Some(entry)) = entries.next(blocks.raw()) {
                match entry {
                    Entry::Event(event) => at_ns = event.time_ns(),
                    Entry::Passed(until_ns) => at_ns = until_ns,
                    Entry::Lost(events) => marks.push(Mark::Lost {
                        wall_ns: ahead_ns.saturating_add_unsigned(at_ns),
                        events,
                    }),
                    Entry::Clock {
                        wall_ahead_ns,
                        suspended_ns,
                    } => {
                        marks.push(Mark::Clock {
                            wall_ns: wall_ahead_ns.saturating_add_unsigned(at_ns),
                            by_ns: wall_ahead_ns.saturating_sub(ahead_ns),
                            suspended_ns,
                        });
                        ahead_ns = wall_ahead_ns;
                    }
                    _ => {}
                }
            }
        }
        Ok(marks)
    }

    /// When it began: ns since 1970.
    #[must_use]
    pub fn began_wall_ns(&self) -> i64 {
        self.beginning
            .wall_ahead_ns
            .saturating_add_unsigned(self.beginning.mono_ns)
    }

    /// When it ended: ns since 1970, by the clock as it was at its beginning.
    #[must_use]
    pub fn ended_wall_ns(&self) -> i64 {
        self.beginning
            .wall_ahead_ns
            .saturating_add_unsigned(self.last_ns)
    }
}

/// The index at the end of a segment that was begun to be read, if there is one and it is whole.
fn read_index(mut file: &File, bytes: u64, blocks: &mut Blocks) -> io::Result<Option<Index>> {
    let Some(at) = bytes.checked_sub(TAIL_BYTES as u64) else {
        return Ok(None);
    };
    let mut tail = [0; TAIL_BYTES];
    file.seek(SeekFrom::Start(at))?;
    file.read_exact(&mut tail)?;
    let Some(begins) = read_tail(&tail).and_then(|length| at.checked_sub(length.into())) else {
        return Ok(None);
    };
    let index = blocks.index_at(begins)?;
    let last = index.as_ref().and_then(|it| it.0.last());
    // It is of this file: the last block is before it.
    Ok(index
        .clone()
        .filter(|_| last.is_some_and(|it| it.offset < begins)))
}
