//! A segment that is being written.

use std::{
    fs::File,
    io::{self, Write as _},
    os::unix::fs::FileExt as _,
};

use zstd::{bulk::Compressor, zstd_safe::CParameter};

use super::{
    folder::{Folder, SegmentName},
    format::{BlockHead, BlockKind, HEAD_BYTES, Index, Place, VERSION, tail},
};

/// The level of zstd: higher ones take twice the time for two percent.
const LEVEL: i32 = 1;

/// A block that is to be written.
#[derive(Debug)]
pub(super) struct Block {
    pub kind: BlockKind,
    /// Before compression.
    pub bytes: Vec<u8>,
    /// How many events or connections it has.
    pub count: u32,
    /// How many lost events it tells of.
    pub lost: u64,
    pub notable: bool,
    pub first_ns: u64,
    pub last_ns: u64,
    pub wall_ahead_ns: i64,
}

/// Compresses blocks.
pub(super) struct Press {
    compressor: Compressor<'static>,
    /// A head, and what it is the head of.
    bytes: Vec<u8>,
}

impl Press {
    pub fn new() -> io::Result<Self> {
        let mut compressor = Compressor::new(LEVEL)?;
        compressor.set_parameter(CParameter::ChecksumFlag(true))?;
        Ok(Self {
            compressor,
            bytes: Vec::new(),
        })
    }

    /// Head and frame of a block.
    fn press(&mut self, block: &Block, place: Place) -> io::Result<(BlockHead, &[u8])> {
        let most = HEAD_BYTES + zstd::zstd_safe::compress_bound(block.bytes.len());
        self.bytes.resize(most, 0);
        let (head_bytes, frame) = self.bytes.split_at_mut(HEAD_BYTES);
        let length = self.compressor.compress_to_buffer(&block.bytes, frame)?;
        let too_large = |_| io::Error::other("a block is too large");
        let head = BlockHead {
            version: VERSION,
            kind: block.kind,
            place,
            count: block.count,
            notable: block.notable,
            first_ns: block.first_ns,
            last_ns: block.last_ns,
            wall_ahead_ns: block.wall_ahead_ns,
            bytes: u32::try_from(length).map_err(too_large)?,
            raw_bytes: u32::try_from(block.bytes.len()).map_err(too_large)?,
            crc: crc32fast::hash(&frame[..length]),
        };
        head_bytes.copy_from_slice(&head.to_bytes());
        Ok((head, &self.bytes[..HEAD_BYTES + length]))
    }
}

/// A segment that is being written.
pub(super) struct Segment {
    pub name: SegmentName,
    file: File,
    place: Place,
    /// Its bytes so far: whole blocks.
    pub bytes: u64,
    index: Index,
    last_ns: u64,
    wall_ahead_ns: i64,
    /// Something was written since it was synced.
    unsynced: bool,
}

impl Segment {
    /// Makes one, and writes what it begins with.
    pub fn begin(
        folder: &Folder,
        name: SegmentName,
        beginning: &Block,
        press: &mut Press,
    ) -> io::Result<Self> {
        let file = folder.create(&name)?;
        let mut segment = Self {
            name,
            file,
            place: Place {
                segment: fastrand(),
                number: 0,
            },
            bytes: 0,
            index: Index::default(),
            last_ns: beginning.first_ns,
            wall_ahead_ns: beginning.wall_ahead_ns,
            unsynced: false,
        };
        let begun = segment
            .write(beginning, press)
            .and_then(|()| folder.publish(&segment.name, &segment.file));
        match begun {
            Ok(()) => Ok(segment),
            Err(error) => {
                folder.give_up(&segment.name);
                Err(error)
            }
        }
    }

    /// Appends a block. What a failure leaves behind is taken back.
    pub fn write(&mut self, block: &Block, press: &mut Press) -> io::Result<()> {
        let (head, bytes) = press.press(block, self.place)?;
        if let Err(error) = self.file.write_all_at(bytes, self.bytes) {
            // Otherwise a reader finds a block that is cut, which it knows to be.
            let _ = self.file.set_len(self.bytes);
            return Err(error);
        }
        self.index.note(self.bytes, &head);
        self.bytes += bytes.len() as u64;
        self.place.number += 1;
        self.last_ns = self.last_ns.max(head.last_ns);
        self.wall_ahead_ns = head.wall_ahead_ns;
        self.unsynced = true;
        Ok(())
    }

    /// Has everything so far on the disk.
    pub fn sync(&mut self) -> io::Result<()> {
        if self.unsynced {
            self.file.sync_data()?;
            self.unsynced = false;
        }
        Ok(())
    }

    /// Ends it in good order, on the disk.
    pub fn end(mut self, press: &mut Press) -> io::Result<SegmentName> {
        let bytes = self.index.to_bytes();
        let index = Block {
            kind: BlockKind::Index,
            bytes,
            count: u32::try_from(self.index.0.len()).unwrap_or(u32::MAX),
            lost: 0,
            notable: false,
            first_ns: self.last_ns,
            last_ns: self.last_ns,
            wall_ahead_ns: self.wall_ahead_ns,
        };
        let begins = self.bytes;
        self.write(&index, press)?;
        let length = u32::try_from(self.bytes - begins).unwrap_or(0);
        self.file.write_all_at(&tail(length), self.bytes)?;
        self.file.flush()?;
        self.file.sync_data()?;
        Ok(self.name)
    }
}

/// A number by chance.
fn fastrand() -> u64 {
    use std::hash::{BuildHasher as _, RandomState};
    RandomState::new().hash_one(std::process::id())
}
