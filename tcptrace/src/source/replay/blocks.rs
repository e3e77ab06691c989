//! The blocks of a segment, one after another, as far as they are whole.

use std::{
    fs::File,
    io::{self, Read as _, Seek as _, SeekFrom},
};

use zstd::bulk::Decompressor;

use crate::record::format::{BlockHead, BlockKind, HEAD_BYTES, HeadError, Index, Place};

/// Where a segment can't be read any more, and why.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Damage {
    /// All before this byte can be read.
    pub offset: u64,
    /// Why no more.
    pub why: String,
}

/// Reads blocks.
pub(super) struct Blocks {
    file: File,
    /// Where the next block begins.
    pub offset: u64,
    place: Option<Place>,
    frame: Vec<u8>,
    raw: Vec<u8>,
    decompressor: Decompressor<'static>,
}

/// What came of reading a block.
pub(super) enum Next {
    /// It is whole.
    Block(BlockHead),
    /// There are no more. `ended`: the segment was ended in good order.
    Over { ended: bool },
    /// It, and with it all that follows, can't be read.
    Damaged(Damage),
}

impl Blocks {
    /// From the first one on.
    pub fn new(file: File) -> io::Result<Self> {
        Ok(Self {
            file,
            offset: 0,
            place: None,
            frame: Vec::new(),
            raw: Vec::new(),
            decompressor: Decompressor::new()?,
        })
    }

    /// Goes on with a block that is known to begin there.
    pub fn go_to(&mut self, offset: u64) {
        self.offset = offset;
        // Its number is taken as it is.
        if let Some(place) = &mut self.place {
            place.number = u32::MAX;
        }
    }

    /// Has the block that was just read, and began there, read again.
    pub fn go_back_to(&mut self, offset: u64, head: &BlockHead) {
        self.offset = offset;
        self.place = Some(Place {
            number: head.place.number.wrapping_sub(1),
            ..head.place
        });
    }

    /// The index that begins there; `None`: there is none of the segment that was begun to be read,
    /// or it is damaged.
    pub fn index_at(&mut self, offset: u64) -> io::Result<Option<Index>> {
        self.offset = offset;
        let Some(head) = self
            .read_head()?
            .ok()
            .filter(|it| it.kind == BlockKind::Index)
        else {
            return Ok(None);
        };
        // On a disk that was used before, another segment's may stand there.
        let begun = self.place.map(|it| it.segment);
        if begun != Some(head.place.segment) || self.read_frame(&head)?.is_err() {
            return Ok(None);
        }
        Ok(Index::from_bytes(&self.raw).ok())
    }

    /// Reads the next head.
    pub fn head(&mut self) -> io::Result<Next> {
        let head = match self.read_head()? {
            Ok(head) => head,
            Err(next) => return Ok(next),
        };
        if let Some(before) = self.place {
            let next = before.number.checked_add(1);
            if head.place.segment != before.segment
                || next.is_some_and(|next| next != head.place.number)
            {
                return Ok(self.damaged("a block follows that is of another segment"));
            }
        }
        self.place = Some(head.place);
        if head.kind == BlockKind::Index {
            return Ok(Next::Over { ended: true });
        }
        Ok(Next::Block(head))
    }

    /// Passes over what a head is of.
    pub fn skip(&mut self, head: &BlockHead) {
        self.offset += (HEAD_BYTES + head.bytes as usize) as u64;
    }

    /// Reads the next block, which is then in [`raw`](Self::raw).
    pub fn next(&mut self) -> io::Result<Next> {
        let before = self.place;
        let head = match self.head()? {
            Next::Block(head) => head,
            other => return Ok(other),
        };
        if let Err(next) = self.read_frame(&head)? {
            // The rest of it may come.
            self.place = before;
            return Ok(next);
        }
        self.skip(&head);
        Ok(Next::Block(head))
    }

    fn read_head(&mut self) -> io::Result<Result<BlockHead, Next>> {
        let mut bytes = [0; HEAD_BYTES];
        self.file.seek(SeekFrom::Start(self.offset))?;
        let read = read_all(&mut self.file, &mut bytes)?;
        Ok(match BlockHead::from_bytes(&bytes) {
            _ if read == 0 => Err(Next::Over { ended: false }),
            _ if read < HEAD_BYTES => Err(self.damaged("the head of a block is cut")),
            Ok(head) => Ok(head),
            Err(HeadError::NoBlock) if bytes.iter().all(|byte| *byte == 0) => {
                Err(self.damaged("zeroes follow: what stood there did not reach the disk"))
            }
            Err(error) => Err(self.damaged(&error.to_string())),
        })
    }

    /// Reads what stands behind a head, and decompresses it.
    fn read_frame(&mut self, head: &BlockHead) -> io::Result<Result<(), Next>> {
        let length = head.bytes as usize;
        self.frame.resize(length, 0);
        let read = read_all(&mut self.file, &mut self.frame)?;
        if read < length {
            return Ok(Err(self.damaged("a block is cut")));
        }
        if crc32fast::hash(&self.frame) != head.crc {
            return Ok(Err(
                self.damaged("a block is damaged: its checksum is another")
            ));
        }
        self.raw.resize(head.raw_bytes as usize, 0);
        let decompressed = self
            .decompressor
            .decompress_to_buffer(&self.frame, &mut self.raw[..]);
        Ok(match decompressed {
            Ok(length) if length == self.raw.len() => Ok(()),
            Ok(_) => Err(self.damaged("a block has another length than it says")),
            Err(error) => Err(self.damaged(&format!("a block can't be decompressed: {error}"))),
        })
    }

    /// The block that was read last, decompressed.
    pub fn raw(&self) -> &[u8] {
        &self.raw
    }

    pub fn damaged(&self, why: &str) -> Next {
        Next::Damaged(Damage {
            offset: self.offset,
            why: why.to_owned(),
        })
    }
}

/// As much as there is.
fn read_all(file: &mut File, mut to: &mut [u8]) -> io::Result<usize> {
    let wanted = to.len();
    while !to.is_empty() {
        match file.read(to) {
            Ok(0) => break,
            Ok(read) => to = &mut to[read..],
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(error) => return Err(error),
        }
    }
    Ok(wanted - to.len())
}
