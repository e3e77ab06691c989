//! Segments of a recording that are told one after another, by one engine as long as they go on one
//! from another.

use std::{fs, path::Path};

use anyhow::{Context as _, Result};

use super::{
    Consumer, Engine, RunOptions,
    notices::Said,
    replay::{Whole, narrowed},
};
use crate::{
    output::{Origin, Part, say},
    record::SegmentName,
    source::replay::{Damage, Piece, Range, Replay, Segment},
};

/// What a file says of a segment.
pub(super) fn part(segment: &Segment) -> Part {
    let name = segment.path.file_name().unwrap_or_default();
    let name = name.to_string_lossy();
    // That it is spared may change.
    let name = match SegmentName::parse(&name) {
        Some(name) => name.stem(),
        None => name.into_owned(),
    };
    let about = fs::metadata(&segment.path);
    Part {
        name,
        origin: Origin {
            host: segment.beginning.host.clone(),
            boot: segment.beginning.boot.clone(),
        },
        run: segment.beginning.run.clone(),
        number: segment.beginning.number,
        kernel: segment.beginning.kernel.clone(),
        began_wall_ns: segment.began_wall_ns(),
        began_ns: segment.beginning.mono_ns,
        written: about.and_then(|it| it.modified()).ok(),
    }
}

/// Segments that go on one from another, while they are told.
pub(super) struct Telling {
    pub engine: Engine<Replay>,
    /// The last one of them.
    pub piece: Piece,
    /// CLOCK_MONOTONIC of that machine, ns.
    pub began_ns: u64,
}

impl Telling {
    pub fn begin(
        segment: Segment,
        options: &RunOptions,
        said: &mut Said,
        consumer: &mut impl Consumer,
    ) -> Result<Self> {
        let unread = || format!("cannot read {}", segment.path.display());
        let piece = Piece {
            segments: vec![segment.clone()],
        };
        let begun = piece.replay(Range::default()).with_context(unread)?;
        let (source, beginning) = begun.with_context(unread)?;
        let mut engine = Engine::new(source, beginning, &narrowed(options, &piece)?);
        said.degraded(&engine.degraded);
        consumer.begin(&engine.tracker, &engine.machine);
        let began_ns = engine.now();
        engine.review(consumer)?;
        Ok(Self {
            engine,
            piece,
            began_ns,
        })
    }

    /// Goes on with the next segment.
    pub fn go_on(&mut self, segment: Segment) -> Result<()> {
        let path = segment.path.clone();
        self.piece.segments = vec![segment.clone()];
        let begun = self.engine.source.go_on_with(segment);
        begun.with_context(|| format!("cannot read {}", path.display()))
    }

    /// Something is missing behind it: what waits is told with what is known.
    pub fn end(mut self, whole: &mut Whole, consumer: &mut impl Consumer) -> Result<()> {
        self.engine.end_piece(consumer)?;
        whole.add(&self.engine, self.began_ns, 0);
        Ok(())
    }
}

/// Says that a segment can't be read.
pub(super) fn left_out(path: &Path, damage: &Damage) {
    say(format_args!(
        "{} is left out: {}",
        path.display(),
        damage.why
    ));
}
