//! A folder that is recorded in, read from where it was read before, up to what was written a moment
//! ago.

use std::{
    io,
    path::{Path, PathBuf},
    time::Duration,
};

use anyhow::{Context as _, Result};
use serde::{Deserialize, Serialize};

use super::{
    Consumer, Outcome, RunOptions,
    notices::Said,
    replay::Whole,
    run::next_signal,
    segments::{Telling, left_out, part},
    signals::{Blocked, Signals},
};
use crate::{
    record::{self, SegmentName, format::BlockKind},
    source::replay::{Piece, Segment},
};

/// How often it is looked for what was written meanwhile.
const LOOK: Duration = Duration::from_millis(500);
/// So many bytes before the place where it goes on are read again, and one segment at the least:
/// connections that were open then are known from their beginning.
const READ_AGAIN: u64 = 128 << 20;

/// Which segment was reached.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Reached {
    /// The recording: a name by chance that all segments of one run have.
    pub run: String,
    /// The number of the segment in its folder.
    pub segment: u64,
    /// When the segment began: ns since 1970.
    pub began_wall_ns: i64,
    /// All of it was read.
    pub whole: bool,
}

/// How the reading goes.
#[derive(Clone, Copy, Debug)]
pub enum Reading {
    /// So many segments went before they were read.
    Missed(u64),
    /// All that happened until then was told: ns since 1970.
    Until(i64),
}

/// Tells what a folder has from a segment on, which is then told as a whole, and some before it.
/// `following`: and what comes later, until a signal ends that. What waits at the end of what is there
/// is told only where nothing more will come.
///
/// # Errors
/// When the recording can't be read, or the output not be written.
pub async fn read_on(
    options: &RunOptions,
    folder: &Path,
    after: Option<&Reached>,
    following: bool,
    mut consumer: impl Consumer,
    mut report: impl FnMut(Reading),
) -> Result<Outcome> {
    let unread = || format!("cannot read {}", folder.display());
    let signals = Blocked::new(false)?.listen(None)?;
    signals.begin();
    let mut reader = Reader {
        options,
        folder: folder.to_owned(),
        last: first_to_read(folder, after, &mut report).with_context(unread)?,
        telling: None,
        said: Said::default(),
        signals: Some(signals),
        interrupted: false,
        whole: Whole::default(),
    };
    let interrupted = loop {
        reader.read_what_is_there(&mut consumer).await?;
        if reader.interrupted {
            break true;
        }
        if let Some(until) = reader.until() {
            report(Reading::Until(until));
        }
        if reader.next(&mut consumer, &mut report).await? {
            continue;
        }
        if !record::is_recorded_in(folder).with_context(unread)? {
            // What was written until it ended.
            if reader.next(&mut consumer, &mut report).await? || reader.end(&mut consumer).await? {
                continue;
            }
        }
        if !following {
            break false;
        }
        tokio::select! {
            biased;
            _ = next_signal(&mut reader.signals) => break true,
            () = tokio::time::sleep(LOOK) => {}
        }
    };
    let Reader {
        telling, mut whole, ..
    } = reader;
    // What is open is told when it is read on.
    if let Some(it) = telling {
        whole.add(&it.engine, it.began_ns, 0);
    }
    let end = whole.end(consumer.shown());
    let written = match interrupted {
        true => Ok(()),
        false => consumer.close(&end),
    };
    Outcome {
        unread: interrupted,
        interrupted,
        ..whole.outcome(end, options)
    }
    .told(written)
}

/// Reads a folder.
struct Reader<'a> {
    options: &'a RunOptions,
    folder: PathBuf,
    /// The number of the last segment that was begun, or left out.
    last: u64,
    telling: Option<Telling>,
    said: Said,
    signals: Option<Signals>,
    /// A signal came.
    interrupted: bool,
    whole: Whole,
}

impl Reader<'_> {
    /// Tells what there is of the segment that was begun.
    async fn read_what_is_there(&mut self, consumer: &mut impl Consumer) -> Result<()> {
        let Some(it) = &mut self.telling else {
            return Ok(());
        };
        it.engine.source.try_again();
        it.engine.signals = self.signals.take();
        let told = it
            .engine
            .follow(consumer, &mut None, None, &mut None, &None)
            .await;
        self.signals = it.engine.signals.take();
        self.interrupted |= it.engine.interrupted;
        told
    }

    /// Until when all was told: ns since 1970.
    fn until(&self) -> Option<i64> {
        let engine = &self.telling.as_ref()?.engine;
        Some(engine.clock.wall(engine.now()))
    }

    /// Goes to the next segment, if there is one.
    async fn next(
        &mut self,
        consumer: &mut impl Consumer,
        report: &mut impl FnMut(Reading),
    ) -> Result<bool> {
        let unread = format!("cannot read {}", self.folder.display());
        let names = record::segments(&self.folder).with_context(|| unread.clone())?;
        let mut later = names.into_iter().filter(|it| it.number > self.last);
        let Some(name) = later.next() else {
            return Ok(false);
        };
        let is_last = later.next().is_none();
        // Nothing is written to this one any more.
        self.read_to_its_end(consumer).await?;
        if self.interrupted {
            return Ok(true);
        }
        let path = self.folder.join(name.to_string());
        let segment = match Segment::open(&path) {
            Ok(Ok(segment)) => segment,
            Ok(Err(_)) if is_last => return Ok(false),
            Ok(Err(damage)) => {
                left_out(&path, &damage);
                self.last = name.number;
                return Ok(true);
            }
            // It was removed meanwhile, to make room, or has another name.
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(true),
            Err(error) => return Err(error).context(unread),
        };
        let grows = is_last && !segment.ended;
        let goes_on = |it: &Telling| it.piece.goes_on_with(&segment);
        if !self.telling.as_ref().is_some_and(goes_on) {
            self.end_piece(consumer)?;
            // What is remembered is still written.
            if grows && !segment.blocks.iter().any(|it| it.kind == BlockKind::Events) {
                return Ok(false);
            }
        }
        if self.last > 0 && name.number > self.last + 1 {
            report(Reading::Missed(name.number - self.last - 1));
        }
        self.last = name.number;
        consumer.part(Some(&part(&segment)))?;
        let it = match &mut self.telling {
            Some(it) => {
                it.go_on(segment)?;
                it
            }
            None => self.telling.insert(Telling::begin(
                segment,
                self.options,
                &mut self.said,
                consumer,
            )?),
        };
        it.engine.source.tell_by_block();
        it.engine.source.is_growing(grows);
        Ok(true)
    }

    /// Nothing more is written to the segment that was begun: tells the rest of it.
    async fn read_to_its_end(&mut self, consumer: &mut impl Consumer) -> Result<()> {
        if let Some(it) = &mut self.telling {
            it.engine.source.is_growing(false);
        }
        self.read_what_is_there(consumer).await?;
        if let Some(it) = &mut self.telling
            && let Some(last) = it.piece.segments.last_mut()
        {
            last.ended |= it.engine.source.has_ended();
        }
        Ok(())
    }

    /// Nobody records any more: tells what waits. Whether something did.
    async fn end(&mut self, consumer: &mut impl Consumer) -> Result<bool> {
        self.read_to_its_end(consumer).await?;
        if self.interrupted || self.telling.is_none() {
            return Ok(self.interrupted);
        }
        self.end_piece(consumer)?;
        consumer.part(None)?;
        Ok(true)
    }

    /// Something is missing behind what was told.
    fn end_piece(&mut self, consumer: &mut impl Consumer) -> Result<()> {
        match self.telling.take() {
            Some(ended) => ended.end(&mut self.whole, consumer),
            None => Ok(()),
        }
    }
}

/// The number of the segment before the first that is to be read.
fn first_to_read(
    folder: &Path,
    after: Option<&Reached>,
    report: &mut impl FnMut(Reading),
) -> io::Result<u64> {
    let names = record::segments(folder)?;
    let Some(after) = after else {
        return Ok(0);
    };
    let open = |name: &SegmentName| -> io::Result<Option<Segment>> {
        match Segment::open(&folder.join(name.to_string())) {
            Ok(segment) => Ok(segment.ok()),
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
            Err(error) => Err(error),
        }
    };
    let mut at = None;
    for (index, name) in names.iter().enumerate() {
        if name.number == after.segment
            && let Some(segment) = open(name)?
            && segment.beginning.run == after.run
        {
            at = Some((index, segment));
        }
    }
    let Some((mut index, mut segment)) = at else {
        return first_unread(&names, after, open, report);
    };
    let mut bytes = 0;
    while index > 0
        && let Some(before) = open(&names[index - 1])?
    {
        let piece = Piece {
            segments: vec![before.clone()],
        };
        if !piece.goes_on_with(&segment) || (bytes > 0 && bytes + before.bytes > READ_AGAIN) {
            break;
        }
        bytes += before.bytes;
        (index, segment) = (index - 1, before);
    }
    Ok(names[index].number - 1)
}

/// The same where the segment is gone that was reached.
fn first_unread(
    names: &[SegmentName],
    after: &Reached,
    open: impl Fn(&SegmentName) -> io::Result<Option<Segment>>,
    report: &mut impl FnMut(Reading),
) -> io::Result<u64> {
    for name in names {
        if name.number > after.segment {
            let missed = name.number - after.segment - u64::from(after.whole);
            if missed > 0 {
                report(Reading::Missed(missed));
            }
            return Ok(name.number - 1);
        }
        // The folder was emptied, and numbers begin anew.
        if let Some(segment) = open(name)?
            && segment.beginning.run != after.run
            && segment.began_wall_ns() > after.began_wall_ns
        {
            return Ok(name.number - 1);
        }
    }
    Ok(after.segment)
}
