//! A recording, segment by segment: what is told of each goes into a file of its own.

use std::{
    collections::VecDeque,
    io,
    path::{Path, PathBuf},
    time::{Duration, Instant},
};

use anyhow::{Context as _, Result};

use super::{
    Consumer, Outcome, RunOptions,
    notices::Said,
    replay::Whole,
    run::next_signal,
    segments::{Telling, left_out, part},
    signals::{Blocked, Signals},
};
use crate::{
    output::{StatusLine, say},
    privileges, record,
    source::replay::{Piece, Recording, Segment},
};

/// How often the folder is looked at for segments that were closed.
const LOOK: Duration = Duration::from_secs(1);
/// Where tracing goes on, another segment begins when one ends. If none is there after so long, it
/// does not.
const GAP: Duration = Duration::from_secs(10);

/// Tells what recordings have, part by part. `following`: of one, a folder, what is closed by now
/// and what is closed later, until a signal ends that.
///
/// # Errors
/// When a recording can't be read, or the output not be written.
pub async fn export(
    options: &RunOptions,
    recordings: &[PathBuf],
    following: bool,
    mut consumer: impl Consumer,
) -> Result<Outcome> {
    privileges::keep_callers();
    let mut segments = match (following, recordings) {
        (true, [folder]) => Segments::follow(folder)?,
        _ => Segments::of(recordings)?,
    };
    let signals = Blocked::new(false)?.listen(None)?;
    signals.begin();
    let mut signals = Some(signals);
    let mut status = StatusLine::default();
    let mut whole = Whole::default();
    let mut telling: Option<Telling> = None;
    let mut said = Said::default();
    let mut files = 0_u64;
    // The next segment is known to go on.
    let mut next_is_begun = false;
    let interrupted = loop {
        let last = telling.as_ref().map(|it| &it.piece);
        match segments.next(last, &mut signals).await? {
            Next::Segment(segment) => {
                if let Some(ended) = telling.take_if(|it| !it.piece.goes_on_with(&segment)) {
                    if next_is_begun {
                        say(
                            "a segment was removed before it was read: connections that were open before it are left out",
                        );
                    }
                    ended.end(&mut whole, &mut consumer)?;
                }
                next_is_begun = false;
                consumer.part(Some(&part(&segment)))?;
                let it = match &mut telling {
                    Some(it) => {
                        it.go_on(*segment)?;
                        it
                    }
                    None => {
                        telling.insert(Telling::begin(*segment, options, &mut said, &mut consumer)?)
                    }
                };
                it.engine.signals = signals.take();
                it.engine
                    .follow(&mut consumer, &mut None, None, &mut None, &None)
                    .await?;
                signals = it.engine.signals.take();
                if it.engine.interrupted {
                    break true;
                }
                files += 1;
                match segments.left() {
                    0 => status.show(&format_args!("exported: {files} segments")),
                    left => {
                        let all = files + left;
                        status.show(&format_args!("exporting: {files} of {all} segments"));
                    }
                }
            }
            Next::Begun => {
                next_is_begun = true;
                consumer.part(None)?;
            }
            Next::Gap => {
                if let Some(ended) = telling.take() {
                    ended.end(&mut whole, &mut consumer)?;
                }
                consumer.part(None)?;
            }
            Next::Over => break false,
            Next::Interrupted => break true,
        }
    };
    status.leave();
    match telling {
        // What is not whole is left out, and told the next time.
        Some(it) if interrupted => whole.add(&it.engine, it.began_ns, 0),
        Some(it) => it.end(&mut whole, &mut consumer)?,
        None => {}
    }
    let end = whole.end(consumer.shown());
    let written = match interrupted {
        true => Ok(()),
        false => consumer.close(&end),
    };
    whole.outcome(end, options).told(written)
}

/// What comes next of a recording.
enum Next {
    /// A segment, all of which is there.
    Segment(Box<Segment>),
    /// A segment begins where the last one ends: nothing more is told of that.
    Begun,
    /// Nothing goes on where the last one ends.
    Gap,
    /// There are no more.
    Over,
    /// A signal came.
    Interrupted,
}

/// Segments, one after another.
enum Segments {
    Rest(VecDeque<Segment>),
    Following(Following),
}

/// Waits for segments of a folder.
struct Following {
    folder: PathBuf,
    /// The number of the last one.
    last: u64,
    /// What became of the last one was said, so far as it is known.
    said: bool,
    /// Since when nothing follows it.
    since: Instant,
}

impl Segments {
    /// All that recordings have.
    fn of(recordings: &[PathBuf]) -> Result<Self> {
        let mut rest = VecDeque::new();
        for path in recordings {
            let recording = Recording::open(path)?;
            for (path, damage) in &recording.unreadable {
                left_out(path, damage);
            }
            rest.extend(recording.pieces.into_iter().flat_map(|it| it.segments));
        }
        Ok(Self::Rest(rest))
    }

    fn follow(folder: &Path) -> Result<Self> {
        // Whether it can be read.
        record::segments(folder).with_context(|| format!("cannot read {}", folder.display()))?;
        Ok(Self::Following(Following {
            folder: folder.to_owned(),
            last: 0,
            said: true,
            since: Instant::now(),
        }))
    }

    /// How many are known to come.
    fn left(&self) -> u64 {
        match self {
            Self::Rest(rest) => rest.len() as u64,
            Self::Following(_) => 0,
        }
    }

    /// The next one. `last`: that goes on, perhaps.
    async fn next(&mut self, last: Option<&Piece>, signals: &mut Option<Signals>) -> Result<Next> {
        let following = match self {
            Self::Rest(rest) => {
                return Ok(match rest.pop_front() {
                    Some(segment) => Next::Segment(Box::new(segment)),
                    None => Next::Over,
                });
            }
            Self::Following(following) => following,
        };
        loop {
            let next = following.look(last);
            let next = next.with_context(|| format!("cannot read {}", following.folder.display()));
            if let Some(next) = next? {
                return Ok(next);
            }
            tokio::select! {
                biased;
                _ = next_signal(signals) => return Ok(Next::Interrupted),
                () = tokio::time::sleep(LOOK) => {}
            }
        }
    }
}

impl Following {
    /// Looks at the folder. `None`: nothing has changed that matters.
    fn look(&mut self, last: Option<&Piece>) -> io::Result<Option<Next>> {
        loop {
            let names = record::segments(&self.folder)?;
            let mut later = names.iter().filter(|name| name.number > self.last);
            let Some(name) = later.next() else {
                let is_gap = last.is_some() && self.since.elapsed() >= GAP;
                return Ok(
                    (is_gap && !std::mem::replace(&mut self.said, true)).then_some(Next::Gap)
                );
            };
            let is_last = later.next().is_none();
            let path = self.folder.join(name.to_string());
            match Segment::open(&path) {
                // One that was not ended in good order is closed when there is another.
                Ok(Ok(segment)) if segment.ended || !is_last => {
                    self.last = name.number;
                    self.said = false;
                    self.since = Instant::now();
                    return Ok(Some(Next::Segment(Box::new(segment))));
                }
                Ok(Ok(_)) if self.said => return Ok(None),
                Ok(Ok(segment)) => {
                    self.said = true;
                    let goes_on = last.is_some_and(|it| it.goes_on_with(&segment));
                    return Ok(Some(if goes_on { Next::Begun } else { Next::Gap }));
                }
                Ok(Err(_)) if is_last => return Ok(None),
                Ok(Err(damage)) => {
                    left_out(&path, &damage);
                    self.last = name.number;
                }
                // It was removed meanwhile, to make room, or has another name.
                Err(error) if error.kind() == io::ErrorKind::NotFound => {}
                Err(error) => return Err(error),
            }
        }
    }
}
