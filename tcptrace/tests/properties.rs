//! What holds whatever the kernel tells: no panic, no state from nowhere, bounded memory.

use std::{collections::HashMap, mem::offset_of};

use proptest::{prelude::*, sample::select};
use tcptrace::{
    model::{
        AcceptedEvent, Cookie, Coverage, EarlyCause, Endpoint, Event, Evidence, Existing,
        FinDroppedEvent, ForkedEvent, Link, MinisockEvent, MinisockState, Owner, Reach,
        RequestEvent, ResetSentEvent, SocketEvent, SocketKind, State, SynEvent, TimerChange,
        Transition, Tuple,
    },
    source::{decode, live::Symbols},
    track::{Limits, Tracker},
};

use tcptrace_ebpf::wire::{
    self, EarlyEnd, Forked, Head, MeasuredSocket, OwnedSocket, RequestBegin, kind,
};

const LIMITS: Limits = Limits {
    flows: 16,
    requests: 8,
};

/// The kernel's numbers (include/net/tcp_states.h).
const FIN_WAIT2: u8 = 5;
const TIME_WAIT: u8 = 6;

/// All kinds of records, and how long they are.
const KINDS: [(u8, usize); 13] = [
    (kind::SOCKET, size_of::<Head>()),
    (kind::SOCKET_OWNED, size_of::<OwnedSocket>()),
    (kind::SOCKET_MEASURED, size_of::<MeasuredSocket>()),
    (kind::MINISOCK, size_of::<Head>()),
    (kind::MINISOCK_EARLY, size_of::<EarlyEnd>()),
    (kind::REQUEST, size_of::<Head>()),
    (kind::REQUEST_BEGIN, size_of::<RequestBegin>()),
    (kind::REQUEST_EARLY, size_of::<EarlyEnd>()),
    (kind::RESET_SENT, size_of::<Head>()),
    (kind::FIN_DROPPED, size_of::<Head>()),
    (kind::FORKED, size_of::<Forked>()),
    (kind::ACCEPTED, size_of::<OwnedSocket>()),
    (kind::SYN, size_of::<Head>()),
];
/// At least as long as any.
const LONGEST: usize = 512;

fn sizes() -> Vec<usize> {
    KINDS.iter().map(|(_, size)| *size).collect()
}

proptest! {
    #[test]
    fn any_bytes_are_decoded_or_refused(bytes in prop::collection::vec(any::<u8>(), 0..256)) {
        let _ = decode(&bytes, &Symbols::default());
    }

    #[test]
    fn records_of_any_kind_and_size_are_decoded_or_refused(
        mut bytes in prop::collection::vec(any::<u8>(), LONGEST),
        kind in any::<u8>(),
        size in select(sizes()),
    ) {
        bytes[offset_of!(Head, kind)] = kind;
        let _ = decode(&bytes[..size], &Symbols::default());
    }

    #[test]
    fn records_of_every_kind_are_decoded_where_their_fields_have_a_value(
        mut bytes in prop::collection::vec(any::<u8>(), LONGEST),
        (kind, size) in select(KINDS.to_vec()),
        wrong in select(sizes()),
        family in select(vec![4, 6]),
        from in 1_u8..=4,
        to in select(vec![FIN_WAIT2, TIME_WAIT]),
    ) {
        bytes[offset_of!(Head, kind)] = kind;
        bytes[offset_of!(Head, family)] = family;
        bytes[offset_of!(Head, from)] = from;
        bytes[offset_of!(Head, to)] = to;
        let decoded = decode(&bytes[..size], &Symbols::default());
        prop_assert!(decoded.is_ok(), "kind {kind}: {decoded:?}");
        let decoded = decode(&bytes[..wrong], &Symbols::default());
        prop_assert_eq!(decoded.is_ok(), wrong == size, "kind {} of {} bytes", kind, wrong);
        // A link may follow each.
        bytes[offset_of!(Head, kind)] |= kind::LINKED;
        let decoded = decode(&bytes[..size + size_of::<wire::Link>()], &Symbols::default());
        prop_assert!(decoded.is_ok(), "kind {kind}: {decoded:?}");
        let decoded = decode(&bytes[..size], &Symbols::default());
        prop_assert!(decoded.is_err(), "kind {kind} without its link");
    }

    #[test]
    fn any_events_make_only_states_that_they_tell_of(
        steps in prop::collection::vec(step(), 1..400),
        (minisocks, fins, resets, accepts, syns) in any::<(bool, bool, bool, bool, bool)>(),
    ) {
        let coverage = Coverage { minisocks, fins, resets, accepts, syns };
        let mut tracker = Tracker::new(LIMITS, coverage);
        let mut told: Vec<Transition> = Vec::new();
        let mut now = 0;
        let mut times = vec![0];
        let mut states = vec![State::Closed, State::SynRecv, State::SynSent, State::Listen];
        for step in &steps {
            let mut out = |transition: &Transition| told.push(*transition);
            match step {
                Step::Event(event, pause) => {
                    now += pause;
                    let event = at(event, now);
                    times.push(now);
                    match &event {
                        Event::Socket(event) => states.extend([event.from, event.to]),
                        Event::Minisock(event) => states.push(event.state.into()),
                        Event::FinDropped(_) => states.push(State::TimeWait),
                        Event::Request(_)
                        | Event::ResetSent(_)
                        | Event::Forked(_)
                        | Event::Accepted(_)
                        | Event::Syn(_) => {}
                    }
                    tracker.apply(&event, &mut out);
                }
                Step::Existing(existing) => {
                    states.push(existing.state);
                    tracker.seed(existing);
                }
                Step::Passed(pause) => {
                    now += pause;
                    tracker.advance(now, &mut out);
                }
                Step::Lost => tracker.note_loss(),
            }
            let (flows, requests) = tracker.remembered();
            prop_assert!(flows <= LIMITS.flows && requests <= LIMITS.requests);
        }
        // Nothing is told before its deadline, and nothing is withheld for ever.
        let mut last = now;
        while let Some(deadline) = tracker.next_deadline() {
            let before = told.len();
            tracker.advance(deadline - 1, &mut |transition| told.push(*transition));
            prop_assert_eq!(told.len(), before);
            prop_assert_eq!(tracker.next_deadline(), Some(deadline));
            tracker.advance(deadline, &mut |transition| told.push(*transition));
            prop_assert!(tracker.next_deadline().is_none_or(|next| next > deadline));
            last = last.max(deadline);
        }
        prop_assert!(last <= now + 100_000_000, "{} ms late", (last - now) / 1_000_000);
        let before = told.len();
        tracker.finish(&mut |transition| told.push(*transition));
        prop_assert_eq!(told.len(), before);
        for transition in &told {
            prop_assert!(states.contains(&transition.from), "{transition:?}");
            prop_assert!(states.contains(&transition.to), "{transition:?}");
            prop_assert!(times.contains(&transition.time_ns), "{transition:?}");
            prop_assert!(transition.held_ns.is_none_or(|held| held <= now), "{transition:?}");
        }
    }

    #[test]
    fn connections_do_not_disturb_each_other(
        lives in prop::collection::vec(select((0..LIVES).collect::<Vec<_>>()), 1..12),
        order in prop::collection::vec(any::<prop::sample::Index>(), 400),
    ) {
        let mut tracker = Tracker::new(Limits::default(), Coverage::FULL);
        let mut told: HashMap<u16, Vec<(State, State)>> = HashMap::new();
        // Each connection has a port of its own; its events keep their order among themselves.
        let mut waiting: Vec<(u16, Vec<Event>)> =
            (1_u16..).zip(&lives).map(|(port, life)| (port, life_of(*life, port).0)).collect();
        let mut now = 1;
        let mut out = |transition: &Transition| {
            told.entry(transition.tuple.local.port_or_zero())
                .or_default()
                .push((transition.from, transition.to));
        };
        for index in order {
            waiting.retain(|(_, events)| !events.is_empty());
            if waiting.is_empty() {
                break;
            }
            now += 1_000;
            let events = &mut index.get_mut(&mut waiting).1;
            tracker.apply(&at(&events.remove(0), now), &mut out);
            tracker.advance(now, &mut out);
        }
        prop_assume!(waiting.iter().all(|(_, events)| events.is_empty()));
        tracker.finish(&mut out);
        for (port, life) in (1_u16..).zip(&lives) {
            prop_assert_eq!(&told[&port], &life_of(*life, port).1, "life {}", life);
        }
        prop_assert_eq!(tracker.remembered(), (0, 0));
    }
}

/// Those of `benches/per_event`, which would measure errors otherwise.
#[test]
fn the_captured_connections_are_what_the_kernel_half_sends() {
    let mut rest: &[u8] = include_bytes!("../benches/connections.records");
    while let Some((length, behind)) = rest.split_first_chunk() {
        let (record, behind) = behind.split_at(u32::from_le_bytes(*length) as usize);
        decode(record, &Symbols::default()).expect("made anew, as examples/capture says");
        rest = behind;
    }
}

#[derive(Clone, Debug)]
enum Step {
    Event(Event, u64),
    Existing(Existing),
    Passed(u64),
    Lost,
}

fn step() -> impl Strategy<Value = Step> {
    prop_oneof![
        12 => (event(), 0_u64..30_000_000).prop_map(|(event, pause)| Step::Event(event, pause)),
        2 => (0_u64..200_000_000).prop_map(Step::Passed),
        1 => existing().prop_map(Step::Existing),
        1 => Just(Step::Lost),
    ]
}

fn state() -> impl Strategy<Value = State> {
    select(State::ALL.to_vec())
}

fn cookie() -> impl Strategy<Value = Option<Cookie>> {
    (0_u64..24).prop_map(Cookie::new)
}

fn tuple() -> impl Strategy<Value = Tuple> {
    (0_u16..6, 0_u16..3, 0_u32..3).prop_map(|(local, remote, link)| Tuple {
        link: Link::new(link),
        ..addresses(local, remote)
    })
}

fn change() -> impl Strategy<Value = TimerChange> {
    let causes = [
        EarlyCause::Reset,
        EarlyCause::ResetByUs,
        EarlyCause::Segment,
        EarlyCause::Connect,
        EarlyCause::Icmp,
        EarlyCause::Killed,
        EarlyCause::NetnsGone,
        EarlyCause::Completed,
        EarlyCause::Unknown,
    ];
    let mut changes = vec![
        TimerChange::Started,
        TimerChange::Expired,
        TimerChange::Segment,
        CANCELLED,
    ];
    changes.extend(causes.map(|cause| TimerChange::Cancelled(Some(cause))));
    changes.extend(causes.map(TimerChange::Ended));
    select(changes)
}

fn event() -> impl Strategy<Value = Event> {
    let socket = (
        cookie(),
        tuple(),
        state(),
        state(),
        any::<bool>(),
        select(vec![0, 103, 104, 110, 111, 113]),
    )
        .prop_map(|(cookie, tuple, from, to, owned, errno)| {
            let mut event = socket(cookie, tuple, from, to);
            event.owner = owned.then(Owner::default);
            event.errno = errno;
            event.evidence.receive_shutdown = owned;
            Event::Socket(event)
        });
    let minisock = (cookie(), tuple(), change(), any::<bool>(), any::<bool>()).prop_map(
        |(cookie, tuple, change, time_wait, netns_gone)| {
            let state = if time_wait {
                MinisockState::TimeWait
            } else {
                MinisockState::FinWait2
            };
            Event::Minisock(MinisockEvent {
                time_ns: 0,
                cookie,
                tuple,
                change,
                state,
                netns_gone,
            })
        },
    );
    let request = (cookie(), tuple(), change(), any::<bool>(), any::<bool>()).prop_map(
        |(listener, tuple, change, fresh, netns_gone)| {
            let retransmits = u8::from(!fresh);
            Event::Request(RequestEvent {
                time_ns: 0,
                tuple,
                change,
                listener,
                retransmits,
                fresh,
                netns_gone,
            })
        },
    );
    let aborted =
        cookie().prop_map(|cookie| Event::ResetSent(ResetSentEvent { time_ns: 0, cookie }));
    let fin = tuple().prop_map(|tuple| Event::FinDropped(FinDroppedEvent { time_ns: 0, tuple }));
    let syn = (cookie(), tuple(), 0_u8..3, any::<bool>()).prop_map(
        |(cookie, tuple, retransmits, wanted)| {
            Event::Syn(SynEvent {
                time_ns: 0,
                cookie,
                tuple,
                retransmits,
                wanted,
            })
        },
    );
    let forked = Just(Event::Forked(ForkedEvent {
        time_ns: 0,
        pid: Some(1),
    }));
    let accepted = cookie().prop_map(|cookie| {
        Event::Accepted(AcceptedEvent {
            time_ns: 0,
            cookie,
            owner: Owner::default(),
            followed: false,
        })
    });
    prop_oneof![
        6 => socket, 4 => minisock, 4 => request, 1 => aborted, 1 => fin, 1 => forked, 1 => accepted,
        2 => syn
    ]
}

fn existing() -> impl Strategy<Value = Existing> {
    let kinds = vec![SocketKind::Full, SocketKind::Minisock, SocketKind::Request];
    (cookie(), tuple(), state(), select(kinds)).prop_map(|(cookie, tuple, state, kind)| Existing {
        cookie,
        tuple,
        state,
        kind,
        owner: Owner::default(),
        near: None,
        reach: Reach::default(),
    })
}

fn at(event: &Event, now: u64) -> Event {
    let mut event = *event;
    match &mut event {
        Event::Socket(event) => event.time_ns = now,
        Event::Minisock(event) => event.time_ns = now,
        Event::Request(event) => event.time_ns = now,
        Event::ResetSent(event) => event.time_ns = now,
        Event::FinDropped(event) => event.time_ns = now,
        Event::Forked(event) => event.time_ns = now,
        Event::Accepted(event) => event.time_ns = now,
        Event::Syn(event) => event.time_ns = now,
    }
    event
}

const CANCELLED: TimerChange = TimerChange::Cancelled(None);

fn addresses(local: u16, remote: u16) -> Tuple {
    Tuple {
        netns: 1,
        link: None,
        local: Endpoint::new([10, 0, 0, 1].into(), local),
        remote: Endpoint::new([10, 0, 0, 2].into(), remote),
    }
}

fn socket(cookie: Option<Cookie>, tuple: Tuple, from: State, to: State) -> SocketEvent {
    SocketEvent {
        time_ns: 0,
        cookie,
        tuple,
        from,
        to,
        owner: None,
        by_kernel: false,
        followed: false,
        stood_in: false,
        errno: 0,
        evidence: Evidence {
            receive_shutdown: true,
            ..Evidence::default()
        },
        netns_gone: false,
        orphan: false,
        keepalive: false,
        retransmits: None,
        reach: None,
        measured: None,
    }
}

/// How many ways to live there are.
const LIVES: usize = 5;

/// What the kernel tells of a whole life, and the transitions of it.
fn life_of(life: usize, port: u16) -> (Vec<Event>, Vec<(State, State)>) {
    use State::{
        CloseWait, Closed, Closing, Established, FinWait1, FinWait2, LastAck, Listen, SynRecv,
        SynSent, TimeWait,
    };
    let tuple = addresses(port, 80);
    let cookie = Cookie::new(port.into());
    let socket = |from, to| Event::Socket(socket(cookie, tuple, from, to));
    let unported = |from, to| Event::Socket(self::socket(cookie, addresses(0, 80), from, to));
    let minisock = |state, change| {
        Event::Minisock(MinisockEvent {
            time_ns: 0,
            cookie,
            tuple,
            change,
            state,
            netns_gone: false,
        })
    };
    let request = |change| {
        Event::Request(RequestEvent {
            time_ns: 0,
            tuple,
            change,
            listener: None,
            retransmits: 0,
            fresh: true,
            netns_gone: false,
        })
    };
    let time_wait = MinisockState::TimeWait;
    match life {
        // Active, closes first; the FIN comes later.
        0 => (
            vec![
                unported(Closed, SynSent),
                socket(SynSent, Established),
                socket(Established, FinWait1),
                socket(FinWait1, FinWait2),
                minisock(MinisockState::FinWait2, TimerChange::Started),
                unported(FinWait2, Closed),
                minisock(time_wait, TimerChange::Segment),
                minisock(time_wait, CANCELLED),
                minisock(time_wait, TimerChange::Expired),
            ],
            vec![
                (Closed, SynSent),
                (SynSent, Established),
                (Established, FinWait1),
                (FinWait1, FinWait2),
                (FinWait2, TimeWait),
                (TimeWait, Closed),
            ],
        ),
        // Passive, closes second.
        1 => (
            vec![
                request(TimerChange::Started),
                socket(Listen, SynRecv),
                request(CANCELLED),
                socket(SynRecv, Established),
                socket(Established, CloseWait),
                socket(CloseWait, LastAck),
                unported(LastAck, Closed),
            ],
            vec![
                (Listen, SynRecv),
                (SynRecv, Established),
                (Established, CloseWait),
                (CloseWait, LastAck),
                (LastAck, Closed),
            ],
        ),
        // Crossing FINs.
        2 => (
            vec![
                unported(Closed, SynSent),
                socket(SynSent, Established),
                socket(Established, FinWait1),
                socket(FinWait1, Closing),
                minisock(time_wait, TimerChange::Started),
                unported(Closing, Closed),
                minisock(time_wait, TimerChange::Cancelled(Some(EarlyCause::Connect))),
            ],
            vec![
                (Closed, SynSent),
                (SynSent, Established),
                (Established, FinWait1),
                (FinWait1, Closing),
                (Closing, TimeWait),
                (TimeWait, Closed),
            ],
        ),
        // Refused.
        3 => (
            vec![unported(Closed, SynSent), socket(SynSent, Closed)],
            vec![(Closed, SynSent), (SynSent, Closed)],
        ),
        // Half-open, reset.
        _ => (
            vec![
                request(TimerChange::Started),
                request(TimerChange::Cancelled(Some(EarlyCause::Reset))),
            ],
            vec![(Listen, SynRecv), (SynRecv, Closed)],
        ),
    }
}
