//! What happened, slot by slot of time.

use super::ways::STATES;
use crate::model::{FlowEnd, Reason, Side, State, Transition};

/// Widths of a slot, ns: each is a multiple of the one before. A longer time has wider slots, so that
/// there are never more than [`MOST`].
const WIDTHS: [u64; 17] = [
    100_000_000,
    200_000_000,
    1_000_000_000,
    2_000_000_000,
    10_000_000_000,
    20_000_000_000,
    60_000_000_000,
    120_000_000_000,
    600_000_000_000,
    1_200_000_000_000,
    3_600_000_000_000,
    7_200_000_000_000,
    21_600_000_000_000,
    86_400_000_000_000,
    864_000_000_000_000,
    86_400_000_000_000_000,
    8_640_000_000_000_000_000,
];
/// So many slots there are at the most.
const MOST: usize = 300;

/// Counts of a slot.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct RateCounts {
    /// connect() was called.
    pub opened_here: u64,
    /// A SYN came and was answered.
    pub opened_by_peers: u64,
    /// Connections that left the application's hands.
    pub ended: u64,
    /// TIME_WAITs that began.
    pub time_waits: u64,
    /// Those of the ones that ended that an RST ended.
    pub resets: u64,
    /// Those that ended as nobody answered, or nobody listened.
    pub failures: u64,
    /// Events that were lost.
    pub lost: u64,
}

impl RateCounts {
    fn take(&mut self, it: &Transition) {
        match (it.from, it.to) {
            (State::Closed, State::SynSent) => self.opened_here += 1,
            (State::Listen, State::SynRecv) => self.opened_by_peers += 1,
            // Let in by a SYN cookie: nothing was kept before.
            (State::Listen, State::Established) if it.opener == Some(Side::Remote) => {
                self.opened_by_peers += 1;
            }
            _ => {}
        }
        if it.to == State::TimeWait {
            self.time_waits += 1;
        }
        if let Some(end) = FlowEnd::of(it) {
            self.ended += 1;
            match end {
                FlowEnd::Reason(Reason::ResetByPeer | Reason::ResetByUs) => self.resets += 1,
                FlowEnd::Reason(
                    Reason::Refused
                    | Reason::Unreachable
                    | Reason::TimedOut
                    | Reason::KeepaliveTimeout,
                ) => self.failures += 1,
                _ => {}
            }
        }
    }

    fn add(&mut self, other: Self) {
        self.opened_here += other.opened_here;
        self.opened_by_peers += other.opened_by_peers;
        self.ended += other.ended;
        self.time_waits += other.time_waits;
        self.resets += other.resets;
        self.failures += other.failures;
        self.lost += other.lost;
    }
}

/// A slot of time.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct RateSlot {
    /// What happened in it.
    pub counts: RateCounts,
    /// How many were in each state when it ended, in the order of [`State::ALL`]; `None`: unknown, or
    /// nothing happened in it that would have changed that.
    pub at_end: Option<[u64; STATES]>,
    /// For how long of it it is known what happened, ns; 0: nothing is known.
    pub known_ns: u64,
}

impl RateSlot {
    /// A count as a rate, 1/s; `None`: it is not known what happened then. `width_ns`: how long a slot
    /// is. Of a slot that is hardly known, it is taken for known by half: what happens in a moment is no
    /// rate.
    #[must_use]
    pub fn per_s(&self, count: u64, width_ns: i64) -> Option<f64> {
        let known_ns = self.known_ns.max(width_ns.unsigned_abs() / 2);
        (self.known_ns > 0).then(|| count as f64 * 1e9 / known_ns as f64)
    }
}

/// Counts by time. All times are ns since 1970.
#[derive(Clone, Debug, Default)]
pub struct Rates {
    /// An index of [`WIDTHS`].
    width: usize,
    /// The number of the first slot, counted from 1970 on.
    first: i64,
    slots: Vec<RateSlot>,
}

impl Rates {
    /// Counts a transition at that time.
    pub fn take(&mut self, at_ns: i64, it: &Transition) {
        if let Some(slot) = self.slot(at_ns) {
            slot.counts.take(it);
        }
    }

    /// Whether another slot than that of a time begins with a later one.
    #[must_use]
    pub fn is_another(&self, at_ns: i64, later_ns: i64) -> bool {
        at_ns.div_euclid(self.width_ns()) != later_ns.div_euclid(self.width_ns())
    }

    /// So many were in each state at that time, and to the end of its slot; `None`: unknown.
    pub fn in_states(&mut self, at_ns: i64, now: Option<[u64; STATES]>) {
        if let Some(slot) = self.slot(at_ns) {
            slot.at_end = now;
        }
    }

    /// Events were lost at that time.
    pub fn lost(&mut self, at_ns: i64, events: u64) {
        if let Some(slot) = self.slot(at_ns) {
            slot.counts.lost += events;
        }
    }

    /// What happened in that time was told.
    pub fn known(&mut self, from_ns: i64, to_ns: i64) {
        if from_ns >= to_ns {
            return;
        }
        // There is room for all of it then.
        if self.slot(from_ns).is_none() || self.slot(to_ns - 1).is_none() {
            return;
        }
        let width = self.width_ns();
        let mut begins = self.first.saturating_mul(width);
        for slot in &mut self.slots {
            let ends = begins.saturating_add(width);
            let known = to_ns.min(ends).saturating_sub(from_ns.max(begins));
            slot.known_ns += u64::try_from(known).unwrap_or(0);
            begins = ends;
        }
    }

    /// How long a slot is, ns.
    #[must_use]
    pub fn width_ns(&self) -> i64 {
        WIDTHS[self.width].cast_signed()
    }

    /// All slots, each with when it begins, one after the other.
    pub fn iter(&self) -> impl Iterator<Item = (i64, &RateSlot)> {
        let numbers = self.first..;
        let width = self.width_ns();
        numbers
            .zip(&self.slots)
            .map(move |(number, slot)| (number.saturating_mul(width), slot))
    }

    /// The same in at most so many slots, wider ones.
    #[must_use]
    pub fn in_at_most(&self, most: usize) -> Self {
        let mut fewer = self.clone();
        while fewer.slots.len() > most && fewer.widen() {}
        fewer
    }

    /// Whether nothing is known of any time.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.slots.is_empty()
    }

    /// The slot of a time, which is made if there is none. What is told late, and happened before the
    /// first slot by so much that there is no room, belongs to the first one.
    fn slot(&mut self, at_ns: i64) -> Option<&mut RateSlot> {
        loop {
            let number = at_ns.div_euclid(self.width_ns());
            if self.slots.is_empty() {
                self.first = number;
            }
            let behind = number.saturating_sub(self.first);
            let needed = match usize::try_from(behind) {
                Ok(behind) => behind.saturating_add(1),
                Err(_) => self
                    .slots
                    .len()
                    .saturating_add(usize::try_from(behind.unsigned_abs()).unwrap_or(usize::MAX)),
            };
            if needed > MOST {
                if self.widen() {
                    continue;
                }
                return self.slots.first_mut();
            }
            if behind < 0 {
                let more = needed - self.slots.len();
                let empty = std::iter::repeat_n(RateSlot::default(), more);
                self.slots.splice(0..0, empty);
                self.first = number;
            } else if needed > self.slots.len() {
                self.slots.resize(needed, RateSlot::default());
            }
            let at = usize::try_from(number - self.first).ok()?;
            return self.slots.get_mut(at);
        }
    }

    /// Makes slots wider. Whether that could be done.
    fn widen(&mut self) -> bool {
        let Some(wider) = WIDTHS.get(self.width + 1) else {
            return false;
        };
        let times = (wider / WIDTHS[self.width]).cast_signed();
        let first = self.first.div_euclid(times);
        let mut slots: Vec<RateSlot> = Vec::new();
        for (number, slot) in (self.first..).zip(&self.slots) {
            let at = usize::try_from(number.div_euclid(times) - first).unwrap_or(0);
            if at >= slots.len() {
                slots.resize(at + 1, RateSlot::default());
            }
            slots[at].counts.add(slot.counts);
            slots[at].known_ns += slot.known_ns;
            slots[at].at_end = slot.at_end.or(slots[at].at_end);
        }
        self.width += 1;
        self.first = first;
        self.slots = slots;
        true
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// 2026-11-22T10:39:11Z, ns.
    const BEGAN: i64 = 1_795_343_951_000_000_000;
    const SECOND: i64 = 1_000_000_000;

    fn sum(rates: &Rates) -> (u64, u64) {
        let all = rates.iter().map(|(_, slot)| slot);
        all.fold((0, 0), |(lost, known), slot| {
            (lost + slot.counts.lost, known + slot.known_ns)
        })
    }

    #[test]
    fn a_longer_time_has_wider_slots_and_the_same_sums() {
        for days in [0_i64, 1, 10, 400, 40_000] {
            let mut rates = Rates::default();
            let ends = BEGAN + days * 86_400 * SECOND + SECOND;
            rates.lost(BEGAN, 3);
            rates.lost(ends, 4);
            rates.known(BEGAN, ends);
            assert!(rates.iter().count() <= MOST, "{days}");
            assert_eq!(sum(&rates), (7, (ends - BEGAN).unsigned_abs()), "{days}");
            let fewer = rates.in_at_most(40);
            assert!(fewer.iter().count() <= 40, "{days}");
            assert_eq!(sum(&fewer), sum(&rates), "{days}");
        }
    }

    #[test]
    fn what_comes_late_has_its_place() {
        let mut rates = Rates::default();
        rates.lost(BEGAN, 1);
        rates.lost(BEGAN - 5 * SECOND, 2);
        let told: Vec<_> = rates.iter().filter(|it| it.1.counts.lost > 0).collect();
        assert_eq!(told[0].0, BEGAN - 5 * SECOND);
        assert_eq!(told[1].0, BEGAN);
        // Clocks that were never set, and ones that go wrong.
        rates.lost(0, 1);
        rates.lost(i64::MAX, 1);
        rates.lost(i64::MIN, 1);
        assert_eq!(sum(&rates).0, 6);
        assert!(rates.iter().count() <= MOST);
    }

    #[test]
    fn between_two_parts_nothing_is_known() {
        let mut rates = Rates::default();
        rates.known(BEGAN, BEGAN + 10 * SECOND);
        rates.known(BEGAN + 30 * SECOND, BEGAN + 40 * SECOND);
        let at = |s: i64| {
            let mut slots = rates.iter();
            let (_, slot) = slots.find(|(at, _)| *at == BEGAN + s * SECOND).unwrap();
            slot.per_s(0, rates.width_ns())
        };
        assert_eq!((at(5), at(20), at(35)), (Some(0.0), None, Some(0.0)));
    }
}
