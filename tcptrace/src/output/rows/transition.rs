//! A line of `watch`.

use super::{identity::Identity, owner::Kept};
use crate::{
    model::{Closer, Comm, Detail, Reason, Side, State, Transition},
    output::{
        Scratch, Shown, Surroundings,
        fields::Time,
        row::{line, row},
    },
};

row! {
    /// A transition.
    pub struct TransitionRow<'a> {
        /// When the kernel made it: RFC 3339 with nanoseconds, UTC.
        time: Time,
        /// When the kernel made it: CLOCK_MONOTONIC, ns, as tcptrace's own time namespace has it.
        mono_ns: u64,
        /// Which connection.
        identity: Identity<'a>,
        /// The state left, as netstat names it: tcptrace explain STATE tells more.
        from: State,
        /// The state entered.
        to: State,
        /// How long it was in the state left, ns; null when that began before tracing did, and for
        /// a connection's first transition.
        held_ns: Option<u64>,
        /// Why: tcptrace explain REASON tells more.
        reason: Reason,
        /// More about why, where more is known: tcptrace explain DETAIL tells more.
        detail: Option<Detail>,
        /// Who opened the connection: this side or the peer; null when unknown.
        opener: Option<Side>,
        /// Who sent the first FIN or RST: this side, the peer, or both before either saw the
        /// other's; null when nobody did yet, or unknown.
        closer: Option<Closer>,
        /// Segments sent again so far: SYNs, SYN+ACKs, data and FINs; null where the kernel is not
        /// asked, or it is unknown.
        retransmits: Option<u32>,
        /// Whose it is.
        owner: &'a Kept,
        /// Name of the thread that made the transition, with ? for what is no text, where it differs
        /// from comm; else null.
        thread: Option<Comm>,
    }
}
line!(TransitionRow<'_> = "transition", "A connection went from one state to another", "A line of watch.");

impl Shown for Transition {
    type Row<'a> = TransitionRow<'a>;

    #[inline]
    fn row<'a>(
        &'a self,
        around: &'a mut Surroundings<'_>,
        scratch: &'a mut Scratch,
    ) -> TransitionRow<'a> {
        TransitionRow {
            time: scratch.time.stamp(around.clock.wall(self.time_ns)),
            mono_ns: around.clock.own(self.time_ns),
            identity: Identity::new(self.cookie, &self.tuple, around.links),
            from: self.from,
            to: self.to,
            held_ns: self.held_ns,
            reason: self.reason,
            detail: self.detail,
            opener: self.opener,
            closer: self.closer,
            retransmits: self.retransmits,
            owner: scratch.owners.of(&self.owner, around.cgroups),
            thread: self.thread,
        }
    }
}
