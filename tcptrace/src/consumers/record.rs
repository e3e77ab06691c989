//! Watches over a recording: says how it goes, and has spared what is worth it.

use std::{
    io,
    ops::ControlFlow,
    path::{Path, PathBuf},
    time::{Duration, Instant},
};

use super::{
    keeping::{Keeping, Spare},
    stuck::StuckNow,
};
use crate::{
    diagnose::Thresholds,
    engine::Consumer,
    filter::Filter,
    host::Clock,
    model::{Machine, Transition},
    output::{Context, End, RecordingProgress, Start, StatusLine},
    record::{Anonymizer, Progress, Recorder},
    track::Tracker,
};

/// How often it is said how it goes.
const OFTEN: Duration = Duration::from_secs(1);

/// Watches over a recording.
pub struct Record {
    path: PathBuf,
    keeping: Keeping,
    status: StatusLine,
    began: Instant,
    said: Option<Instant>,
    progress: Progress,
    transitions: u64,
    stuck: StuckNow,
}

impl Record {
    /// Spares what `spare` says, of what is recorded at `path`. Looks for stuck connections among
    /// those that `filter` lets through.
    #[must_use]
    pub fn new(path: &Path, spare: &[Spare], filter: Filter, thresholds: Thresholds) -> Self {
        Self {
            stuck: StuckNow::new(filter, thresholds),
            path: path.to_owned(),
            keeping: Keeping::new(spare),
            status: StatusLine::default(),
            began: Instant::now(),
            said: None,
            progress: Progress::default(),
            transitions: 0,
        }
    }

    fn say(&mut self, progress: Progress, over: bool) {
        let events = progress.events.saturating_sub(self.progress.events);
        let since = self.said.unwrap_or(self.began).elapsed();
        let shown = RecordingProgress {
            path: &self.path,
            time: self.began.elapsed(),
            events: progress.events,
            per_second: match over {
                true => None,
                false => Some(events as f64 / since.as_secs_f64().max(0.001)),
            },
            bytes: progress.bytes,
            segments: progress.segments,
            lost: progress.lost,
            failing: progress.failing,
        };
        self.status.show(&shown);
        self.progress = progress;
        self.said = Some(Instant::now());
    }
}

impl Consumer for Record {
    fn begin(&mut self, known: &Tracker, machine: &Machine) {
        self.stuck.begin(known, machine);
    }

    fn start(&mut self, _: &Start, _: &Clock) -> io::Result<()> {
        self.began = Instant::now();
        Ok(())
    }

    fn transition(
        &mut self,
        it: &Transition,
        around: &mut Context<'_>,
    ) -> io::Result<ControlFlow<()>> {
        self.transitions += 1;
        self.keeping.transition(it);
        self.stuck.transition(it, around)
    }

    fn review_due(&self) -> Option<u64> {
        self.stuck.review_due()
    }

    fn review(
        &mut self,
        known: &Tracker,
        now: u64,
        around: &mut Context<'_>,
    ) -> io::Result<ControlFlow<()>> {
        self.stuck.review(known, now, around)?;
        Ok(ControlFlow::Continue(()))
    }

    fn lost(&mut self, _: u64) -> io::Result<()> {
        self.keeping.lost();
        Ok(())
    }

    fn record(
        &mut self,
        recorder: &mut Recorder,
        other: Option<&mut Anonymizer>,
    ) -> io::Result<()> {
        self.keeping.record(self.stuck.take(), recorder, other)?;
        if self.status.is_seen() && self.said.is_none_or(|said| said.elapsed() >= OFTEN) {
            self.say(recorder.progress(), false);
        }
        Ok(())
    }

    fn recorded(&mut self, progress: &Progress) {
        if self.status.is_seen() {
            self.say(*progress, true);
            self.status.leave();
        }
    }

    fn asks_for_owners(&self) -> bool {
        true
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }

    fn shown(&self) -> u64 {
        self.transitions
    }

    fn close(&mut self, _: &End) -> io::Result<()> {
        Ok(())
    }
}
