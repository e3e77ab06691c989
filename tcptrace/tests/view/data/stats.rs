//! Figures.

use rustc_hash::FxHashMap;
use tcptrace::{
    aggregate::stats::{At, By, Census, Drops, Figures, ListenAddress, Period, Span},
    model::{
        Cookie, Coverage, DropCounts, Existing, Length, ListenerDrops, Owner, PortRange, Reach,
        Reason, Side, SocketKind, State, Transition, Tuple,
    },
    track::{Limits, Tracker},
};

use super::{MS, SECOND, by, ends, longest, longest_ipv6, transitions};

/// All that a period is made of.
pub struct Told {
    figures: Figures,
    before: Census,
    now: Census,
    drops: Drops,
    full: Vec<ListenAddress>,
    ranges: FxHashMap<u32, Option<PortRange>>,
}

impl Told {
    /// The period.
    pub fn period(&self, span: Span) -> Period<'_> {
        Period {
            span,
            earlier: None,
            from_ns: SECOND,
            to_ns: 11 * SECOND,
            figures: &self.figures,
            before: Some(&self.before),
            now: Some(&self.now),
            lately: None,
            drops: Some(&self.drops),
            full_listeners: &self.full,
            ranges: &self.ranges,
        }
    }

    /// The same after events were lost.
    pub fn after_a_loss(&mut self) -> Period<'_> {
        self.figures.lost = 17;
        Period {
            now: None,
            before: None,
            drops: None,
            full_listeners: &[],
            ..self.period(Span::Run)
        }
    }
}

/// What `stats` shows.
pub fn stats(broken_down: Option<By>) -> Told {
    let mut figures = Figures::new(broken_down);
    for it in transitions() {
        figures.take(&it);
    }
    for number in 0..40 {
        for it in a_life(number) {
            figures.take(&it);
        }
    }
    let range = PortRange::parse("32768 60999", "").unwrap();
    let census = |sockets: u16| {
        let tracker = tracker(sockets);
        let at = At { now: 0, lately: 0 };
        Census::of(&tracker, at, broken_down, |_| true, |_| Some(&range))
    };
    let (before, now) = (census(0), census(500));
    let ranges = [ends(("10.0.0.1", 1), ("10.0.0.2", 1)).netns]
        .into_iter()
        .map(|netns| (netns, Some(range.clone())))
        .collect();
    Told {
        figures,
        before,
        now,
        drops: Drops::between(&DropCounts::default(), &dropped()),
        full: vec![ListenAddress::of(&ends(("0.0.0.0", 8443), ("0.0.0.0", 0)))],
        ranges,
    }
}

/// A run in which nothing happens, on a machine without connections.
pub fn quiet() -> Told {
    let nothing = || {
        let tracker = Tracker::new(Limits::default(), Coverage::FULL);
        let at = At { now: 0, lately: 0 };
        Census::of(&tracker, at, None, |_| true, |_| None)
    };
    Told {
        figures: Figures::new(None),
        before: nothing(),
        now: nothing(),
        drops: Drops::between(&DropCounts::default(), &DropCounts::default()),
        full: Vec::new(),
        ranges: FxHashMap::default(),
    }
}

/// One connection of each of so many programs, each to a service of its own.
pub fn crowd(programs: u32, broken_down: Option<By>) -> Told {
    let mut told = quiet();
    told.figures = Figures::new(broken_down);
    for number in 0..programs {
        let (port, host) = ((number % 30_000) as u16 + 1, number / 30_000 + 1);
        let to = format!("198.51.100.{host}");
        let of = (
            ends(("192.0.2.10", 40_000), (&to, port)),
            by(&format!("client-{number}"), number + 1),
        );
        for (from, to, reason) in [
            (
                State::SynSent,
                State::Established,
                Reason::HandshakeComplete,
            ),
            (State::Established, State::FinWait1, Reason::FinSent),
            (State::FinWait2, State::TimeWait, Reason::FinReceived),
        ] {
            told.figures.take(&Transition {
                opener: Some(Side::Local),
                length: (from != State::SynSent).then_some(Length::Short),
                retransmits: (from == State::SynSent).then_some(1),
                ..super::transitions::transition(&of, from, to, reason)
            });
        }
    }
    told
}

/// Connections to one service, so many short and so many long ones. `waits`: each leaves a TIME_WAIT
/// on this machine.
pub fn one_service(short: u16, long: u16, waits: bool) -> Told {
    let mut told = quiet();
    for number in 0..short + long {
        let of = (
            ends(("192.0.2.10", 40_000 + number), ("198.51.100.7", 8080)),
            by("python3", 300),
        );
        let length = match number < short {
            true => Length::Short,
            false => Length::Long,
        };
        let closed = match waits {
            true => (State::FinWait1, Reason::FinSent),
            false => (State::CloseWait, Reason::FinReceived),
        };
        let last = (State::FinWait2, State::TimeWait, Reason::FinReceived);
        let steps = [(State::Established, closed.0, closed.1), last];
        for (from, to, reason) in &steps[..1 + usize::from(waits)] {
            told.figures.take(&Transition {
                opener: Some(Side::Local),
                length: Some(length),
                ..super::transitions::transition(&of, *from, *to, *reason)
            });
        }
    }
    told
}

/// TIME_WAITs that were there before, each to a place of its own.
pub fn many_routes(routes: u32) -> Told {
    let range = PortRange::parse("32768 60999", "").unwrap();
    let mut tracker = Tracker::new(Limits::default(), Coverage::FULL);
    for number in 0..routes {
        let (port, host) = ((number % 30_000) as u16 + 1, number / 30_000 + 1);
        tracker.seed(&Existing {
            cookie: Cookie::new(u64::from(number) + 1),
            tuple: ends(
                ("192.0.2.10", 40_000),
                (&format!("198.51.100.{host}"), port),
            ),
            state: State::TimeWait,
            kind: SocketKind::Minisock,
            owner: Owner::default(),
            near: None,
            reach: Reach::default(),
        });
    }
    let at = At { now: 0, lately: 0 };
    Told {
        now: Census::of(&tracker, at, None, |_| true, |_| Some(&range)),
        ..quiet()
    }
}

/// What two listeners dropped, one of them all that came.
fn dropped() -> DropCounts {
    let mut counts = DropCounts::default();
    for (cookie, port, dropped) in [(9001, 80, 3), (9002, 8443, 12)] {
        counts.add(ListenerDrops {
            cookie: Cookie::new(cookie).unwrap(),
            tuple: ends(("0.0.0.0", port), ("0.0.0.0", 0)),
            reach: Reach::default(),
            dropped: Some(dropped),
        });
    }
    counts
}

/// One of many connections of the same kind.
fn a_life(number: u64) -> Vec<Transition> {
    use Reason as R;
    use State as S;
    let port = 40_000 + number as u16;
    let of = match number {
        0 => longest(),
        1 => longest_ipv6(),
        _ => (
            ends(("192.0.2.10", port), ("198.51.100.7", 8080)),
            by("python3", 300),
        ),
    };
    let held = |ns: u64| Some((number + 1) * ns);
    let steps = [
        (S::Closed, S::SynSent, R::Connect, None),
        (
            S::SynSent,
            S::Established,
            R::HandshakeComplete,
            held(20_000),
        ),
        (S::Established, S::FinWait1, R::FinSent, held(MS)),
        (S::FinWait1, S::FinWait2, R::FinAcked, held(30_000)),
        (S::FinWait2, S::TimeWait, R::FinReceived, held(3 * MS)),
    ];
    steps
        .map(|(from, to, reason, held_ns)| Transition {
            held_ns,
            retransmits: (from == S::SynSent).then_some(u32::from(number.is_multiple_of(8)) * 2),
            opener: Some(Side::Local),
            length: Some(match number % 8 {
                0 => Length::Long,
                _ => Length::Short,
            }),
            ..super::transitions::transition(&of, from, to, reason)
        })
        .to_vec()
}

/// Knows sockets.
fn tracker(sockets: u16) -> Tracker {
    let mut tracker = Tracker::new(Limits::default(), Coverage::FULL);
    let mut seed = |cookie: u64, tuple: Tuple, state: State, kind: SocketKind, owner: Owner| {
        tracker.seed(&Existing {
            cookie: Cookie::new(cookie),
            tuple,
            state,
            kind,
            owner,
            near: None,
            reach: Reach::default(),
        });
    };
    for number in 0..sockets {
        let tuple = ends(("192.0.2.10", 33_000 + number), ("198.51.100.7", 8080));
        let kind = SocketKind::Minisock;
        let owner = by("python3", 300);
        seed(u64::from(number) + 1, tuple, State::TimeWait, kind, owner);
    }
    let half_open = ends(("10.0.0.1", 80), ("10.20.30.40", 50_000));
    let nobody = Owner::default();
    seed(9000, half_open, State::SynRecv, SocketKind::Request, nobody);
    tracker
}
