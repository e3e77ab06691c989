//! What a damaged file tells is what the whole one tells, as far as it goes: nothing else, and no less
//! than what stands before the damage.

use std::{fs, path::Path};

use tcptrace::{
    record::{Limits, format::BlockKind},
    source::{
        Source as _,
        replay::{Piece, Range, Segment},
    },
};

use crate::{
    commands::Run,
    files::scenarios,
    many,
    script::{Script, Tell},
};

/// A file with several blocks of events.
struct Recorded {
    bytes: Vec<u8>,
    /// What it tells, each as text.
    told: Vec<String>,
    segment: Segment,
}

/// Connections that take their time: what is told of them comes in several blocks.
const NAMES: [&str; 4] = [
    "6.18/half_open_times_out_ipv4.trace",
    "6.18/syn_given_up_ipv4.trace",
    "6.18/orphans_time_is_over_ipv4.trace",
    "6.18/time_wait_expires_ipv4.trace",
];
/// What was told is written after a second.
const WRITTEN_NS: u64 = 1_100_000_000;

/// Records so many of these.
fn recorded(most: usize) -> Recorded {
    let all = scenarios();
    let chosen = all.iter().filter(|it| NAMES.contains(&&*it.name));
    let (script, beginning) = many::together(chosen.map(|it| &*it.events).take(most));
    let mut steps: Vec<Tell> = Vec::new();
    let mut last_ns = 0;
    for step in script.into_steps() {
        let now = step.time_ns().unwrap_or(last_ns).max(last_ns);
        // Nothing happens meanwhile, which the loop sees.
        if now > last_ns + 2 * WRITTEN_NS {
            steps.push(Tell::Passed(last_ns + WRITTEN_NS));
        }
        last_ns = now;
        steps.push(step);
    }
    let script = Script::of(steps.into_iter());
    let folder = tempfile::tempdir().expect("a folder");
    Run::new(script, beginning).recorded(folder.path(), &Limits::default());
    let file = fs::read_dir(folder.path()).expect("a folder").next();
    let path = file.expect("a file").expect("a file").path();
    let segment = Segment::open(&path).expect("a file").expect("a segment");
    Recorded {
        told: told(&path),
        bytes: fs::read(&path).expect("a file"),
        segment,
    }
}

impl Recorded {
    /// How many events stand in whole blocks before a byte.
    fn events_before(&self, byte: u64) -> usize {
        let blocks = &self.segment.blocks;
        let ends = blocks[1..].iter().map(|it| it.offset);
        blocks
            .iter()
            .zip(ends)
            .filter(|(it, end)| it.kind == BlockKind::Events && *end <= byte)
            .map(|(it, _)| it.count as usize)
            .sum()
    }

    /// Whether a file of other bytes tells a beginning of what this does, with all that stands before
    /// that byte.
    fn check(&self, path: &Path, bytes: &[u8], changed: usize) {
        fs::write(path, bytes).expect("room");
        let told = told(path);
        assert!(
            told.len() <= self.told.len() && told == self.told[..told.len()],
            "byte {changed}: it tells something else"
        );
        let events = told.iter().filter(|it| it.starts_with("Event(")).count();
        let least = self.events_before(changed as u64);
        assert!(
            events >= least,
            "byte {changed}: {events} of {least} events"
        );
    }
}

/// What a file tells, as far as it can be read.
fn told(path: &Path) -> Vec<String> {
    let Ok(segment) = Segment::open(path).expect("a file") else {
        return Vec::new();
    };
    let piece = Piece {
        segments: vec![segment],
    };
    let Ok(Some((mut source, _))) = piece.replay(Range::default()) else {
        return Vec::new();
    };
    let mut all = Vec::new();
    while source
        .next(0, 4096, |told| all.push(format!("{told:?}")))
        .more
    {}
    all
}

#[test]
fn a_recording_that_is_cut_anywhere_tells_what_stands_before_the_cut() {
    let whole = recorded(4);
    let blocks = whole.segment.blocks.iter();
    let of_events = blocks.filter(|it| it.kind == BlockKind::Events).count();
    assert!(of_events >= 3, "{of_events} blocks");
    assert!(whole.segment.ended);
    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path().join("cut");
    for length in 0..whole.bytes.len() {
        whole.check(&path, &whole.bytes[..length], length);
    }
    let half = &whole.bytes[..whole.bytes.len() / 2];
    for behind in [vec![0; 5000], b"something else".repeat(100)] {
        whole.check(&path, &[half, &behind].concat(), half.len());
    }
}

#[test]
fn a_recording_in_which_any_byte_is_changed_tells_what_stands_before_it() {
    let whole = recorded(3);
    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path().join("changed");
    for changed in 0..whole.bytes.len() {
        for by in [0xff, 1 << (changed % 8)] {
            let mut bytes = whole.bytes.clone();
            bytes[changed] ^= by;
            whole.check(&path, &bytes, changed);
        }
    }
}

#[test]
fn what_another_recording_left_on_the_disk_is_not_taken_for_a_part_of_it() {
    let (whole, other) = (recorded(3), recorded(4));
    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path().join("stale");
    // Cut behind each of its blocks, with all of the other's blocks, its index among them, behind it.
    for cut in whole.segment.blocks[1..]
        .iter()
        .map(|it| it.offset as usize)
    {
        for stale in other.segment.blocks.iter().map(|it| it.offset as usize) {
            let bytes = [&whole.bytes[..cut], &other.bytes[stale..]].concat();
            whole.check(&path, &bytes, cut);
            let segment = Segment::open(&path).expect("a file").expect("a segment");
            assert!(!segment.ended, "cut at {cut}, then the other from {stale}");
            assert_eq!(segment.damage.expect("it is cut").offset, cut as u64);
        }
    }
}

#[test]
fn a_recording_of_a_newer_version_is_refused_by_its_version() {
    let whole = recorded(1);
    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path().join("newer");
    let mut bytes = whole.bytes.clone();
    // The version, and the checksum of the head: docs/recording.md.
    bytes[12] += 1;
    let crc = crc32(&bytes[..68]);
    bytes[68..72].copy_from_slice(&crc.to_le_bytes());
    fs::write(&path, bytes).expect("room");
    let damage = Segment::open(&path)
        .expect("a file")
        .expect_err("it is newer");
    assert!(damage.why.contains("take a newer one"), "{}", damage.why);
}

/// CRC-32 as zlib has it, bit by bit.
fn crc32(bytes: &[u8]) -> u32 {
    let mut crc = u32::MAX;
    for byte in bytes {
        crc ^= u32::from(*byte);
        for _ in 0..8 {
            crc = if crc & 1 == 1 {
                crc >> 1 ^ 0xedb8_8320
            } else {
                crc >> 1
            };
        }
    }
    !crc
}
