//! Events in the notation of `tests/scenarios`: see the README there.

use std::{collections::HashMap, fmt::Write as _};

use tcptrace::model::{
    Cookie, Coverage, EarlyCause, Endpoint, Event, MinisockState, Owner, SocketEvent, State,
    TimerChange, Tuple,
};

/// After so long without an event, all that happened is told: tcptrace looks more often than that.
const QUIET_NS: u64 = 100_000_000;
/// Ports from here on are the kernel's choice, and another one each time.
const CHOSEN: u16 = 30_000;
/// What they are called instead, one after another.
const CALLED: u16 = 40_001;

/// Writes a scenario, with names that are the same each time.
pub struct Scenario {
    text: String,
    began: Option<u64>,
    last: u64,
    cookies: HashMap<Cookie, u64>,
    ports: HashMap<u16, u16>,
}

impl Scenario {
    /// One that happened on this kernel, of which so much is seen.
    pub fn new(release: &str, coverage: Coverage) -> Self {
        // Without what its builder added.
        let version = release.split('-').next().unwrap_or(release);
        let blind = [
            ("blind", coverage.minisocks),
            ("no-fins", coverage.fins),
            ("no-resets", coverage.resets),
            ("no-accepts", coverage.accepts),
            ("no-syns", coverage.syns),
        ];
        let words: Vec<&str> = blind
            .iter()
            .filter(|(_, seen)| !seen)
            .map(|(word, _)| *word)
            .collect();
        let machine = match words.is_empty() {
            true => String::new(),
            false => format!("machine {}\n", words.join(" ")),
        };
        Self {
            text: format!("# kernel: {version}\n{machine}"),
            began: None,
            last: 0,
            cookies: HashMap::new(),
            ports: HashMap::new(),
        }
    }

    /// All of it; what follows from it comes behind the dashes.
    pub fn finish(mut self) -> String {
        let _ = writeln!(self.text, "{} passed\nend\n---", ms(self.last + QUIET_NS));
        self.text
    }

    /// One more event.
    pub fn tell(&mut self, event: &Event) {
        let began = *self.began.get_or_insert(event.time_ns());
        let now = event.time_ns().saturating_sub(began);
        if now > self.last + QUIET_NS {
            let _ = writeln!(self.text, "{} passed", ms(self.last + QUIET_NS));
        }
        self.last = self.last.max(now);
        let time = ms(now);
        let line = match event {
            Event::Socket(event) => self.socket(event),
            Event::Minisock(event) => {
                let state = match event.state {
                    MinisockState::FinWait2 => State::FinWait2,
                    MinisockState::TimeWait => State::TimeWait,
                };
                let gone = if event.netns_gone { " gone" } else { "" };
                format!(
                    "minisock {} {} {state} {}{gone}",
                    self.cookie(event.cookie),
                    self.tuple(&event.tuple),
                    change(event.change)
                )
            }
            Event::Request(event) => {
                let mut line = format!(
                    "request {} {}",
                    self.tuple(&event.tuple),
                    change(event.change)
                );
                if event.retransmits > 0 {
                    let _ = write!(line, " retrans={}", event.retransmits);
                }
                if let Some(listener) = event.listener {
                    let _ = write!(line, " listener={}", self.number(listener));
                }
                if event.netns_gone {
                    line += " gone";
                }
                line
            }
            Event::ResetSent(event) => format!("reset-sent {}", self.cookie(event.cookie)),
            Event::FinDropped(event) => format!("fin-dropped {}", self.tuple(&event.tuple)),
            Event::Accepted(event) => format!(
                "accepted {}{}",
                self.cookie(event.cookie),
                owner(&event.owner)
            ),
            Event::Syn(event) => {
                let mut line = format!(
                    "syn {} {}",
                    self.cookie(event.cookie),
                    self.tuple(&event.tuple)
                );
                if event.retransmits > 0 {
                    let _ = write!(line, " retrans={}", event.retransmits);
                }
                line
            }
            // Of whom, the capture does not know.
            Event::Forked(_) => return,
        };
        let _ = writeln!(self.text, "{time} {line}");
    }

    fn socket(&mut self, event: &SocketEvent) -> String {
        let mut line = format!(
            "socket {} {} {} -> {}",
            self.cookie(event.cookie),
            self.tuple(&event.tuple),
            event.from,
            event.to
        );
        if let Some(it) = &event.owner {
            line += &owner(it);
        }
        if event.errno != 0 {
            let _ = write!(line, " err={}", errno(event.errno.into()));
        }
        let evidence = &event.evidence;
        for (is, word) in [
            (event.by_kernel, "by-kernel"),
            (event.stood_in, "stood-in"),
            (evidence.receive_shutdown, "shut"),
            (evidence.linger_0, "linger-0"),
            (evidence.unread, "unread"),
            (evidence.unacked, "unacked"),
            (evidence.repair, "repair"),
            (evidence.rst_received, "rst"),
            (evidence.rst_sent, "rst-sent"),
            (event.netns_gone, "gone"),
            (event.orphan, "orphan"),
            (event.keepalive, "keepalive"),
        ] {
            if is {
                let _ = write!(line, " {word}");
            }
        }
        if let Some(measured) = &event.measured {
            for (count, word) in [
                (measured.bytes_acked, "acked"),
                (measured.bytes_received, "received"),
            ] {
                if count > 0 {
                    let _ = write!(line, " {word}={count}");
                }
            }
            for (is, word) in [
                (measured.fin_received, "fin"),
                (measured.fin_uncounted, "fin-uncounted"),
            ] {
                if is {
                    let _ = write!(line, " {word}");
                }
            }
        }
        line
    }

    fn number(&mut self, cookie: Cookie) -> u64 {
        let next = self.cookies.len() as u64 + 1;
        *self.cookies.entry(cookie).or_insert(next)
    }

    fn cookie(&mut self, cookie: Option<Cookie>) -> String {
        cookie.map_or("sk:-".to_owned(), |it| format!("sk:{:x}", self.number(it)))
    }

    fn tuple(&mut self, tuple: &Tuple) -> String {
        let [local, remote] = [tuple.local, tuple.remote].map(|it| self.endpoint(&it));
        let link = tuple
            .link
            .map_or_else(String::new, |it| format!(" link={it}"));
        format!("{local} {remote}{link}")
    }

    fn endpoint(&mut self, it: &Endpoint) -> String {
        let port = match it.port_or_zero() {
            port if port < CHOSEN => port,
            port => {
                let next = CALLED + self.ports.len() as u16;
                *self.ports.entry(port).or_insert(next)
            }
        };
        std::net::SocketAddr::from((it.addr, port)).to_string()
    }
}

/// Whoever captures is called so; other names and ids would be other ones each time.
fn owner(owner: &Owner) -> String {
    match owner.process {
        Some(_) => " by=peer/100".to_owned(),
        None => String::new(),
    }
}

fn change(change: TimerChange) -> String {
    let cause = |cause: EarlyCause| match cause {
        EarlyCause::Reset => "reset",
        EarlyCause::ResetByUs => "our-reset",
        EarlyCause::Segment => "segment",
        EarlyCause::Connect => "connect",
        EarlyCause::Icmp => "icmp",
        EarlyCause::Killed => "killed",
        EarlyCause::Completed => "completed",
        EarlyCause::NetnsGone | EarlyCause::Unknown => "unknown",
    };
    match change {
        TimerChange::Started => "started".to_owned(),
        TimerChange::Cancelled(None) => "cancelled".to_owned(),
        TimerChange::Cancelled(Some(it)) => format!("cancelled cause={}", cause(it)),
        TimerChange::Ended(it) => format!("ended cause={}", cause(it)),
        TimerChange::Expired => "expired".to_owned(),
        TimerChange::Segment => "segment".to_owned(),
    }
}

fn errno(errno: i32) -> String {
    // As its Debug form has it: the name.
    format!("{:?}", nix::errno::Errno::from_raw(errno))
}

fn ms(ns: u64) -> String {
    format!("{}.{:03}", ns / 1_000_000, ns / 1_000 % 1_000)
}
