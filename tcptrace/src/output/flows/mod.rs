//! Flows with what is said of them.

use crate::{
    aggregate::flows::Candidate,
    model::{FlowRecord, KeepaliveSettings},
};

/// A flow, with what can be said about it.
#[derive(Clone, Copy, Debug)]
pub struct ShownFlow<'a> {
    /// The connection.
    pub record: &'a FlowRecord,
    /// How long neither side had sent data when the first one closed, ns.
    pub idle_before_close_ns: Option<u64>,
    /// What may have closed it after it was idle for so long.
    pub idle_candidates: &'a [&'a Candidate],
    /// `None`: off, or unknown.
    pub keepalive: Option<KeepaliveSettings>,
}
