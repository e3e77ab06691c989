//! Handshakes that needed a SYN, or a SYN+ACK, more than once.

use crate::model::{State, Transition};

/// What became of handshakes whose first segment did not do.
#[derive(Clone, Copy, Debug, Default)]
pub struct Retried {
    /// How many there were.
    pub handshakes: u64,
    /// Those that were not completed even so.
    pub failed: u64,
    /// SYNs and SYN+ACKs sent again, in all.
    pub retransmits: u64,
}

impl Retried {
    /// How often a SYN or SYN+ACK was sent again, if a transition ends a handshake that needed it.
    #[must_use]
    pub fn in_handshake(it: &Transition) -> Option<u32> {
        let ends = matches!(it.from, State::SynSent | State::SynRecv) && it.to != State::SynRecv;
        it.retransmits.filter(|count| ends && *count > 0)
    }

    /// Counts it.
    pub fn take(&mut self, it: &Transition, retransmits: u32) {
        self.handshakes += 1;
        self.failed += u64::from(it.to == State::Closed);
        self.retransmits += u64::from(retransmits);
    }

    /// Takes another's in.
    pub fn absorb(&mut self, other: Self) {
        self.handshakes += other.handshakes;
        self.failed += other.failed;
        self.retransmits += other.retransmits;
    }
}
