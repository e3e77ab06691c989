//! Connections as a kernel makes them, many at once, in any order among each other, some of whose
//! events are lost: what is told of each is its own path, whatever happens to the others.

#![no_main]

use std::collections::HashMap;

use arbitrary::{Result, Unstructured};
use libfuzzer_sys::fuzz_target;
use tcptrace::{
    model::{
        Cookie, Coverage, EarlyCause, Endpoint, Event, Evidence, MinisockEvent, MinisockState,
        RequestEvent, SocketEvent, State,
        State::{
            CloseWait, Closed, Closing, Established, FinWait1, FinWait2, LastAck, Listen, SynRecv,
            SynSent, TimeWait,
        },
        TimerChange, Tuple,
    },
    track::{Limits, Tracker},
};

/// Connections at once.
const MOST: usize = 12;

/// A life: what the kernel tells, and the path that is to be told of it.
#[derive(Default)]
struct Life {
    port: u16,
    events: Vec<Event>,
    path: Vec<(State, State)>,
}

impl Life {
    fn lived(port: u16, choices: &mut Unstructured<'_>) -> Result<Self> {
        let mut life = Self {
            port,
            ..Self::default()
        };
        let established = match choices.int_in_range(0..=2)? {
            0 => life.connect(choices)?,
            1 => life.request(choices)?,
            // SYN cookies.
            _ => {
                life.goes(Listen, SynRecv, 0);
                life.goes(SynRecv, Established, 0);
                true
            }
        };
        if established {
            match choices.int_in_range(0..=2)? {
                0 => life.goes(Established, Closed, 104),
                1 => life.close_first(choices)?,
                _ => life.close_last(choices)?,
            }
        }
        Ok(life)
    }

    /// Whether it was established.
    fn connect(&mut self, choices: &mut Unstructured<'_>) -> Result<bool> {
        self.tells(Closed, SynSent, 0, 0);
        self.path.push((Closed, SynSent));
        match choices.int_in_range(0..=4)? {
            0 => self.goes(SynSent, Closed, 111),
            1 => self.goes(SynSent, Closed, 110),
            2 => {
                self.goes(SynSent, SynRecv, 0);
                self.goes(SynRecv, Established, 0);
                return Ok(true);
            }
            _ => {
                self.goes(SynSent, Established, 0);
                return Ok(true);
            }
        }
        Ok(false)
    }

    fn request(&mut self, choices: &mut Unstructured<'_>) -> Result<bool> {
        self.path.push((Listen, SynRecv));
        self.asks(TimerChange::Started, 0);
        for again in 1..=choices.int_in_range(0..=2)? {
            self.asks(STOPPED, again - 1);
            self.asks(TimerChange::Expired, again - 1);
            self.asks(TimerChange::Started, again);
        }
        match choices.int_in_range(0..=3)? {
            0 => self.asks(TimerChange::Cancelled(Some(EarlyCause::Reset)), 0),
            1 => self.asks(TimerChange::Cancelled(Some(EarlyCause::Icmp)), 0),
            2 => {
                self.asks(STOPPED, 5);
                self.asks(TimerChange::Expired, 5);
            }
            _ => {
                self.tells(Listen, SynRecv, self.port, 0);
                self.asks(STOPPED, 0);
                self.goes(SynRecv, Established, 0);
                return Ok(true);
            }
        }
        self.path.push((SynRecv, Closed));
        Ok(false)
    }

    fn close_first(&mut self, choices: &mut Unstructured<'_>) -> Result<()> {
        self.goes(Established, FinWait1, 0);
        match choices.int_in_range(0..=5)? {
            0 => self.goes(FinWait1, Closed, 110),
            1 => self.goes(FinWait1, Closed, 104),
            2 => {
                self.goes(FinWait1, Closing, 0);
                self.waits(MinisockState::TimeWait, TimerChange::Started);
                self.tells(Closing, Closed, 0, 0);
                self.path.push((Closing, TimeWait));
                self.time_wait(choices)?;
            }
            3 => {
                self.goes(FinWait1, FinWait2, 0);
                self.goes(FinWait2, Closed, 0);
            }
            4 => {
                self.goes(FinWait1, FinWait2, 0);
                self.waits(MinisockState::TimeWait, TimerChange::Started);
                self.tells(FinWait2, Closed, 0, 0);
                self.path.push((FinWait2, TimeWait));
                self.time_wait(choices)?;
            }
            _ => {
                self.goes(FinWait1, FinWait2, 0);
                self.orphan(choices)?;
            }
        }
        Ok(())
    }

    /// Closed by its process, it waits for the peer's FIN.
    fn orphan(&mut self, choices: &mut Unstructured<'_>) -> Result<()> {
        let waits = MinisockState::FinWait2;
        self.waits(waits, TimerChange::Started);
        self.tells(FinWait2, Closed, 0, 0);
        match choices.int_in_range(0..=2)? {
            0 => {
                self.waits(waits, STOPPED);
                self.waits(waits, TimerChange::Expired);
                self.path.push((FinWait2, Closed));
            }
            1 => {
                let reset = TimerChange::Cancelled(Some(EarlyCause::Segment));
                self.waits(waits, reset);
                self.path.push((FinWait2, Closed));
            }
            _ => {
                self.waits(MinisockState::TimeWait, TimerChange::Segment);
                if choices.arbitrary()? {
                    self.waits(MinisockState::TimeWait, STOPPED);
                    self.waits(MinisockState::TimeWait, TimerChange::Started);
                }
                self.path.push((FinWait2, TimeWait));
                self.time_wait(choices)?;
            }
        }
        Ok(())
    }

    fn time_wait(&mut self, choices: &mut Unstructured<'_>) -> Result<()> {
        let waits = MinisockState::TimeWait;
        for _ in 0..choices.int_in_range(0..=2)? {
            // A segment that was late.
            self.waits(waits, STOPPED);
            self.waits(waits, TimerChange::Started);
        }
        let cause = match choices.int_in_range(0..=6)? {
            0 => Some(EarlyCause::Segment),
            1 => Some(EarlyCause::Connect),
            2 => Some(EarlyCause::Killed),
            3 => Some(EarlyCause::NetnsGone),
            4 => Some(EarlyCause::Reset),
            5 => Some(EarlyCause::Unknown),
            _ => None,
        };
        self.waits(waits, TimerChange::Cancelled(cause));
        if cause.is_none() {
            self.waits(waits, TimerChange::Expired);
        }
        self.path.push((TimeWait, Closed));
        Ok(())
    }

    fn close_last(&mut self, choices: &mut Unstructured<'_>) -> Result<()> {
        self.goes(Established, CloseWait, 0);
        match choices.int_in_range(0..=2)? {
            0 => self.goes(CloseWait, Closed, 0),
            1 => {
                self.goes(CloseWait, LastAck, 0);
                self.goes(LastAck, Closed, 104);
            }
            _ => {
                self.goes(CloseWait, LastAck, 0);
                self.goes(LastAck, Closed, 0);
            }
        }
        Ok(())
    }

    /// A transition of the full socket that is to be told.
    fn goes(&mut self, from: State, to: State, errno: u8) {
        // The port is released before.
        let port = if to == Closed { 0 } else { self.port };
        self.tells(from, to, port, errno);
        self.path.push((from, to));
    }

    fn tells(&mut self, from: State, to: State, port: u16, errno: u8) {
        self.events.push(Event::Socket(SocketEvent {
            time_ns: 0,
            cookie: Cookie::new(self.port.into()),
            tuple: addresses(port),
            from,
            to,
            owner: None,
            by_kernel: false,
            followed: false,
            stood_in: false,
            errno,
            evidence: Evidence {
                receive_shutdown: true,
                rst_received: errno == 104,
                ..Evidence::default()
            },
            netns_gone: false,
            orphan: false,
            keepalive: false,
            retransmits: None,
            reach: None,
            measured: None,
        }));
    }

    fn waits(&mut self, state: MinisockState, change: TimerChange) {
        self.events.push(Event::Minisock(MinisockEvent {
            time_ns: 0,
            cookie: Cookie::new(self.port.into()),
            tuple: addresses(self.port),
            change,
            state,
            netns_gone: false,
        }));
    }

    fn asks(&mut self, change: TimerChange, retransmits: u8) {
        self.events.push(Event::Request(RequestEvent {
            time_ns: 0,
            tuple: addresses(self.port),
            change,
            listener: None,
            retransmits,
            fresh: retransmits == 0,
            netns_gone: false,
        }));
    }
}

const STOPPED: TimerChange = TimerChange::Cancelled(None);

fn addresses(port: u16) -> Tuple {
    Tuple {
        netns: 1,
        link: None,
        local: Endpoint::new([10, 0, 0, 1].into(), port),
        remote: Endpoint::new([10, 0, 0, 2].into(), 80),
    }
}

fn at(mut event: Event, now: u64) -> Event {
    match &mut event {
        Event::Socket(event) => event.time_ns = now,
        Event::Minisock(event) => event.time_ns = now,
        Event::Request(event) => event.time_ns = now,
        Event::ResetSent(event) => event.time_ns = now,
        Event::FinDropped(event) => event.time_ns = now,
        Event::Syn(event) => event.time_ns = now,
        Event::Forked(event) => event.time_ns = now,
        Event::Accepted(event) => event.time_ns = now,
    }
    event
}

fuzz_target!(|bytes: &[u8]| {
    // What is used up gives zeroes.
    let _ = run(&mut Unstructured::new(bytes));
});

fn run(choices: &mut Unstructured<'_>) -> Result<()> {
    let mut lives = Vec::new();
    for port in 1..=choices.int_in_range(1..=MOST)? {
        lives.push(Life::lived(port as u16, choices)?);
    }
    let mut tracker = Tracker::new(Limits::default(), Coverage::FULL);
    let mut told: HashMap<u16, Vec<(State, State)>> = HashMap::new();
    let mut times: HashMap<u16, Vec<u64>> = HashMap::new();
    let mut lost: Vec<u16> = Vec::new();
    let mut out = |it: &tcptrace::model::Transition| {
        // Of what was lost, the port may be.
        let port = it.cookie.map_or(it.tuple.local.port_or_zero(), |cookie| {
            cookie.0.get() as u16
        });
        told.entry(port).or_default().push((it.from, it.to));
        times.entry(port).or_default().push(it.time_ns);
    };
    let mut waiting: Vec<_> = lives
        .iter()
        .map(|life| (life.port, life.events.iter()))
        .collect();
    let mut now = 1_000_000;
    let mut loss = false;
    while !waiting.is_empty() {
        let index = choices.choose_index(waiting.len())?;
        let (port, events) = &mut waiting[index];
        let Some(event) = events.next() else {
            drop(waiting.swap_remove(index));
            continue;
        };
        now += u64::from(choices.arbitrary::<u16>()?);
        if choices.ratio(1, 32)? {
            lost.push(*port);
            loss = true;
            continue;
        }
        if std::mem::take(&mut loss) {
            tracker.note_loss();
        }
        tracker.apply(&at(*event, now), &mut out);
        tracker.advance(now - 1_000_000, &mut out);
    }
    tracker.advance(now + 1_000_000_000, &mut out);
    tracker.finish(&mut out);
    for life in &lives {
        if !lost.contains(&life.port) {
            assert_eq!(told.get(&life.port), Some(&life.path), "port {}", life.port);
            assert!(times[&life.port].is_sorted(), "port {}", life.port);
        }
    }
    let (flows, requests) = tracker.remembered();
    assert!(flows + requests <= lost.len());
    Ok(())
}
