//! A recording in the place of the kernel.

use std::{collections::VecDeque, io, path::PathBuf, time::Duration};

use anyhow::{Context as _, Result, bail};

use super::{Consumer, Engine, Outcome, RunOptions, notices, progress::Progress, round::find};
use crate::{
    filter::Filter,
    host::{CgroupFilter, Cgroups, Clock, Links},
    model::{Connection, DropCounts, DropLook, Known as _, Link, ns},
    output::{Context, End, say},
    privileges,
    source::{
        Beginning, Source as _, Told,
        replay::{Piece, Range, Recording, Replay},
    },
};

/// A moment of a recording.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Moment {
    /// Then: ns since 1970.
    At(i64),
    /// So long before its end.
    BeforeEnd(Duration),
}

/// Which recording is read, and how much of it.
#[derive(Clone, Debug)]
pub struct ReplayOptions {
    /// A segment, or a folder of them.
    pub path: PathBuf,
    /// From when on; `None`: from its beginning.
    pub from: Option<Moment>,
    /// Until when; `None`: to its end.
    pub to: Option<Moment>,
}

impl ReplayOptions {
    /// What is asked for of a recording.
    #[must_use]
    pub fn range(&self, recording: &Recording) -> Range {
        let wall = |moment| match moment {
            Moment::At(wall_ns) => wall_ns,
            Moment::BeforeEnd(long) => recording.ended_wall_ns().saturating_sub_unsigned(ns(long)),
        };
        Range {
            from_ns: self.from.map(wall),
            to_ns: self.to.map(wall),
        }
    }
}

/// Tells what a recording has, as if it happened now.
///
/// # Errors
/// When it can't be read, or the output not be written.
pub(super) async fn replay(
    options: &RunOptions,
    replay: &ReplayOptions,
    consumer: impl Consumer,
) -> Result<Outcome> {
    let recording = open(replay)?;
    let range = replay.range(&recording);
    let path = replay.path.display();
    let told = tell(
        options,
        recording,
        range,
        Engine::ended_by_signals,
        consumer,
    )
    .await?;
    told.with_context(|| {
        format!("{path} has nothing of that time: tcptrace info {path} tells what it has")
    })
}

/// Tells what a recording has of some time; `None`: it has nothing of it. Signals are nothing to it.
///
/// # Errors
/// When it can't be read, or the output not be written.
pub async fn tell_again(
    options: &RunOptions,
    recording: Recording,
    range: Range,
    consumer: impl Consumer,
) -> Result<Option<Outcome>> {
    tell(options, recording, range, Ok, consumer).await
}

async fn tell(
    options: &RunOptions,
    recording: Recording,
    range: Range,
    prepare: impl FnOnce(Engine<Replay>) -> io::Result<Engine<Replay>>,
    mut consumer: impl Consumer,
) -> Result<Option<Outcome>> {
    let mut pieces = Pieces {
        left: recording.pieces.into(),
        range,
    };
    let Some((piece, source, beginning)) = pieces.next()? else {
        return Ok(None);
    };
    let mut engine = prepare(Engine::new(source, beginning, &narrowed(options, &piece)?))?;
    engine.skip();
    engine.progress = Progress::new(consumer.is_silent());
    let mut whole = Whole::default();
    notices::degraded(&engine.degraded);
    consumer.begin(&engine.tracker, &engine.machine);
    if let Some(signals) = &engine.signals {
        signals.begin();
    }
    consumer.start(&engine.start(), &engine.clock)?;
    loop {
        let (began, lost) = (engine.now(), engine.source.lost());
        engine.review(&mut consumer)?;
        if let Some(progress) = &mut engine.progress {
            progress.leave(pieces.bytes());
        }
        let left = options
            .duration
            .map(|it| ns(it).saturating_sub(whole.duration_ns));
        let limit = left.map(|left| began.saturating_add(left));
        engine
            .follow(&mut consumer, &mut None, limit, &mut None, &None)
            .await?;
        whole.add(&engine, began, lost);
        if engine.enough || engine.interrupted || limit.is_some_and(|limit| engine.now() >= limit) {
            break;
        }
        pieces.left_by(&engine.source);
        let Some((piece, source, beginning)) = pieces.next()? else {
            break;
        };
        engine.end_piece(&mut consumer)?;
        engine.go_on_with(source, beginning, &narrowed(options, &piece)?);
        engine.skip();
        consumer.begin(&engine.tracker, &engine.machine);
    }
    engine.progress = None;
    engine.finish(&mut consumer)?;
    let end = whole.end(consumer.shown());
    let written = consumer.close(&end);
    let outcome = whole.outcome(end, options);
    outcome.told(written).map(Some)
}

/// What is still to be told.
struct Pieces {
    left: VecDeque<Piece>,
    range: Range,
}

impl Pieces {
    fn next(&mut self) -> Result<Option<(Piece, Replay, Beginning)>> {
        while let Some(piece) = self.left.pop_front() {
            let begun = piece.replay(self.range);
            let file = piece
                .segments
                .first()
                .map(|it| it.path.display().to_string());
            let begun =
                begun.with_context(|| format!("cannot read {}", file.unwrap_or_default()))?;
            if let Some((source, beginning)) = begun {
                return Ok(Some((piece, source, beginning)));
            }
        }
        Ok(None)
    }

    /// Bytes of that.
    fn bytes(&self) -> u64 {
        self.left.iter().map(Piece::bytes).sum()
    }

    /// Where a segment is damaged, those behind it can be read nonetheless.
    fn left_by(&mut self, source: &Replay) {
        if let Some(rest) = source.behind_damage() {
            self.left.push_front(rest);
        }
    }
}

/// What is known of a moment of a recording.
pub struct Then {
    /// When: ns since 1970.
    pub wall_ns: i64,
    /// CLOCK_MONOTONIC, ns.
    pub now_ns: u64,
    /// The connections and listeners that there were, as far as they are asked for.
    pub connections: Vec<Connection>,
    /// Knows the paths of control groups.
    pub cgroups: Cgroups,
    /// Knows the names of network interfaces.
    pub links: Links,
}

impl Then {
    /// Reads a recording, up to the last moment that is asked for.
    ///
    /// # Errors
    /// When it can't be read, or has nothing of that time.
    pub fn read(options: &RunOptions, replay: &ReplayOptions) -> Result<Self> {
        let recording = open(replay)?;
        let path = replay.path.display();
        let to_ns = replay.range(&recording).to_ns.unwrap_or(i64::MAX);
        let before = |it: &&Piece| it.began_wall_ns() <= to_ns;
        let last = recording.pieces.iter().rev().find(before);
        let Some(piece) = last else {
            bail!("{path} has nothing of that time: tcptrace info {path} tells what it has");
        };
        // All is remembered, and nothing told.
        let to_ns = to_ns.min(piece.ended_wall_ns());
        let range = Range {
            from_ns: Some(to_ns),
            to_ns: Some(to_ns),
        };
        let begun = piece.replay(range);
        let Some((source, beginning)) = begun.with_context(|| format!("cannot read {path}"))?
        else {
            bail!("{path} has nothing of that time");
        };
        let options = narrowed(options, piece)?;
        let mut engine = Engine::new(source, beginning, &options);
        engine.skip();
        let now_ns = engine.passed_ns;
        engine.tracker.advance(now_ns, &mut |_| {});
        let cgroups = &mut engine.cgroups;
        let connections = engine.tracker.connections().filter(|it| {
            let in_cgroup = cgroups.is_asked_for(it.owner.cgroup);
            options.filter.matches_connection(it, in_cgroup)
        });
        Ok(Self {
            connections: connections.collect(),
            wall_ns: engine.clock.wall(now_ns),
            now_ns,
            cgroups: engine.cgroups,
            links: engine.links,
        })
    }
}

/// Opens a recording, and says what of it is left out.
pub(super) fn open(replay: &ReplayOptions) -> Result<Recording> {
    privileges::keep_callers();
    let recording = Recording::open(&replay.path)?;
    for (path, damage) in &recording.unreadable {
        let path = path.display();
        say(format_args!("{path} is left out: {}", damage.why));
    }
    Ok(recording)
}

/// What is known of all pieces together.
#[derive(Debug, Default)]
pub(super) struct Whole {
    lost: u64,
    forgotten: u64,
    duration_ns: u64,
    /// Not all could be read.
    pub damaged: bool,
    /// A signal ended it.
    interrupted: bool,
}

impl Whole {
    /// Takes a piece in. `began`, `lost`: what the time was, and how many events were lost, before what
    /// is told.
    pub fn add(&mut self, engine: &Engine<Replay>, began: u64, lost: u64) {
        self.lost += engine.source.lost() - lost;
        self.forgotten += engine.tracker.forgotten();
        self.duration_ns += engine.now().saturating_sub(began);
        self.damaged |= engine.source.unreadable() > 0;
        self.interrupted |= engine.interrupted;
    }

    /// Numbers for the last line.
    pub fn end(&self, transitions: u64) -> End {
        End {
            transitions,
            lost: self.lost,
            forgotten: self.forgotten,
            duration: Duration::from_nanos(self.duration_ns),
        }
    }

    /// How reading ended, with what was lost said: where all that is there was read.
    pub fn outcome(&self, end: End, options: &RunOptions) -> Outcome {
        notices::incomplete(&end);
        let incomplete = end.lost > 0 || self.damaged;
        Outcome {
            code: u8::from(options.strict && incomplete),
            of_command: false,
            unread: false,
            interrupted: self.interrupted,
            damaged: self.damaged,
            end,
        }
    }
}

/// What is asked for, within what was asked for when it was recorded.
pub(super) fn narrowed(options: &RunOptions, piece: &Piece) -> Result<RunOptions> {
    let mut options = options.clone();
    let Some(beginning) = piece.beginning() else {
        return Ok(options);
    };
    let mut others = Vec::new();
    for (option, value) in &beginning.filter {
        match CgroupFilter::of_option(option, value) {
            Some(filter) => options.recorded_cgroups.push(filter),
            None => others.push((&**option, &**value)),
        }
    }
    let mut recorded = Filter::from_options(others)?;
    recorded.in_cgroup = !options.recorded_cgroups.is_empty();
    options.filter.within = Some(Box::new(recorded));
    Ok(options)
}

/// Remembers the last look at the listeners.
fn dropped(last: &mut Option<DropLook>, at_ns: u64, counts: Option<&DropCounts>) {
    match (counts, last) {
        (Some(counts), last) => {
            *last = Some(DropLook {
                at_ns,
                counts: counts.clone(),
            });
        }
        (None, Some(last)) => last.at_ns = at_ns,
        // The look that it refers to can't be read.
        (None, None) => {}
    }
}

impl Engine<Replay> {
    /// Remembers what happened before what is asked for, and tells nothing of it.
    pub(super) fn skip(&mut self) {
        let Self {
            source,
            tracker,
            cgroups,
            links,
            machine,
            most,
            ..
        } = self;
        while source.is_before() {
            let batch = source.next(0, *most, |told| match told {
                Told::Event(event) => tracker.apply(event, &mut |_| {}),
                Told::Lost(_) => tracker.note_loss(),
                Told::CgroupMade(made) => cgroups.made(&made),
                Told::CgroupNamed { id, path } => cgroups.named(id, path),
                Told::Workload { id, workload } => cgroups.told(id, workload.clone()),
                Told::LinkNamed { netns, index, name } => {
                    if let Some(link) = Link::new(index) {
                        links.named(netns, link, name);
                    }
                }
                Told::Found(finding) => find(tracker, &finding, &mut |_| {}),
                Told::Dropped { at_ns, counts } => dropped(&mut machine.drops, at_ns, counts),
                Told::Unrecorded(_) | Told::Namespace { .. } | Told::Stuck(_) => {}
            });
            tracker.advance(batch.until_ns, &mut |_| {});
            if !batch.more {
                break;
            }
        }
        // What waited may be told later.
        self.from_ns = self.source.from_ns();
        self.passed_ns = self.passed_ns.max(self.from_ns);
        if let Some(ahead) = self.source.wall_ahead_ns() {
            self.clock = Clock::ahead_by(ahead);
        }
    }

    /// Something is missing behind this, or tracing ended: what waits is told with what is known.
    pub(super) fn end_piece(&mut self, consumer: &mut impl Consumer) -> Result<()> {
        self.tell_what_waits(consumer)?;
        let now = self.now();
        let around = &mut Context {
            clock: &self.clock,
            cgroups: &mut self.cgroups,
            links: &mut self.links,
        };
        consumer.interrupt(&self.tracker, now, around)?;
        Ok(())
    }

    /// Goes on with another source, of which nothing is known yet.
    fn go_on_with(&mut self, source: Replay, beginning: Beginning, options: &RunOptions) {
        let (signals, progress) = (self.signals.take(), self.progress.take());
        *self = Self::new(source, beginning, options);
        (self.signals, self.progress) = (signals, progress);
    }
}
