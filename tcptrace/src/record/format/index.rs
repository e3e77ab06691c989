//! Where the blocks of a segment are: what its end says, where it was ended in good order.

use super::{
    BlockHead, BlockKind,
    bytes::{Bytes, FormatError, Put},
};

/// Where a block is, and what its head says.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct IndexEntry {
    /// Its first byte in the segment.
    pub offset: u64,
    /// What it holds.
    pub kind: BlockKind,
    /// How many events or connections.
    pub count: u32,
    /// Something in it says that events were lost, or that the clock was set.
    pub notable: bool,
    /// When the last thing in it happened: CLOCK_MONOTONIC, ns.
    pub last_ns: u64,
}

/// The blocks of a segment, in order.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Index(pub Vec<IndexEntry>);

/// The last bytes of a segment with an index: how many bytes from the head of the index to the end
/// of the segment, and this.
const END: [u8; 4] = *b"tcpx";
/// Bytes of that; zstd passes over them, as they are a skippable frame.
pub const TAIL_BYTES: usize = 16;
const SKIPPABLE: u32 = 0x184D_2A5E;

impl Index {
    /// Takes note of a block.
    pub fn note(&mut self, offset: u64, head: &BlockHead) {
        self.0.push(IndexEntry {
            offset,
            kind: head.kind,
            count: head.count,
            notable: head.notable,
            last_ns: head.last_ns,
        });
    }

    /// Its bytes, before compression.
    #[must_use]
    pub fn to_bytes(&self) -> Vec<u8> {
        let mut bytes = Vec::new();
        let (mut offset, mut time_ns) = (0, 0);
        for it in &self.0 {
            bytes.byte(it.kind.number() | u8::from(it.notable) << 7);
            bytes.distance(offset, it.offset);
            bytes.number(it.count.into());
            bytes.distance(time_ns, it.last_ns);
            (offset, time_ns) = (it.offset, it.last_ns);
        }
        bytes
    }

    /// Reads one.
    ///
    /// # Errors
    /// For bytes that are none.
    pub fn from_bytes(bytes: &[u8]) -> Result<Self, FormatError> {
        let mut from = Bytes(bytes);
        let mut index = Self::default();
        let (mut offset, mut time_ns) = (0, 0);
        while !from.is_empty() {
            let first = from.byte()?;
            let (kind, notable) = (first & 0x7f, first >> 7 != 0);
            offset = from.distance(offset)?;
            let count = from.small("a count")?;
            time_ns = from.distance(time_ns)?;
            index.0.push(IndexEntry {
                offset,
                kind: BlockKind::of(kind).ok_or(FormatError::value("the kind of a block", kind))?,
                count,
                notable,
                last_ns: time_ns,
            });
        }
        Ok(index)
    }
}

/// The last bytes of a segment whose index has so many bytes, its head among them.
#[must_use]
pub fn tail(index_bytes: u32) -> [u8; TAIL_BYTES] {
    let mut bytes = [0; TAIL_BYTES];
    bytes[..4].copy_from_slice(&SKIPPABLE.to_le_bytes());
    bytes[4..8].copy_from_slice(&8_u32.to_le_bytes());
    bytes[8..12].copy_from_slice(&index_bytes.to_le_bytes());
    bytes[12..].copy_from_slice(&END);
    bytes
}

/// How many bytes before these the index begins; `None`: they are no end of a segment.
#[must_use]
pub fn read_tail(bytes: &[u8; TAIL_BYTES]) -> Option<u32> {
    let mut length = [0; 4];
    length.copy_from_slice(&bytes[8..12]);
    let length = u32::from_le_bytes(length);
    (*bytes == tail(length)).then_some(length)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_index_is_read_as_it_was_written() {
        let entry = |offset, kind, last_ns| IndexEntry {
            offset,
            kind,
            count: 5,
            notable: kind == BlockKind::Events,
            last_ns,
        };
        let index = Index(vec![
            entry(0, BlockKind::Beginning, 1 << 50),
            entry(900, BlockKind::Remembered, 5),
            entry(90_000, BlockKind::Events, 1 << 51),
        ]);
        assert_eq!(Index::from_bytes(&index.to_bytes()), Ok(index));
        assert_eq!(read_tail(&tail(700)), Some(700));
        assert_eq!(read_tail(&[0; TAIL_BYTES]), None);
    }
}
