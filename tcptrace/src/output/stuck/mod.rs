//! Connections that are stuck.

mod recorded;

pub use self::recorded::Collected;
use crate::{
    diagnose::{Diagnosis, Held, Suspect},
    host::Holder,
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
