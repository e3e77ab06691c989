//! What is forgotten where there is no room.

use super::{Tracker, flow::Flow, flows::Id, order::Out};
use crate::model::{State, Transition};

/// At the ceiling a part of all is forgotten at once: to find out which takes a look at all.
const PART: usize = 16;

/// How much is lost with a connection, the least first.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Rank {
    /// It is over, and the kernel tells of its end with all but its owner and the time.
    Over,
    /// Mostly it does nothing.
    Open,
    /// It may be stuck, which is told by how long it is quiet.
    Stuck,
}

impl Rank {
    /// `None`: a listener, whose connections know it by what is remembered of it.
    fn of(flow: &Flow) -> Option<Self> {
        match flow.state {
            State::Listen => None,
            State::TimeWait | State::Closed => Some(Self::Over),
            State::Established => Some(Self::Open),
            _ => Some(Self::Stuck),
        }
    }
}

impl Tracker {
    /// Makes room for one more connection, if that can be: listeners are kept as long as they
    /// listen. Of all others those go first with which the least is lost, and of those alike, what
    /// was quiet longest.
    pub(super) fn make_room(&mut self, out: &mut Out<'_, impl FnMut(&Transition)>) -> bool {
        let wanted = (self.limits.flows / PART).max(1);
        let mut victims: Vec<Id> = Vec::new();
        for rank in [Rank::Over, Rank::Open, Rank::Stuck] {
            let of_it = self
                .flows
                .iter()
                .filter(|(_, flow)| Rank::of(flow) == Some(rank))
                .map(|(id, _)| id);
            victims.extend(of_it.take(wanted - victims.len()));
            if victims.len() == wanted {
                break;
            }
        }
        for id in &victims {
            if let Some(mut old) = self.flows.remove(*id) {
                self.forgotten += 1;
                old.tell_what_waits(id.cookie(), out);
                self.orphans.remove(&old.tuple);
            }
        }
        !victims.is_empty()
    }
}
