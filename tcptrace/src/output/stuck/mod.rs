//! Connections that are stuck.

mod recorded;

pub use self::recorded::Collected;
use crate::{
    diagnose::{self, Diagnosis, Held, Suspect},
    host::Holder,
    language::{Chapter, Language, Words},
    model::Connection,
};

/// A connection that is stuck, with all that is to be said of it.
#[derive(Clone, Debug)]
pub struct ShownStuck {
    /// When it was looked at: CLOCK_MONOTONIC, ns.
    pub mono_ns: u64,
    /// The connection, with its owner.
    pub connection: Connection,
    /// The owner's descriptor, if it has it still.
    pub descriptor: Option<u32>,
    /// All processes that hold it.
    pub holders: Vec<Holder>,
    /// How long it has been in its state.
    pub held: Held,
    /// What the kernel tells of it.
    pub suspect: Suspect,
    /// Who is to blame.
    pub diagnosis: Diagnosis,
}

impl ShownStuck {
    /// What is seen, in words.
    #[must_use]
    pub fn text(&self, language: Language) -> String {
        let words = Words::kept(Chapter::Stuck, language);
        diagnose::text(&self.suspect, &self.diagnosis, words)
    }

    /// What to do.
    #[must_use]
    pub fn advice(&self, language: Language) -> String {
        let words = Words::kept(Chapter::Stuck, language);
        diagnose::advice(&self.suspect, self.diagnosis.verdict, words)
    }
}
