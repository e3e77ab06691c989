//! Heads of blocks.

use super::{MOST_BLOCK_BYTES, VERSION};

/// A skippable frame of zstd begins with this number, little-endian, and its length in four bytes:
/// so `zstd -d` reads a segment as a whole, and passes over the heads.
const SKIPPABLE: u32 = 0x184D_2A5D;
/// What each head begins with.
const MAGIC: [u8; 4] = *b"tcpt";
/// Bytes of a head behind those two numbers.
const PAYLOAD_BYTES: usize = 64;
/// Bytes of a head.
pub const HEAD_BYTES: usize = 8 + PAYLOAD_BYTES;

/// What a block holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum BlockKind {
    /// What a reader must know first: JSON, see [`Beginning`](super::Beginning). With what was
    /// remembered then, in the blocks that follow, it is a keyframe.
    Beginning,
    /// Connections that were remembered.
    Remembered,
    /// What happened.
    Events,
    /// Where the blocks are. The last one, and only where the segment was ended in good order.
    Index,
}

impl BlockKind {
    const ALL: [Self; 4] = [Self::Beginning, Self::Remembered, Self::Events, Self::Index];

    pub(super) fn of(number: u8) -> Option<Self> {
        Self::ALL.into_iter().find(|it| it.number() == number)
    }

    pub(super) fn number(self) -> u8 {
        match self {
            Self::Beginning => 1,
            Self::Remembered => 2,
            Self::Events => 3,
            Self::Index => 4,
        }
    }
}

/// Where a block stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Place {
    /// A number by chance that all blocks of a segment have: what a disk had in the same place
    /// before is not taken for a part of it.
    pub segment: u64,
    /// How many blocks of the segment are before it.
    pub number: u32,
}

/// The head of a block.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct BlockHead {
    /// The version of the format.
    pub version: u16,
    /// What is in it.
    pub kind: BlockKind,
    /// Where it stands.
    pub place: Place,
    /// How many events of the kernel, or connections of a keyframe, it has.
    pub count: u32,
    /// Something in it says that events were lost, or that the clock was set.
    pub notable: bool,
    /// When the first thing in it happened, and the last: CLOCK_MONOTONIC, ns.
    pub first_ns: u64,
    /// See `first_ns`.
    pub last_ns: u64,
    /// How far the wall clock was ahead of CLOCK_MONOTONIC where it begins, ns.
    pub wall_ahead_ns: i64,
    /// Bytes that follow: one frame of zstd.
    pub bytes: u32,
    /// Bytes before compression.
    pub raw_bytes: u32,
    /// CRC-32 (IEEE) of the bytes that follow.
    pub crc: u32,
}

/// Why bytes are not the head of a block.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum HeadError {
    /// They are something else.
    #[error("there is no block")]
    NoBlock,
    /// They were changed.
    #[error("the head of a block is damaged")]
    Damaged,
    /// A later version of tcptrace wrote it.
    #[error(
        "it is of version {0} of the format, and this tcptrace reads up to {VERSION}: take a newer one"
    )]
    Newer(u16),
}

impl BlockHead {
    /// Its bytes.
    #[must_use]
    pub fn to_bytes(&self) -> [u8; HEAD_BYTES] {
        let mut bytes = [0; HEAD_BYTES];
        let mut at = 0;
        let mut put = |part: &[u8]| {
            bytes[at..at + part.len()].copy_from_slice(part);
            at += part.len();
        };
        put(&SKIPPABLE.to_le_bytes());
        put(&(PAYLOAD_BYTES as u32).to_le_bytes());
        put(&MAGIC);
        put(&self.version.to_le_bytes());
        put(&[self.kind.number(), u8::from(self.notable)]);
        put(&self.place.segment.to_le_bytes());
        put(&self.place.number.to_le_bytes());
        put(&self.count.to_le_bytes());
        put(&self.first_ns.to_le_bytes());
        put(&self.last_ns.to_le_bytes());
        put(&self.wall_ahead_ns.to_le_bytes());
        put(&self.bytes.to_le_bytes());
        put(&self.raw_bytes.to_le_bytes());
        put(&self.crc.to_le_bytes());
        let crc = crc32fast::hash(&bytes[..HEAD_BYTES - 4]);
        bytes[HEAD_BYTES - 4..].copy_from_slice(&crc.to_le_bytes());
        bytes
    }

    /// Reads one.
    ///
    /// # Errors
    /// For bytes that are none.
    pub fn from_bytes(bytes: &[u8; HEAD_BYTES]) -> Result<Self, HeadError> {
        let mut at = 0;
        if take::<4>(bytes, &mut at) != SKIPPABLE.to_le_bytes() {
            return Err(HeadError::NoBlock);
        }
        let payload = u32::from_le_bytes(take(bytes, &mut at));
        if take(bytes, &mut at) != MAGIC {
            return Err(HeadError::NoBlock);
        }
        let version = u16::from_le_bytes(take(bytes, &mut at));
        let (head, crc) = bytes.split_at(HEAD_BYTES - 4);
        // The heads of another version may be longer.
        let whole = match payload as usize {
            PAYLOAD_BYTES => crc32fast::hash(head).to_le_bytes() == *crc,
            longer => longer > PAYLOAD_BYTES && version > VERSION,
        };
        if !whole {
            return Err(HeadError::Damaged);
        }
        if version > VERSION {
            return Err(HeadError::Newer(version));
        }
        let [kind, flags] = take(bytes, &mut at);
        let head = Self {
            version,
            kind: BlockKind::of(kind).ok_or(HeadError::Damaged)?,
            place: Place {
                segment: u64::from_le_bytes(take(bytes, &mut at)),
                number: u32::from_le_bytes(take(bytes, &mut at)),
            },
            notable: flags & 1 != 0,
            count: u32::from_le_bytes(take(bytes, &mut at)),
            first_ns: u64::from_le_bytes(take(bytes, &mut at)),
            last_ns: u64::from_le_bytes(take(bytes, &mut at)),
            wall_ahead_ns: i64::from_le_bytes(take(bytes, &mut at)),
            bytes: u32::from_le_bytes(take(bytes, &mut at)),
            raw_bytes: u32::from_le_bytes(take(bytes, &mut at)),
            crc: u32::from_le_bytes(take(bytes, &mut at)),
        };
        let raw = head.raw_bytes as usize;
        // What can't be compressed is a little longer.
        match raw <= MOST_BLOCK_BYTES && head.bytes as usize <= raw + raw / 64 + 1024 {
            true => Ok(head),
            false => Err(HeadError::Damaged),
        }
    }
}

fn take<const N: usize>(bytes: &[u8; HEAD_BYTES], at: &mut usize) -> [u8; N] {
    let mut part = [0; N];
    part.copy_from_slice(&bytes[*at..*at + N]);
    *at += N;
    part
}

#[cfg(test)]
mod tests {
    use super::*;

    fn head() -> BlockHead {
        BlockHead {
            version: VERSION,
            kind: BlockKind::Events,
            place: Place {
                segment: 0x0123_4567_89ab_cdef,
                number: 7,
            },
            count: 300,
            notable: true,
            first_ns: 1 << 40,
            last_ns: (1 << 40) + 5,
            wall_ahead_ns: -5,
            bytes: 1000,
            raw_bytes: 65_536,
            crc: 0xdead_beef,
        }
    }

    #[test]
    fn a_head_is_read_as_it_was_written() {
        assert_eq!(BlockHead::from_bytes(&head().to_bytes()), Ok(head()));
    }

    #[test]
    fn a_head_with_any_bit_changed_is_refused() {
        for bit in 0..HEAD_BYTES * 8 {
            let mut bytes = head().to_bytes();
            bytes[bit / 8] ^= 1 << (bit % 8);
            assert!(BlockHead::from_bytes(&bytes).is_err(), "bit {bit}");
        }
    }

    #[test]
    fn a_newer_version_is_said_to_be_one() {
        let newer = BlockHead {
            version: VERSION + 1,
            ..head()
        };
        let error = BlockHead::from_bytes(&newer.to_bytes()).unwrap_err();
        assert_eq!(error, HeadError::Newer(VERSION + 1));
    }
}
