//! What a recording has beside events, and which parts of it are kept longer.

use std::{collections::HashSet, fmt, io, str::FromStr};

use crate::{
    diagnose::Verdict,
    model::{Reason, Transition},
    output::ShownStuck,
    record::{Anonymizer, Recorder, format::Entry},
};

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

/// Records what was found to be stuck, and has spared what is worth it.
pub(super) struct Keeping {
    spare: HashSet<Spare>,
    /// Some reason is among them.
    by_reason: bool,
    /// This is to be spared.
    spare_now: bool,
}

impl Keeping {
    /// Has spared what `spare` says.
    pub fn new(spare: &[Spare]) -> Self {
        Self {
            spare: spare.iter().copied().collect(),
            by_reason: spare.iter().any(|it| matches!(it, Spare::Reason(_))),
            spare_now: false,
        }
    }

    /// A transition is recorded.
    pub fn transition(&mut self, it: &Transition) {
        if self.by_reason && self.spare.contains(&Spare::Reason(it.reason)) {
            self.spare_now = true;
        }
    }

    /// Events were lost.
    pub fn lost(&mut self) {
        self.spare_now |= self.spare.contains(&Spare::Lost);
    }

    /// Records those that were found to be stuck. `other`: their real addresses and names are not
    /// recorded.
    ///
    /// # Errors
    /// When one can't be written as JSON.
    pub fn record(
        &mut self,
        found: Vec<ShownStuck>,
        recorder: &mut Recorder,
        mut other: Option<&mut Anonymizer>,
    ) -> io::Result<()> {
        for mut it in found {
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
