//! Recordings of real connections: 100 that were closed by FIN and 100 by RST, both sides of each, on
//! one machine.

use std::time::Duration;

use tcptrace::{
    consumers::Record,
    diagnose::Thresholds,
    engine::{Engine, RecordingOptions, RunOptions},
    filter::Filter,
    model::Event,
    record::Limits,
    source::{decode, live::Symbols},
};
use tempfile::TempDir;

use crate::script::{self, Tell};

/// Each record behind its length.
const CAPTURED: &[u8] = include_bytes!("../../benches/connections.records");

/// A recording that begins another segment when one is that old.
pub fn with_segments_of(age: Duration) -> TempDir {
    let folder = TempDir::new().unwrap();
    let (mut script, mut beginning) = script::read("").unwrap();
    let mut events = events();
    beginning.mono_ns = events[0].time_ns();
    while let Some(event) = events.pop() {
        script.put_first(Tell::Event(event));
    }
    let options = RunOptions {
        filter: Filter::default(),
        cgroups: Vec::new(),
        recorded_cgroups: Vec::new(),
        duration: None,
        max_connections: 1 << 20,
        strict: false,
    };
    let recording = RecordingOptions {
        anonymize: false,
        folder: folder.path().to_owned(),
        limits: Limits {
            rotate_age: Some(age),
            ..Limits::default()
        },
    };
    let engine = Engine::new(script, beginning, &options)
        .recorded(&recording, &options)
        .unwrap();
    let thresholds = Thresholds::new(None, &[]).unwrap();
    let runtime = tokio::runtime::Builder::new_current_thread()
        .build()
        .unwrap();
    let record = Record::new(folder.path(), &[], Filter::default(), thresholds);
    runtime.block_on(engine.run(&options, record)).unwrap();
    folder
}

/// The same in some segments, so that connections are in several: all of it takes 11 ms.
pub fn several_segments() -> TempDir {
    with_segments_of(Duration::from_millis(2))
}

fn events() -> Vec<Event> {
    let symbols = Symbols::default();
    let mut events = Vec::new();
    let mut rest = CAPTURED;
    while let Some((length, behind)) = rest.split_first_chunk() {
        let length = u32::from_le_bytes(*length) as usize;
        let (record, behind) = behind.split_at(length);
        events.push(decode(record, &symbols).unwrap());
        rest = behind;
    }
    events
}
