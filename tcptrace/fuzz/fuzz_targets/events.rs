//! Any events, in an order that no kernel has: the state machine and what is behind it tell only
//! what happened at a time at which something happened, and remember no more than they may.

#![no_main]

use std::mem::offset_of;

use arbitrary::Arbitrary;
use libfuzzer_sys::fuzz_target;
use tcptrace::{
    aggregate::{
        flows::{Assembler, Patience},
        stats::{By, Figures},
    },
    host::{Cgroups, Clock, Links},
    model::{
        Cookie, Coverage, Endpoint, Existing, Known as _, Link, Owner, Reach, SocketKind, State,
        Transition, Tuple,
    },
    output::{Context, Json, View},
    source::{decode, live::Symbols},
    track::{Limits, Tracker},
};
use tcptrace_ebpf::wire::{self, Head};
use zerocopy::IntoBytes as _;

const LIMITS: Limits = Limits {
    flows: 16,
    requests: 8,
};

#[derive(Arbitrary, Debug)]
struct Run {
    minisocks: bool,
    fins: bool,
    resets: bool,
    syns: bool,
    time_wait: bool,
    steps: Vec<Step>,
}

#[derive(Arbitrary, Debug)]
enum Step {
    Event(Record),
    More(Record),
    And(Record),
    Also(Record),
    Passed(u32),
    Existing(u8, Place, u8, u8),
    Learn(u8, Place),
    Lost,
}

/// A record, with few values in each field, so that records have something to do with each other.
#[derive(Arbitrary, Debug)]
struct Record {
    pause_ns: u32,
    kind: u8,
    cookie: u8,
    place: Place,
    from: u8,
    to: u8,
    flags: u8,
    evidence: u8,
    errno: u8,
    cause: u8,
}

#[derive(Arbitrary, Clone, Copy, Debug)]
struct Place(u8);

impl Place {
    fn local(self) -> u16 {
        u16::from(self.0 & 3)
    }

    fn remote(self) -> u16 {
        u16::from(self.0 >> 2 & 3)
    }

    fn netns(self) -> u32 {
        u32::from(self.0 >> 4 & 1)
    }

    fn family(self) -> u8 {
        if self.0 & 32 == 0 { 4 } else { 6 }
    }

    fn link(self) -> u32 {
        u32::from(self.0 >> 6)
    }

    fn tuple(self) -> Tuple {
        Tuple {
            netns: self.netns(),
            link: Link::new(self.link()),
            local: Endpoint::new([10, 0, 0, 1].into(), self.local()),
            remote: Endpoint::new([10, 0, 0, 2].into(), self.remote()),
        }
    }
}

impl Record {
    fn bytes(&self, now: u64) -> Vec<u8> {
        let kind = self.kind % 10 + 1;
        let timer = matches!(kind, 4..=8);
        let mut addr = [0; 16];
        addr[..4].copy_from_slice(&[10, 0, 0, 1]);
        let head = Head {
            time_ns: now,
            cookie: u64::from(self.cookie % 24),
            local_addr: addr,
            remote_addr: {
                addr[3] = 2;
                addr
            },
            netns: self.place.netns(),
            local_port: self.place.local(),
            remote_port: self.place.remote(),
            kind,
            family: self.place.family(),
            from: if timer {
                self.from % 4 + 1
            } else {
                self.from % 13 + 1
            },
            to: match kind {
                4 | 5 => self.to % 2 + 5,
                6..=8 => self.to % 3,
                _ => self.to % 13 + 1,
            },
            flags: self.flags,
            evidence: self.evidence,
            retransmits: self.cause,
            errno: [0, 103, 104, 110, 111, 113, 32, 1][usize::from(self.errno & 7)],
        };
        let mut bytes = head.as_bytes().to_vec();
        // What follows the head has any bytes.
        let (size, filler) = match kind {
            wire::kind::SOCKET_OWNED | wire::kind::ACCEPTED => (112, self.cause),
            wire::kind::SOCKET_MEASURED => (168, self.cause),
            wire::kind::MINISOCK_EARLY | wire::kind::REQUEST_EARLY => (160, 0),
            wire::kind::REQUEST_BEGIN | wire::kind::FORKED => (72, 0),
            _ => (64, 0),
        };
        bytes.resize(size, filler);
        match kind {
            wire::kind::MINISOCK_EARLY | wire::kind::REQUEST_EARLY => bytes[64] = self.cause,
            wire::kind::REQUEST_BEGIN => bytes[64] = self.cause % 24,
            _ => {}
        }
        if self.place.link() != 0 {
            bytes[offset_of!(Head, kind)] |= wire::kind::LINKED;
            bytes.extend(self.place.link().to_ne_bytes());
            bytes.extend([0; 4]);
        }
        bytes
    }
}

fuzz_target!(|run: Run| {
    let symbols = Symbols::parse(
        &b"10 T tcp_abort\n20 t x\n30 T tcp_check_req\n40 T tcp_v4_rcv\n50 T tcp_req_err\n\
           60 T inet_csk_complete_hashdance\n70 T __inet_check_established\n80 t y\n"[..],
    );
    let coverage = Coverage {
        minisocks: run.minisocks,
        fins: run.fins,
        resets: run.resets,
        accepts: true,
        syns: run.syns,
    };
    let mut tracker = Tracker::new(LIMITS, coverage);
    let mut told: Vec<Transition> = Vec::new();
    let mut now = 0;
    let mut times = vec![0];
    let mut out = |it: &Transition| told.push(*it);
    for step in &run.steps {
        match step {
            Step::Event(record) | Step::More(record) | Step::And(record) | Step::Also(record) => {
                now += u64::from(record.pause_ns % 40_000_000);
                times.push(now);
                if let Ok(event) = decode(&record.bytes(now), &symbols) {
                    tracker.apply(&event, &mut out);
                }
            }
            Step::Passed(pause) => {
                now += u64::from(*pause);
                tracker.advance(now, &mut out);
            }
            Step::Existing(cookie, place, state, kind) => tracker.seed(&Existing {
                cookie: Cookie::new(u64::from(cookie % 24)),
                tuple: place.tuple(),
                state: State::ALL[usize::from(*state) % State::ALL.len()],
                kind: match kind % 3 {
                    0 => SocketKind::Full,
                    1 => SocketKind::Minisock,
                    _ => SocketKind::Request,
                },
                owner: Owner::default(),
                near: None,
                reach: Reach::default(),
            }),
            Step::Learn(cookie, place) => {
                if let Some(cookie) = Cookie::new(u64::from(cookie % 24)) {
                    tracker.learn(cookie, &place.tuple(), &mut out);
                }
            }
            Step::Lost => tracker.note_loss(),
        }
        let (flows, requests) = tracker.remembered();
        assert!(flows <= LIMITS.flows && requests <= LIMITS.requests);
        assert!(tracker.connections().count() <= LIMITS.flows + LIMITS.requests);
        let _ = tracker.without_port(now);
    }
    // Nothing is withheld for ever.
    tracker.advance(now + 1_000_000_000, &mut |it| told.push(*it));
    assert_eq!(tracker.next_deadline(), None);
    let before = told.len();
    tracker.finish(&mut |it| told.push(*it));
    assert_eq!(told.len(), before);

    let patience = match run.time_wait {
        true => Patience::UntilTimeWaitEnds,
        false => Patience::UntilClosed,
    };
    let mut assembler = Assembler::new(patience, LIMITS.flows);
    for it in &told {
        assert_ne!(it.from, it.to, "{it:?}");
        assert!(times.contains(&it.time_ns), "{it:?}");
        assert!(it.held_ns.is_none_or(|held| held <= it.time_ns), "{it:?}");
        if let Some(flow) = assembler.take(it) {
            assert!(!flow.path.is_empty());
            let _ = (flow.idle_jiffies(), flow.total_ns());
        }
        assert!(assembler.remembered() <= LIMITS.flows);
    }
    assert!(assembler.finish().all(|flow| !flow.path.is_empty()));

    // What is written of them is JSON, and what is counted of them is there.
    let mut lines = Vec::new();
    let mut json = Json::new(&mut lines);
    let mut around = Context {
        clock: &Clock::ahead_by(0),
        cgroups: &mut Cgroups::default(),
        links: &mut Links::default(),
    };
    let mut figures = Figures::new(Some(By::Port));
    for it in &told {
        json.show(it, &mut around).expect("a vector takes all");
        figures.take(it);
    }
    View::<Transition>::flush(&mut json).expect("a vector takes all");
    drop(json);
    let count = lines
        .split(|byte| *byte == b'\n')
        .filter(|line| !line.is_empty())
        .inspect(|line| {
            let _: serde_json::Value = serde_json::from_slice(line).expect("JSON");
        })
        .count();
    assert_eq!(count, told.len());
    assert_eq!(figures.transitions, told.len() as u64);
});
