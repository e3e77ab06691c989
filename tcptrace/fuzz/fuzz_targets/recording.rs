//! Files that look like recordings: told as far as they can be read, or refused.

#![no_main]

use std::{cell::LazyCell, fs, io, path::PathBuf};

use arbitrary::Arbitrary;
use libfuzzer_sys::fuzz_target;
use tcptrace::{
    consumers::Watch,
    engine::{Engine, RunOptions},
    filter::Filter,
    output::Json,
    record::format::{BlockHead, BlockKind, Entry, EntryReader, HEAD_BYTES, Place, VERSION},
    source::replay::{Range, Recording},
};
use tokio::runtime::{Builder, Runtime};

/// A beginning as tcptrace writes it.
const BEGINNING: &str = r#"{"tcptrace":"0.1.0","host":"h","boot":"b","kernel":"6.18.0","netns":1,
"jiffies_per_second":1000,"run":"r","number":1,"follows":null,"mono_ns":1000,"wall_ahead_ns":0,
"began_ns":1000,"coverage":{"minisocks":true,"fins":true,"resets":true,"syns":true,
"accepts":true},"degraded":[],"filter":[],"max_connections":64,"unsure":false,"namespaces":[],
"cgroups":[],"links":[]}"#;

/// A file, block by block: heads and checksums are right, so that what stands in them is read.
#[derive(Arbitrary, Debug)]
struct Given {
    /// Instead of a beginning as it should be.
    beginning: Option<Vec<u8>>,
    blocks: Vec<GivenBlock>,
    /// Bytes that are changed then.
    changed: Vec<(u16, u8)>,
    cut: Option<u16>,
    from_ns: Option<u32>,
    to_ns: Option<u32>,
}

#[derive(Arbitrary, Debug)]
struct GivenBlock {
    kind: u8,
    count: u32,
    notable: bool,
    first_ns: u64,
    last_ns: u64,
    wall_ahead_ns: i64,
    bytes: Vec<u8>,
}

impl GivenBlock {
    fn append_to(&self, file: &mut Vec<u8>, kind: BlockKind, number: u32) {
        let frame = zstd::bulk::compress(&self.bytes, 1).expect("it fits into memory");
        let head = BlockHead {
            version: VERSION,
            kind,
            place: Place { segment: 7, number },
            count: self.count,
            notable: self.notable,
            first_ns: self.first_ns,
            last_ns: self.last_ns,
            wall_ahead_ns: self.wall_ahead_ns,
            bytes: frame.len() as u32,
            raw_bytes: self.bytes.len() as u32,
            crc: crc32fast::hash(&frame),
        };
        let bytes = head.to_bytes();
        assert_eq!(BlockHead::from_bytes(&bytes), Ok(head));
        file.extend_from_slice(&bytes);
        file.extend_from_slice(&frame);
    }
}

thread_local! {
    static PATH: LazyCell<PathBuf> = LazyCell::new(|| {
        PathBuf::from(format!("/dev/shm/tcptrace-fuzz-{}", std::process::id()))
    });
    static RUNTIME: LazyCell<Runtime> = LazyCell::new(|| {
        Builder::new_current_thread().enable_all().build().expect("a runtime")
    });
}

fuzz_target!(|given: Given| {
    let beginning = GivenBlock {
        kind: 0,
        count: 0,
        notable: given.cut.is_some(),
        first_ns: 1000,
        last_ns: 1000,
        wall_ahead_ns: 0,
        bytes: match &given.beginning {
            Some(other) => other.clone(),
            None => BEGINNING.as_bytes().to_vec(),
        },
    };
    let mut file = Vec::new();
    beginning.append_to(&mut file, BlockKind::Beginning, 0);
    for (number, block) in (1..).zip(&given.blocks) {
        let kind = match block.kind % 8 {
            0 => BlockKind::Beginning,
            1 | 2 => BlockKind::Remembered,
            3 => BlockKind::Index,
            _ => BlockKind::Events,
        };
        block.append_to(&mut file, kind, number);
        let mut reader = EntryReader::new(block.first_ns);
        let mut entries = 0;
        while let Ok(Some(entry)) = reader.next(&block.bytes) {
            entries += 1;
            if let Entry::LookEnds(namespaces) = entry {
                assert!(namespaces.len() <= block.bytes.len());
            }
        }
        assert!(entries <= block.bytes.len(), "an entry of no bytes");
    }
    for (at, byte) in &given.changed {
        if let Some(changed) = file.get_mut(usize::from(*at)) {
            *changed ^= byte;
        }
    }
    if let Some(cut) = given.cut {
        file.truncate(HEAD_BYTES + usize::from(cut));
    }
    PATH.with(|path| {
        fs::write(&**path, &file).expect("room in memory");
        let Ok(recording) = Recording::open(path) else {
            return;
        };
        let range = Range {
            from_ns: given.from_ns.map(i64::from),
            to_ns: given.to_ns.map(i64::from),
        };
        for piece in &recording.pieces {
            for segment in &piece.segments {
                let _ = segment.marks();
            }
            if let Ok(Some((source, beginning))) = piece.replay(range) {
                let mut options = RunOptions::of(Filter::default(), Vec::new());
                options.max_connections = 64;
                let engine = Engine::new(source, beginning, &options);
                let watch = Watch::new(Box::new(Json::new(io::sink())), None);
                let outcome = RUNTIME.with(|it| it.block_on(engine.run(&options, watch)));
                outcome.expect("nothing that can fail");
            }
        }
    });
});
