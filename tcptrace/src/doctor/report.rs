//! What was found out.

use super::{Check, Counter, Setting, Status, Warning};
use crate::language::Language;

/// What was found out about this machine.
#[derive(Clone, Debug)]
pub struct Report {
    /// In which language it is said.
    pub language: Language,
    /// What tracing needs.
    pub checks: Vec<Check>,
    /// How TCP is set up in this network namespace.
    pub settings: Vec<Setting>,
    /// What happened in it.
    pub counters: Vec<Counter>,
    /// What to know about these.
    pub warnings: Vec<Warning>,
}

impl Report {
    /// Whether this machine can be traced, if only in part.
    #[must_use]
    pub fn can_trace(&self) -> bool {
        self.checks
            .iter()
            .all(|check| check.status != Status::Failed)
    }
}
