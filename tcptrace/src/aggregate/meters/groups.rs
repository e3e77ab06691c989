//! Counters with one label more: whose connections they are of.

use rustc_hash::FxHashMap;

use super::Series;
use crate::{
    aggregate::stats::{By, Group},
    model::Transition,
};

/// What did not count for so long goes away, ns.
const IDLE_NS: u64 = 3_600_000_000_000;
/// The same where there is no room for another.
const IDLE_WHEN_FULL_NS: u64 = 300_000_000_000;

/// Counters of one value of the label.
#[derive(Clone, Debug, Default)]
pub struct GroupMeters {
    /// There are few.
    counts: Vec<(Series, u64)>,
    /// When one last counted: CLOCK_MONOTONIC, ns.
    last_ns: u64,
}

impl GroupMeters {
    /// All that counted.
    pub fn iter(&self) -> impl Iterator<Item = (Series, u64)> + '_ {
        self.counts.iter().copied()
    }

    fn row(&mut self, series: Series) -> Option<&mut u64> {
        let mut rows = self.counts.iter_mut();
        rows.find(|(it, _)| *it == series).map(|(_, count)| count)
    }
}

/// Counters by the value of a label, so many time series at the most. What is more counts as
/// `other`, so that sums stay right.
#[derive(Clone, Debug)]
pub struct Groups {
    by: By,
    most: usize,
    rows: FxHashMap<Group, GroupMeters>,
    other: GroupMeters,
    /// Time series that all rows are shown as.
    shown: usize,
    /// How often something counted as `other`, by what it counts.
    folded: [u64; Series::KINDS],
    /// There was no room since idle ones were looked for.
    full: bool,
}

impl Groups {
    /// None yet.
    #[must_use]
    pub fn new(by: By, most: usize) -> Self {
        Self {
            by,
            most,
            rows: FxHashMap::default(),
            other: GroupMeters::default(),
            shown: 0,
            folded: [0; Series::KINDS],
            full: false,
        }
    }

    /// What the label is.
    #[must_use]
    pub fn by(&self) -> By {
        self.by
    }

    /// Counts a transition.
    pub fn take(&mut self, it: &Transition) {
        let group = self.by.group(&it.tuple, &it.owner, it.opener);
        for series in Series::each(it) {
            self.count(group, series, it.time_ns);
        }
    }

    /// Counts for a group at a time: CLOCK_MONOTONIC, ns.
    fn count(&mut self, group: Group, series: Series, time_ns: u64) {
        let room = self.shown + series.shown_as() <= self.most;
        let row = match self.rows.get_mut(&group) {
            Some(row) => {
                row.last_ns = time_ns;
                if let Some(count) = row.row(series) {
                    *count += 1;
                    return;
                }
                room.then_some(row)
            }
            None if room => {
                let row = self.rows.entry(group).or_default();
                row.last_ns = time_ns;
                Some(row)
            }
            None => None,
        };
        match row {
            Some(row) => {
                row.counts.push((series, 1));
                self.shown += series.shown_as();
            }
            None => {
                self.full = true;
                self.folded[series.kind()] += 1;
                match self.other.row(series) {
                    Some(count) => *count += 1,
                    None => self.other.counts.push((series, 1)),
                }
            }
        }
    }

    /// Lets those go that did not count for long.
    pub fn forget_idle(&mut self, now_ns: u64) {
        let idle_ns = match std::mem::take(&mut self.full) {
            true => IDLE_WHEN_FULL_NS,
            false => IDLE_NS,
        };
        let since = now_ns.saturating_sub(idle_ns);
        let shown = &mut self.shown;
        self.rows.retain(|_, row| {
            let stays = row.last_ns >= since;
            if !stays {
                *shown -= row.iter().map(|(it, _)| it.shown_as()).sum::<usize>();
            }
            stays
        });
    }

    /// All that have a row of their own. In no order.
    pub fn iter(&self) -> impl Iterator<Item = (&Group, &GroupMeters)> {
        self.rows.iter()
    }

    /// What found no room.
    #[must_use]
    pub fn other(&self) -> &GroupMeters {
        &self.other
    }

    /// How often something counted as `other`, by [`Series::kind`].
    #[must_use]
    pub fn folded(&self) -> &[u64; Series::KINDS] {
        &self.folded
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::{FlowEnd, Reason, State};

    const WAY: Series = Series::Way(State::Closed, State::SynSent, Reason::Connect);
    const CLOSED: Series = Series::Closed(FlowEnd::Graceful, None);

    fn port(port: u16) -> Group {
        Group::Port(Some(port))
    }

    fn of(groups: &Groups, group: Group) -> Option<u64> {
        let (_, row) = groups.iter().find(|(it, _)| **it == group)?;
        Some(row.iter().map(|(_, count)| count).sum())
    }

    #[test]
    fn what_finds_no_room_counts_as_other_and_sums_stay_right() {
        let mut groups = Groups::new(By::Port, 3);
        groups.count(port(80), WAY, 1);
        groups.count(port(81), WAY, 2);
        groups.count(port(80), CLOSED, 3);
        groups.count(port(82), WAY, 4);
        groups.count(port(82), WAY, 5);
        groups.count(port(81), CLOSED, 6);
        groups.count(port(80), WAY, 7);
        assert_eq!(of(&groups, port(80)), Some(3));
        assert_eq!(of(&groups, port(81)), Some(1));
        assert_eq!(of(&groups, port(82)), None);
        let other: Vec<_> = groups.other().iter().collect();
        assert_eq!(other, [(WAY, 2), (CLOSED, 1)]);
        assert_eq!(groups.folded()[WAY.kind()], 2);
        assert_eq!(groups.folded()[CLOSED.kind()], 1);
    }

    #[test]
    fn those_that_are_idle_go_and_make_room() {
        let mut groups = Groups::new(By::Port, 1);
        groups.count(port(80), WAY, 0);
        groups.forget_idle(IDLE_NS);
        assert_eq!(of(&groups, port(80)), Some(1));
        groups.count(port(81), WAY, IDLE_NS);
        assert_eq!(of(&groups, port(81)), None, "there is no room");
        groups.forget_idle(IDLE_NS);
        assert_eq!(of(&groups, port(80)), None, "it was wanted");
        groups.count(port(81), WAY, IDLE_NS);
        assert_eq!(of(&groups, port(81)), Some(1));
        groups.forget_idle(2 * IDLE_NS + 1);
        assert_eq!(of(&groups, port(81)), None);
    }
}
