//! Connections that were found to be stuck, by what holds them.

use super::lives::Around;
use crate::{
    diagnose::Verdict,
    model::{Connection, Cookie, State},
    output::ShownStuck,
};

/// So many connections of each kind are kept: the first ones.
pub const MOST_STUCK: usize = 5;

/// One of them.
#[derive(Clone, Debug)]
pub struct StuckLife {
    /// What was found.
    pub found: ShownStuck,
    /// When: ns since 1970.
    pub wall_ns: i64,
    /// Names.
    pub around: Around,
    /// It was so still when the recording ended, or a part of it did; `None`: nobody knows, as events
    /// were lost.
    pub is_still: Option<bool>,
}

/// Those that are in one state for the same cause.
#[derive(Clone, Debug)]
pub struct StuckKind {
    /// The state.
    pub state: State,
    /// The cause.
    pub verdict: Verdict,
    /// How many there were.
    pub count: u64,
    /// The first of them.
    pub first: Vec<StuckLife>,
}

/// All of them. There are few states and verdicts, so that it needs no other bound.
#[derive(Clone, Debug, Default)]
pub struct StuckKinds(Vec<StuckKind>);

impl StuckKinds {
    /// Takes one that was found; `make` is called only if it is kept.
    pub fn take(&mut self, it: &ShownStuck, make: impl FnOnce() -> StuckLife) {
        let (state, verdict) = (it.connection.state, it.diagnosis.verdict);
        let same = |kind: &StuckKind| kind.state == state && kind.verdict == verdict;
        let at = self.0.iter().position(same).unwrap_or_else(|| {
            self.0.push(StuckKind {
                state,
                verdict,
                count: 0,
                first: Vec::new(),
            });
            self.0.len() - 1
        });
        let kind = &mut self.0[at];
        kind.count += 1;
        if kind.first.len() < MOST_STUCK {
            kind.first.push(make());
        }
    }

    /// Nothing more is known of them: `now` tells of those of which it was not decided what there is.
    /// `unsure`: events were lost, and it may be another one.
    pub fn end(&mut self, unsure: bool, now: impl Fn(Cookie) -> Option<Connection>) {
        let open = self.0.iter_mut().flat_map(|kind| &mut kind.first);
        for it in open.filter(|it| it.is_still.is_none()) {
            let was = &it.found.connection;
            it.is_still = match was.cookie {
                Some(cookie) if !unsure => {
                    Some(now(cookie).is_some_and(|it| it.state == was.state))
                }
                _ => None,
            };
        }
    }

    /// All kinds, those with the most connections first.
    #[must_use]
    pub fn sorted(&self) -> Vec<&StuckKind> {
        let mut kinds: Vec<&StuckKind> = self.0.iter().collect();
        kinds.sort_by_key(|it| (std::cmp::Reverse(it.count), it.state));
        kinds
    }

    /// How many were found in all.
    #[must_use]
    pub fn count(&self) -> u64 {
        self.0.iter().map(|it| it.count).sum()
    }
}
