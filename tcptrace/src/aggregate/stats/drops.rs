//! What listeners drop: SYNs for which they have no room, and third ACKs while nobody accepts.

use std::num::NonZero;

use rustc_hash::{FxHashMap, FxHashSet};

use super::ListenAddress;
use crate::model::{Cookie, DropCounts, Endpoint, Listeners, State, Transition, Tuple};

/// Ports at which a listener was closed: what it dropped last nobody knows.
#[derive(Clone, Debug, Default)]
pub struct ClosedListeners {
    ports: FxHashSet<(u32, u16)>,
    /// There were more.
    overflowed: bool,
}

/// So many of them are remembered.
const MOST: usize = 1 << 12;

impl ClosedListeners {
    /// Takes a transition, if it is the end of a listener.
    pub fn take(&mut self, it: &Transition) {
        if it.from == State::Listen && it.to == State::Closed {
            self.add((it.tuple.netns, it.tuple.local.port_or_zero()));
        }
    }

    /// Takes another's in.
    pub fn absorb(&mut self, other: Self) {
        self.overflowed |= other.overflowed;
        for it in other.ports {
            self.add(it);
        }
    }

    fn add(&mut self, it: (u32, u16)) {
        if self.ports.len() < MOST {
            self.ports.insert(it);
        } else {
            self.overflowed = true;
        }
    }

    fn has(&self, netns: u32, port: u16) -> bool {
        self.overflowed || self.ports.contains(&(netns, port))
    }
}

/// What listeners dropped in a period.
#[derive(Debug, Default)]
pub struct Drops {
    /// `None`: unknown.
    by_socket: FxHashMap<Cookie, (Tuple, Option<u64>)>,
    listeners: Listeners,
    /// Where one was at the beginning that is there no more.
    gone: FxHashSet<(u32, u16)>,
}

impl Drops {
    /// What was dropped between two looks. A listener that was not there at the first began
    /// meanwhile, and with nothing dropped.
    #[must_use]
    pub fn between(before: &DropCounts, now: &DropCounts) -> Self {
        let mut drops = Self::default();
        for it in now.each() {
            let then = match before.of(it.cookie) {
                Some(then) => then.dropped,
                None if before.has_failed(it.tuple.netns) => None,
                None => Some(0),
            };
            // The kernel's counter is of 32 bits, too.
            let dropped = it.dropped.zip(then);
            let dropped = dropped.map(|(now, then)| u64::from(now.wrapping_sub(then)));
            drops.by_socket.insert(it.cookie, (it.tuple, dropped));
            drops.listeners.add(it.cookie, it.tuple, it.reach);
        }
        let gone = before
            .each()
            .filter(|it| now.of(it.cookie).is_none())
            .map(|it| (it.tuple.netns, it.tuple.local.port_or_zero()));
        drops.gone.extend(gone);
        drops
    }

    /// What was dropped in this part and in a later one, between which nobody looked: a listener that is
    /// there no more was closed then, and one that is new began with nothing dropped.
    #[must_use]
    pub fn and_later(mut self, mut later: Self) -> Self {
        for (cookie, (tuple, dropped)) in &mut later.by_socket {
            // Of another boot, one may have the same cookie.
            let before = self.by_socket.get(cookie).filter(|it| it.0 == *tuple);
            let Some((_, before)) = before else { continue };
            *dropped = dropped.zip(*before).map(|(now, before)| before + now);
            self.by_socket.remove(cookie);
        }
        let closed = self.by_socket.values();
        let closed = closed.map(|(tuple, _)| (tuple.netns, tuple.local.port_or_zero()));
        later.gone.extend(closed.chain(self.gone));
        later
    }

    /// What the listener behind an address dropped, at whatever address; the sum of several that
    /// share it. `None`: unknown, as it is closed, or another one was.
    #[must_use]
    pub fn of(&self, at: &ListenAddress, closed: &ClosedListeners) -> Option<u64> {
        if self.gone.contains(&(at.netns, at.port)) || closed.has(at.netns, at.port) {
            return None;
        }
        let mut behind = self.behind(at).peekable();
        behind.peek()?;
        behind
            .map(|cookie| self.by_socket.get(&cookie)?.1)
            .try_fold(0, |sum: u64, dropped| Some(sum + dropped?))
    }

    /// What each listener dropped, by where it listens; `None`: unknown.
    pub fn each(&self) -> impl Iterator<Item = (ListenAddress, Option<u64>)> + '_ {
        let sockets = self.by_socket.values();
        sockets.map(|(tuple, dropped)| (ListenAddress::of(tuple), *dropped))
    }

    /// The listeners that dropped something and are behind none of these addresses, by where they
    /// listen.
    pub fn beside<'a>(
        &self,
        rows: impl Iterator<Item = &'a ListenAddress>,
    ) -> impl Iterator<Item = (Cookie, ListenAddress)> {
        let told: FxHashSet<Cookie> = rows.flat_map(|at| self.behind(at)).collect();
        self.by_socket
            .iter()
            .filter(move |(cookie, (_, dropped))| *dropped > Some(0) && !told.contains(cookie))
            .map(|(cookie, (tuple, _))| (*cookie, ListenAddress::of(tuple)))
    }

    fn behind(&self, at: &ListenAddress) -> impl Iterator<Item = Cookie> {
        let local = Endpoint {
            addr: at.addr,
            port: NonZero::new(at.port),
        };
        self.listeners.of(&Tuple {
            netns: at.netns,
            link: at.link,
            local,
            remote: local,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::{ListenerDrops, Reach};

    fn at(addr: &str, port: u16) -> ListenAddress {
        ListenAddress {
            netns: 1,
            link: None,
            port,
            addr: addr.parse().unwrap(),
        }
    }

    fn counts(listeners: &[(u64, &str, u16, Option<u32>)]) -> DropCounts {
        let mut counts = DropCounts::default();
        for (cookie, addr, port, dropped) in listeners {
            let local = Endpoint::new(addr.parse().unwrap(), *port);
            counts.add(ListenerDrops {
                cookie: Cookie::new(*cookie).unwrap(),
                tuple: Tuple {
                    netns: 1,
                    link: None,
                    local,
                    remote: Endpoint::new(local.addr, 0),
                },
                reach: Reach::default(),
                dropped: *dropped,
            });
        }
        counts
    }

    #[test]
    fn what_was_dropped_before_does_not_count() {
        let before = counts(&[(1, "0.0.0.0", 80, Some(7)), (2, "::", 81, None)]);
        let now = counts(&[
            (1, "0.0.0.0", 80, Some(9)),
            (2, "::", 81, Some(4)),
            (3, "127.0.0.1", 82, Some(5)),
        ]);
        let drops = Drops::between(&before, &now);
        let of = |addr, port| drops.of(&at(addr, port), &ClosedListeners::default());
        assert_eq!(of("127.0.0.1", 80), Some(2));
        assert_eq!(of("10.0.0.1", 80), Some(2), "the same listener");
        assert_eq!(of("::1", 81), None, "it was not told then");
        assert_eq!(of("127.0.0.1", 82), Some(5), "it began meanwhile");
        assert_eq!(of("127.0.0.1", 83), None, "there is none");
        let rows = [at("127.0.0.1", 80)];
        let beside: Vec<_> = drops.beside(rows.iter()).map(|(_, it)| it).collect();
        assert_eq!(beside, [at("127.0.0.1", 82)]);
    }

    #[test]
    fn what_one_dropped_that_is_closed_is_unknown() {
        let before = counts(&[(1, "0.0.0.0", 80, Some(0))]);
        let now = counts(&[(2, "0.0.0.0", 80, Some(3)), (3, "0.0.0.0", 81, Some(0))]);
        let drops = Drops::between(&before, &now);
        let none = ClosedListeners::default();
        assert_eq!(drops.of(&at("127.0.0.1", 80), &none), None);
        assert_eq!(drops.of(&at("127.0.0.1", 81), &none), Some(0));
        let closed = ClosedListeners {
            ports: [(1, 81)].into_iter().collect(),
            overflowed: false,
        };
        assert_eq!(drops.of(&at("127.0.0.1", 81), &closed), None);
    }

    #[test]
    fn a_counter_that_began_anew_at_0_goes_on() {
        let before = counts(&[(1, "0.0.0.0", 80, Some(u32::MAX - 1))]);
        let now = counts(&[(1, "0.0.0.0", 80, Some(3))]);
        let drops = Drops::between(&before, &now);
        let none = ClosedListeners::default();
        assert_eq!(drops.of(&at("127.0.0.1", 80), &none), Some(5));
    }

    #[test]
    fn parts_between_which_nobody_looked_are_summed_up() {
        let part = |before: &[(u64, &str, u16, Option<u32>)], now: &[_]| {
            Drops::between(&counts(before), &counts(now))
        };
        let first = part(
            &[(1, "0.0.0.0", 80, Some(1)), (2, "0.0.0.0", 81, Some(0))],
            &[
                (1, "0.0.0.0", 80, Some(3)),
                (2, "0.0.0.0", 81, Some(4)),
                (3, "0.0.0.0", 82, None),
                (4, "0.0.0.0", 83, Some(7)),
            ],
        );
        // What was dropped in between is not told, as nothing else is.
        let listeners = |first, new, third| {
            [
                (1, "0.0.0.0", 80, Some(first)),
                (3, "0.0.0.0", 82, Some(third)),
                (4, "0.0.0.0", 84, Some(0)),
                (5, "0.0.0.0", 85, Some(new)),
            ]
        };
        let second = part(&listeners(10, 0, 0), &listeners(15, 6, 1));
        let drops = first.and_later(second);
        let of = |port| drops.of(&at("127.0.0.1", port), &ClosedListeners::default());
        assert_eq!(of(80), Some(2 + 5));
        assert_eq!(of(81), None, "it was closed, nobody knows when");
        assert_eq!(of(82), None, "of the first part, it is not known");
        assert_eq!(of(83), None, "it is another one's cookie now");
        assert_eq!(of(84), Some(0));
        assert_eq!(of(85), Some(6));
    }

    #[test]
    fn several_that_share_a_port_are_summed_up_if_all_are_known() {
        let drops = |second| {
            let now = counts(&[(1, "0.0.0.0", 80, Some(2)), (2, "0.0.0.0", 80, second)]);
            Drops::between(&DropCounts::default(), &now)
                .of(&at("127.0.0.1", 80), &ClosedListeners::default())
        };
        assert_eq!(drops(Some(3)), Some(5));
        assert_eq!(drops(None), None);
    }
}
