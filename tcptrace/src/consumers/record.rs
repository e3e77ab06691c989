//! Watches over a recording: says how it goes, and has spared what is worth it.

use std::{
    collections::HashSet,
    fmt, io,
    ops::ControlFlow,
    path::{Path, PathBuf},
    str::FromStr,
    time::{Duration, Instant},
};

use super::Stuck;
use crate::{
    diagnose::{Thresholds, Verdict},
    engine::Consumer,
    filter::Filter,
    host::Clock,
    model::{Machine, Reason, Transition},
    output::{Collected, Context, End, RecordingProgress, ShownStuck, Start, StatusLine},
    record::{Anonymizer, Progress, Recorder, format::Entry},
    track::Tracker,
};

/// How often it is said how it goes.
const OFTEN: Duration = Duration::from_secs(1);

/// What a part of a recording is spared for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Spare {
    /// A transition for that reason.
    Reason(Reason),
    /// A connection that is stuck for that.
    Verdict(Verdict),
    /// A connection that is stuck, whatever for.
    Stuck,
    /// Lost events.
    Lost,
}

/// A word that nothing is spared for.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error(
    "it takes reasons of transitions, verdicts of stuck connections, stuck, or lost: {}",
    words()
)]
pub struct SpareError;

fn words() -> String {
    let names: Vec<String> = Spare::all().map(|it| it.to_string()).collect();
    names.join(", ")
}

impl Spare {
    fn all() -> impl Iterator<Item = Self> {
        let reasons = Reason::ALL.into_iter().map(Self::Reason);
        let verdicts = Verdict::ALL.into_iter().map(Self::Verdict);
        reasons.chain(verdicts).chain([Self::Stuck, Self::Lost])
    }
}

impl fmt::Display for Spare {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Reason(reason) => reason.name(),
            Self::Verdict(verdict) => verdict.name(),
            Self::Stuck => "stuck",
            Self::Lost => "lost",
        })
    }
}

impl FromStr for Spare {
    type Err = SpareError;

    fn from_str(word: &str) -> Result<Self, SpareError> {
        let mut all = Self::all();
        all.find(|it| it.to_string() == word).ok_or(SpareError)
    }
}

/// Watches over a recording.
pub struct Record {
    path: PathBuf,
    spare: HashSet<Spare>,
    /// Some reason is among them.
    by_reason: bool,
    /// This is to be spared.
    spare_now: bool,
    status: StatusLine,
    began: Instant,
    said: Option<Instant>,
    progress: Progress,
    transitions: u64,
    stuck: Stuck,
    /// What that found, until it is recorded.
    found: Collected,
}

impl Record {
    /// Spares what `spare` says, of what is recorded at `path`. Looks for stuck connections among
    /// those that `filter` lets through.
    #[must_use]
    pub fn new(path: &Path, spare: &[Spare], filter: Filter, thresholds: Thresholds) -> Self {
        let found = Collected::default();
        Self {
            stuck: Stuck::new(Box::new(found.clone()), filter, thresholds, None).unhurried(),
            found,
            path: path.to_owned(),
            spare: spare.iter().copied().collect(),
            by_reason: spare.iter().any(|it| matches!(it, Spare::Reason(_))),
            spare_now: false,
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
        if self.by_reason && self.spare.contains(&Spare::Reason(it.reason)) {
            self.spare_now = true;
        }
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
        self.stuck.review(known, now, around)
    }

    fn lost(&mut self, _: u64) -> io::Result<()> {
        self.spare_now |= self.spare.contains(&Spare::Lost);
        Ok(())
    }

    fn record(
        &mut self,
        recorder: &mut Recorder,
        mut other: Option<&mut Anonymizer>,
    ) -> io::Result<()> {
        for mut it in self.found.take() {
            if let Some(other) = &mut other {
                anonymize(&mut it, other);
            }
            let kept = it.to_kept()?;
            recorder.note(&Entry::Stuck(&kept));
            let verdict = Spare::Verdict(it.diagnosis.verdict);
            self.spare_now |= self.spare.contains(&Spare::Stuck) || self.spare.contains(&verdict);
        }
        if std::mem::take(&mut self.spare_now) {
            recorder.spare();
        }
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
        self.stuck.asks_for_owners()
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

/// Puts other addresses and names in the place of the real ones.
fn anonymize(it: &mut ShownStuck, other: &mut Anonymizer) {
    it.connection.tuple = other.tuple(it.connection.tuple);
    it.connection.owner = other.owner(it.connection.owner);
    for holder in &mut it.holders {
        holder.process = other.process(holder.process);
    }
    if let Some((_, Some(process))) = &mut it.suspect.context.server {
        *process = other.process(*process);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_spared_is_named_as_everywhere() {
        for word in ["reset_by_peer", "overflow", "half_open", "stuck", "lost"] {
            assert_eq!(word.parse::<Spare>().unwrap().to_string(), word);
        }
        let error = "resets".parse::<Spare>().unwrap_err().to_string();
        assert!(error.contains("reset_by_us"), "{error}");
    }
}
