//! What a damaged file tells is what the whole one tells, as far as it goes: nothing else, and no less
//! than what stands before the damage.

use std::{fs, path::Path, time::Duration};

use serde_json::Value;
use tcptrace::{
    record::{
        Limits,
        format::{BlockKind, HEAD_BYTES, IndexEntry},
    },
    source::{
        Beginning, Source as _,
        replay::{Piece, Range, Segment},
    },
};

use crate::{
    commands::{Again, Ran, Run},
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

/// So many of these, with what is known in the beginning.
fn connections(most: usize) -> (Script, Beginning) {
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
    (Script::of(steps.into_iter()), beginning)
}

fn recorded(most: usize) -> Recorded {
    let (script, beginning) = connections(most);
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

/// Changes a byte in the middle of what stands behind a head.
fn damage(path: &Path, block: &IndexEntry) {
    let mut bytes = fs::read(path).expect("a file");
    bytes[block.offset as usize + HEAD_BYTES + 20] ^= 0xff;
    fs::write(path, bytes).expect("room");
}

#[test]
fn where_a_file_is_damaged_what_follows_in_others_is_told_nonetheless() {
    let folder = tempfile::tempdir().expect("a folder");
    let (script, beginning) = connections(4);
    let limits = Limits {
        rotate_bytes: None,
        rotate_age: Some(Duration::from_secs(1)),
        ..Limits::default()
    };
    Run::new(script, beginning).recorded(folder.path(), &limits);
    let whole = Again::of(folder.path()).watch();
    let whole = whole.of_type("transition");
    let recording = Again::of(folder.path()).recording;
    let [piece] = &recording.pieces[..] else {
        panic!("{} pieces", recording.pieces.len());
    };
    let of_events = |it: &&IndexEntry| it.kind == BlockKind::Events && it.count > 0;
    let middle = piece.segments.len() / 2;
    let mut files = piece.segments[middle..].iter();
    let file = files.find(|it| it.blocks.iter().any(|it| of_events(&it)));
    let file = file.expect("one with events");
    damage(
        &file.path,
        file.blocks.iter().find(of_events).expect("a block"),
    );

    let mut again = Again::of(folder.path());
    again.options.strict = true;
    let told = again.watch();
    assert_eq!(told.code, 1, "--strict: not all could be read");
    let told = told.of_type("transition");
    assert!(told.len() < whole.len());
    let goes_on_ns = piece.segments.iter().map(|it| it.beginning.mono_ns);
    let goes_on_ns = goes_on_ns.filter(|it| *it > file.beginning.mono_ns).min();
    let goes_on_ns = goes_on_ns.expect("it is not the last one");
    let time_ns = |line: &Value| line["mono_ns"].as_u64().expect("a time");
    let of_rest = |line: &&&Value| {
        time_ns(line) < file.beginning.mono_ns || time_ns(line) > goes_on_ns + WRITTEN_NS
    };
    let (told, whole): (Vec<_>, Vec<_>) = (
        told.iter().filter(of_rest).collect(),
        whole.iter().filter(of_rest).collect(),
    );
    assert!(whole.len() > 4);
    assert_eq!(told, whole);
}

#[test]
fn where_a_keyframe_is_damaged_it_is_read_from_the_one_before() {
    let folder = tempfile::tempdir().expect("a folder");
    let mut all = many::by_coverage(4, false);
    all.sort_by_key(|(script, _)| script.len());
    let (script, beginning) = all.pop().expect("scenarios");
    let limits = Limits {
        keyframe_bytes: 1,
        ..Limits::default()
    };
    Run::new(script, beginning).recorded(folder.path(), &limits);
    let recording = Again::of(folder.path()).recording;
    let [segment] = &recording.pieces[0].segments[..] else {
        panic!("more than one file");
    };
    let keyframes: Vec<_> = segment
        .blocks
        .iter()
        .filter(|it| it.kind == BlockKind::Beginning)
        .collect();
    let [.., before, last] = &keyframes[..] else {
        panic!("{} keyframes", keyframes.len());
    };
    let told_from = |from_ns: u64| {
        let mut again = Again::of(folder.path());
        again.range.from_ns = Some(segment.beginning.wall_ahead_ns + from_ns as i64);
        again.watch()
    };
    let (from_ns, later_ns) = (before.last_ns + 1, last.last_ns + 1);
    let whole = told_from(from_ns);
    damage(&segment.path, last);
    let told = told_from(from_ns);
    let time_ns = |line: &Value| line["mono_ns"].as_u64().expect("a time");
    let until_damage = |ran: &Ran| -> Vec<Value> {
        let lines = ran.of_type("transition").into_iter();
        // What waits for what comes later is told with what is known.
        let before = lines.filter(|it| time_ns(it) + 100_000_000 < last.last_ns);
        before.cloned().collect()
    };
    assert!(!until_damage(&whole).is_empty());
    assert_eq!(until_damage(&told), until_damage(&whole));
    // What is asked for stands behind the damage, mostly: nothing else is told in its place.
    let told = told_from(later_ns);
    let (told, whole) = (told.of_type("transition"), whole.of_type("transition"));
    assert!(told.len() < whole.iter().filter(|it| time_ns(it) >= later_ns).count());
    for line in told {
        assert!(time_ns(line) >= later_ns, "{line}");
        let of_same =
            |it: &&&Value| it["local_addr"] == line["local_addr"] && it["netns"] == line["netns"];
        let same: Vec<_> = whole
            .iter()
            .filter(of_same)
            .map(|it| it.to_string())
            .collect();
        assert!(
            whole.iter().any(|it| agrees(line, it)),
            "{line}\nis not among\n{}",
            same.join("\n")
        );
    }
}

/// Whether a line says what another does, but for what it does not know.
fn agrees(line: &Value, whole: &Value) -> bool {
    let fields = line.as_object().expect("a line");
    let mut fields = fields.iter();
    fields.all(|(name, value)| value.is_null() || value == "unknown" || *value == whole[name])
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
