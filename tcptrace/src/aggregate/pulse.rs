//! What goes on, from second to second: kept as it comes, and never counted again.

use std::collections::VecDeque;

use super::{
    stats::Durations,
    ways::{InStates, REASONS, STATES, Way, Ways},
};
use crate::model::{Reason, State, Transition};

/// Rates are of the last so many looks.
const LOOKS: usize = 6;
/// Between two looks, ns.
const LOOK_NS: u64 = 1_000_000_000;

/// How much goes along a way.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Traffic {
    /// The way.
    pub way: Way,
    /// Transitions in all.
    pub total: u64,
    /// Transitions a second, lately; `None`: not known yet.
    pub per_second: Option<f64>,
    /// The most frequent reason: lately, or of all where there was none lately.
    pub reason: Option<Reason>,
}

/// A state, lately.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Beat {
    /// How many are in it; `None`: unknown.
    pub now: Option<u64>,
    /// How many came into it in all.
    pub entered: u64,
    /// How many come into it a second, lately; `None`: not known yet.
    pub per_second: Option<f64>,
    /// How long half of those stayed that left, ns; `None`: none did whose time is known.
    pub median_ns: Option<u64>,
}

/// Counts what goes on.
#[derive(Clone, Debug)]
pub struct Pulse {
    ways: Ways,
    entered: [u64; STATES],
    now: InStates,
    held: [Durations; STATES],
    transitions: u64,
    /// Counts at the last looks, and when those were: CLOCK_MONOTONIC, ns.
    looks: VecDeque<(u64, Ways)>,
}

impl Default for Pulse {
    fn default() -> Self {
        Self {
            ways: Ways::default(),
            entered: [0; STATES],
            now: InStates::default(),
            held: std::array::from_fn(|_| Durations::default()),
            transitions: 0,
            looks: VecDeque::new(),
        }
    }
}

impl Pulse {
    /// Counts a transition.
    pub fn take(&mut self, it: &Transition) {
        self.ways.take(it);
        self.entered[it.to as usize] += 1;
        self.transitions += 1;
        if InStates::is_left(it)
            && let Some(ns) = it.held_ns
        {
            self.held[it.from as usize].record(ns);
        }
        self.now.take(it);
    }

    /// Says how many are in each state, as they were counted when all so far was taken; `None`:
    /// nobody knows.
    pub fn set_now(&mut self, now: Option<[u64; STATES]>) {
        self.now.set(now);
    }

    /// Says what time it is: CLOCK_MONOTONIC, ns.
    pub fn look(&mut self, now_ns: u64) {
        let due = self
            .looks
            .back()
            .is_none_or(|(at, _)| now_ns >= at.saturating_add(LOOK_NS));
        if !due {
            return;
        }
        let mut ways = match self.looks.len() >= LOOKS {
            true => self.looks.pop_front().unwrap_or_default().1,
            false => Ways::default(),
        };
        ways.clone_from(&self.ways);
        self.looks.push_back((now_ns, ways));
    }

    /// Transitions in all.
    #[must_use]
    pub fn transitions(&self) -> u64 {
        self.transitions
    }

    /// How it is in a state at a time: CLOCK_MONOTONIC, ns.
    #[must_use]
    pub fn beat(&self, state: State, now_ns: u64) -> Beat {
        let to = state as usize;
        let lately = self.lately(now_ns);
        Beat {
            now: self.now.of(state),
            entered: self.entered[to],
            per_second: lately.map(|(before, seconds)| {
                let came = State::ALL
                    .iter()
                    .map(|from| sum_since(self.ways.of(*from, state), before.of(*from, state)));
                came.sum::<u64>() as f64 / seconds
            }),
            median_ns: self.held[to].quantile(0.5),
        }
    }

    /// The ways that were taken, the most taken one lately first.
    #[must_use]
    pub fn traffic(&self, now_ns: u64) -> Vec<Traffic> {
        let lately = self.lately(now_ns);
        let mut all = Vec::new();
        for from in State::ALL {
            for to in State::ALL {
                let now = self.ways.of(from, to);
                let total = now.iter().sum();
                if total == 0 {
                    continue;
                }
                let since = lately.map(|(before, seconds)| {
                    let before = before.of(from, to);
                    (sum_since(now, before), before, seconds)
                });
                let reason = match since {
                    Some((1.., before, _)) => most(std::array::from_fn(|at| now[at] - before[at])),
                    _ => most(*now),
                };
                all.push(Traffic {
                    way: Way { from, to },
                    total,
                    per_second: since.map(|(count, _, seconds)| count as f64 / seconds),
                    reason,
                });
            }
        }
        all.sort_by(|a, b| {
            let rate = |it: &Traffic| it.per_second.unwrap_or(0.0);
            rate(b)
                .total_cmp(&rate(a))
                .then(b.total.cmp(&a.total))
                .then(a.way.cmp(&b.way))
        });
        all
    }

    /// How often that was a reason, a second, lately; `None`: not known yet.
    #[must_use]
    pub fn rate_of(&self, reasons: &[Reason], now_ns: u64) -> Option<f64> {
        let (before, seconds) = self.lately(now_ns)?;
        let count: u64 = self
            .ways
            .each()
            .zip(before.each())
            .map(|(now, before)| {
                let of = |reason: &Reason| {
                    let at = *reason as usize;
                    now[at] - before[at]
                };
                reasons.iter().map(of).sum::<u64>()
            })
            .sum();
        Some(count as f64 / seconds)
    }

    /// The oldest look, and how long ago it was, in s.
    fn lately(&self, now_ns: u64) -> Option<(&Ways, f64)> {
        let (at, ways) = self.looks.front()?;
        let ns = now_ns.saturating_sub(*at);
        // Of less, a rate is chance.
        (ns >= LOOK_NS / 2).then_some((ways, ns as f64 / 1e9))
    }
}

fn sum_since(now: &[u64; REASONS], before: &[u64; REASONS]) -> u64 {
    now.iter()
        .zip(before)
        .map(|(now, before)| now - before)
        .sum()
}

fn most(counts: [u64; REASONS]) -> Option<Reason> {
    let pairs = counts.iter().zip(Reason::ALL);
    let most = pairs.filter(|(count, _)| **count > 0);
    // Of equal ones the first.
    most.rev().max_by_key(|(count, _)| **count).map(|it| it.1)
}

#[cfg(test)]
mod tests {
    use std::net::{IpAddr, Ipv4Addr};

    use super::*;
    use crate::model::{Endpoint, Owner, Tuple};

    const SECOND: u64 = 1_000_000_000;

    fn transition(from: State, to: State, reason: Reason, held_ns: Option<u64>) -> Transition {
        let end = Endpoint::new(IpAddr::V4(Ipv4Addr::LOCALHOST), 80);
        Transition {
            time_ns: 0,
            cookie: None,
            tuple: Tuple {
                netns: 1,
                link: None,
                local: end,
                remote: end,
            },
            from,
            to,
            held_ns,
            unsent_ns: None,
            reason,
            detail: None,
            nothing_sent: false,
            opener: None,
            closer: None,
            length: None,
            owner: Owner::default(),
            thread: None,
            followed: false,
            retransmits: None,
            measured: None,
            orphan: None,
            keepalive: None,
        }
    }

    #[test]
    fn what_is_in_each_state_follows_from_what_happens() {
        let mut pulse = Pulse::default();
        let take = |pulse: &mut Pulse, from, to, reason| {
            pulse.take(&transition(from, to, reason, Some(5_000_000)));
        };
        take(&mut pulse, State::Closed, State::Listen, Reason::Listen);
        assert_eq!(pulse.beat(State::Listen, 0).now, None, "it was not counted");
        let mut now = [0; STATES];
        now[State::Listen as usize] = 1;
        pulse.set_now(Some(now));
        take(
            &mut pulse,
            State::Listen,
            State::SynRecv,
            Reason::SynReceived,
        );
        assert_eq!(pulse.beat(State::Listen, 0).now, Some(1));
        assert_eq!(pulse.beat(State::SynRecv, 0).now, Some(1));
        take(
            &mut pulse,
            State::SynRecv,
            State::Established,
            Reason::HandshakeComplete,
        );
        assert_eq!(pulse.beat(State::SynRecv, 0).now, Some(0));
        assert_eq!(pulse.beat(State::Established, 0).now, Some(1));
        let median = pulse.beat(State::SynRecv, 0).median_ns.unwrap();
        assert!(median.abs_diff(5_000_000) < 100_000, "{median}");
        assert_eq!(pulse.beat(State::Listen, 0).median_ns, None);
        // What was lost makes no negative number.
        take(&mut pulse, State::TimeWait, State::Closed, Reason::Expired);
        assert_eq!(pulse.beat(State::TimeWait, 0).now, Some(0));
        pulse.set_now(None);
        assert_eq!(pulse.beat(State::Established, 0).now, None);
    }

    #[test]
    fn rates_are_of_the_last_seconds() {
        let mut pulse = Pulse::default();
        pulse.look(0);
        assert_eq!(pulse.beat(State::Closed, SECOND / 10).per_second, None);
        for second in 0..20 {
            let many = if second < 10 { 100 } else { 10 };
            for _ in 0..many {
                let it = transition(State::TimeWait, State::Closed, Reason::Expired, None);
                pulse.take(&it);
            }
            pulse.look((second + 1) * SECOND);
        }
        let now = 20 * SECOND;
        let rate = pulse.beat(State::Closed, now).per_second.unwrap();
        assert!((rate - 10.0).abs() < 0.01, "{rate}");
        assert_eq!(pulse.beat(State::Closed, now).entered, 1100);
        let rate = pulse.rate_of(&[Reason::Expired, Reason::Killed], now);
        assert!((rate.unwrap() - 10.0).abs() < 0.01);
        assert_eq!(pulse.rate_of(&[Reason::Overflow], now), Some(0.0));
        assert_eq!(pulse.transitions(), 1100);
    }

    #[test]
    fn a_way_is_told_with_the_reason_that_is_the_most_frequent_lately() {
        let mut pulse = Pulse::default();
        let reset = transition(State::Established, State::Closed, Reason::ResetByPeer, None);
        let ours = transition(State::Established, State::Closed, Reason::ResetByUs, None);
        pulse.look(0);
        for _ in 0..50 {
            pulse.take(&reset);
        }
        for second in 1..10 {
            pulse.look(second * SECOND);
        }
        let traffic = pulse.traffic(10 * SECOND);
        assert_eq!(traffic.len(), 1);
        assert_eq!(traffic[0].reason, Some(Reason::ResetByPeer), "none lately");
        assert_eq!(traffic[0].per_second, Some(0.0));
        pulse.take(&ours);
        let traffic = pulse.traffic(10 * SECOND);
        assert_eq!(traffic[0].reason, Some(Reason::ResetByUs));
        assert_eq!(traffic[0].total, 51);
        let way = Way {
            from: State::Established,
            to: State::Closed,
        };
        assert_eq!(traffic[0].way, way);
    }
}
