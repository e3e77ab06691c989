//! What there is at a moment.

use super::{
    Bounded, By, Group, ListenAddress, TimeWaitMaker,
    taken::{At, PortCount, TakenPorts},
};
use crate::model::{Connection, Known, PortRange, Side, State};

/// So many routes, listeners and makers are told apart.
const MOST: usize = 1 << 16;

/// Counts by state.
pub type StateCounts = [u64; State::ALL.len()];

/// TIME_WAITs of a [`TimeWaitMaker`].
#[derive(Clone, Copy, Debug, Default)]
pub struct TimeWaitsNow {
    /// All.
    pub now: u64,
    /// Those of connections that this side opened: each has a port of ip_local_port_range, or
    /// one that was asked for.
    pub ports: u64,
}

/// The connections that there are at a moment, counted.
#[derive(Clone, Debug)]
pub struct Census {
    states: StateCounts,
    /// By group, if figures are broken down.
    pub groups: Bounded<Group, StateCounts>,
    /// TIME_WAITs by who made them.
    pub time_waits: Bounded<TimeWaitMaker, TimeWaitsNow>,
    /// Half-open connections by where they came to.
    pub half_open: Bounded<ListenAddress, u64>,
    /// Ports taken.
    pub taken: TakenPorts,
}

impl Census {
    /// Counts the connections that are asked for. `range_of` tells the ports of a network
    /// namespace; without them, ports are not counted.
    #[must_use]
    pub fn of<'a>(
        known: &impl Known,
        at: At,
        by: Option<By>,
        wanted: impl FnMut(&Connection) -> bool,
        range_of: impl FnMut(u32) -> Option<&'a PortRange>,
    ) -> Self {
        Self::count(known, at, by, true, wanted, range_of)
    }

    /// The same without who made TIME_WAITs, and without groups: for who counts often.
    #[must_use]
    pub fn brief<'a>(
        known: &impl Known,
        at: At,
        wanted: impl FnMut(&Connection) -> bool,
        range_of: impl FnMut(u32) -> Option<&'a PortRange>,
    ) -> Self {
        Self::count(known, at, None, false, wanted, range_of)
    }

    fn count<'a>(
        known: &impl Known,
        at: At,
        by: Option<By>,
        makers: bool,
        mut wanted: impl FnMut(&Connection) -> bool,
        mut range_of: impl FnMut(u32) -> Option<&'a PortRange>,
    ) -> Self {
        let mut census = Self {
            states: StateCounts::default(),
            groups: Bounded::new(MOST),
            time_waits: Bounded::new(MOST),
            half_open: Bounded::new(MOST),
            taken: PortCount::default().sum(),
        };
        let mut taken = PortCount::default();
        for it in known.connections() {
            if let Some(range) = range_of(it.tuple.netns) {
                taken.bound(&it, range);
            }
            if !wanted(&it) {
                continue;
            }
            census.states[it.state as usize] += 1;
            if let Some(by) = by {
                let group = by.group(&it.tuple, &it.owner, it.opener);
                census.groups.row(group)[it.state as usize] += 1;
            }
            match it.state {
                State::Listen => continue,
                State::TimeWait if makers => {
                    let maker = TimeWaitMaker::of(&it.tuple, &it.owner, it.opener);
                    let waiting = census.time_waits.row(maker);
                    waiting.now += 1;
                    waiting.ports += u64::from(it.opener == Some(Side::Local));
                }
                State::SynRecv if it.opener != Some(Side::Local) => {
                    *census.half_open.row(ListenAddress::of(&it.tuple)) += 1;
                }
                _ => {}
            }
            if let Some(range) = range_of(it.tuple.netns) {
                taken.chosen(&it, known, range, at);
            }
        }
        census.taken = taken.sum();
        census
    }

    /// How many are in a state.
    #[must_use]
    pub fn now(&self, state: State) -> u64 {
        self.states[state as usize]
    }

    /// How many of a group are in a state.
    #[must_use]
    pub fn now_of(&self, group: &Group, state: State) -> u64 {
        self.groups
            .get(group)
            .map_or(0, |counts| counts[state as usize])
    }
}
