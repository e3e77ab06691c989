//! The notation of the scenarios: see README.md beside this file.

use std::{fmt::Write as _, net::SocketAddr};

use tcptrace::{
    model::{
        AcceptedEvent, Closer, Comm, Cookie, Coverage, EarlyCause, Endpoint, Event, Evidence,
        Existing, FinDroppedEvent, FlowEnd, FlowRecord, ForkedEvent, HolderAnswer, Link, Measured,
        MinisockEvent, MinisockState, Owner, Process, Reach, RequestEvent, ResetSentEvent, Side,
        SocketEvent, SocketKind, State, SynEvent, TimerChange, Transition, Tuple,
    },
    track::Limits,
};

/// The namespace of all scenarios.
pub const NETNS: u32 = 4_026_531_840;

/// One line of a scenario.
pub enum Step {
    Nothing,
    Machine { coverage: Coverage, limits: Limits },
    Existing(Existing),
    Event(Event),
    Passed(u64),
    Looked { cookie: Cookie, tuple: Tuple },
    Found(HolderAnswer),
    Asked { now: u64, cookie: Option<Cookie> },
    Lost,
    LookBegins,
    There(Existing),
    Compared,
    End,
    Remembered { flows: usize, requests: usize },
}

type Result<T> = std::result::Result<T, String>;

/// Reads a line.
pub fn parse(line: &str) -> Result<Step> {
    let line = line.split('#').next().unwrap_or_default();
    let mut words = Words(line.split_whitespace().collect());
    let Some(first) = words.next() else {
        return Ok(Step::Nothing);
    };
    let step = match first {
        "machine" => Step::Machine {
            coverage: Coverage {
                minisocks: !words.flag("blind"),
                fins: !words.flag("no-fins"),
                resets: !words.flag("no-resets"),
                accepts: !words.flag("no-accepts"),
                syns: !words.flag("no-syns"),
            },
            limits: Limits {
                flows: words
                    .number("flows")?
                    .map_or(1 << 20, |number| number as usize),
                requests: words
                    .number("requests")?
                    .map_or(1 << 18, |number| number as usize),
            },
        },
        "existing" => Step::Existing(existing(&mut words)?),
        "looked" => {
            let cookie = words.cookie()?.ok_or("a cookie is needed")?;
            Step::Looked {
                cookie,
                tuple: words.tuple()?,
            }
        }
        "lost" => Step::Lost,
        "looks" => Step::LookBegins,
        "there" => Step::There(existing(&mut words)?),
        "compared" => Step::Compared,
        "end" => Step::End,
        "remembered" => Step::Remembered {
            flows: words.word()?.parse().map_err(|_| "a number is needed")?,
            requests: words.word()?.parse().map_err(|_| "a number is needed")?,
        },
        time => {
            let time_ns = milliseconds(time)?;
            match words.word()? {
                "socket" => Step::Event(Event::Socket(socket(time_ns, &mut words)?)),
                "minisock" => Step::Event(Event::Minisock(minisock(time_ns, &mut words)?)),
                "request" => Step::Event(Event::Request(request(time_ns, &mut words)?)),
                "reset-sent" => Step::Event(Event::ResetSent(ResetSentEvent {
                    time_ns,
                    cookie: words.cookie()?,
                })),
                "fin-dropped" => {
                    let tuple = words.tuple()?;
                    Step::Event(Event::FinDropped(FinDroppedEvent { time_ns, tuple }))
                }
                "forked" => Step::Event(Event::Forked(ForkedEvent {
                    time_ns,
                    pid: words.number("pid")?.map(|pid| pid as u32),
                })),
                "accepted" => Step::Event(Event::Accepted(AcceptedEvent {
                    time_ns,
                    cookie: words.cookie()?,
                    owner: words.owner()?.ok_or("by=COMM/PID is needed")?,
                    followed: false,
                })),
                "found" => Step::Found(HolderAnswer {
                    since: time_ns,
                    cookie: words.cookie()?.ok_or("a cookie is needed")?,
                    owner: words.owner()?,
                }),
                "syn" => Step::Event(Event::Syn(SynEvent {
                    time_ns,
                    cookie: words.cookie()?,
                    tuple: words.tuple()?,
                    retransmits: words.number("retrans")?.unwrap_or(0) as u8,
                    wanted: !words.flag("unwanted"),
                })),
                "asked" => Step::Asked {
                    now: time_ns,
                    cookie: words.cookie()?,
                },
                "passed" => Step::Passed(time_ns),
                other => return Err(format!("'{other}' is nothing that happens")),
            }
        }
    };
    match words.0.as_slice() {
        [] => Ok(step),
        rest => Err(format!("too much: {}", rest.join(" "))),
    }
}

fn socket(time_ns: u64, words: &mut Words<'_>) -> Result<SocketEvent> {
    let cookie = words.cookie()?;
    let tuple = words.tuple()?;
    let from = words.state()?;
    if words.word()? != "->" {
        return Err("-> is missing".to_owned());
    }
    let to = words.state()?;
    let measured = Measured {
        bytes_acked: words.number("acked")?.unwrap_or(0) as u64,
        bytes_received: words.number("received")?.unwrap_or(0) as u64,
        fin_received: words.flag("fin"),
        fin_uncounted: words.flag("fin-uncounted"),
        ..Measured::default()
    };
    let errno = match words.value("err") {
        None => 0,
        Some("ECONNREFUSED") => libc::ECONNREFUSED,
        Some("ECONNRESET") => libc::ECONNRESET,
        Some("EPIPE") => libc::EPIPE,
        Some("ETIMEDOUT") => libc::ETIMEDOUT,
        Some("EHOSTUNREACH") => libc::EHOSTUNREACH,
        Some("ENETUNREACH") => libc::ENETUNREACH,
        Some("ECONNABORTED") => libc::ECONNABORTED,
        Some("EACCES") => libc::EACCES,
        Some("ENOPROTOOPT") => libc::ENOPROTOOPT,
        Some(other) => return Err(format!("errno {other} is unknown")),
    };
    Ok(SocketEvent {
        time_ns,
        cookie,
        tuple,
        from,
        to,
        by_kernel: words.flag("by-kernel"),
        owner: words.owner()?,
        followed: false,
        stood_in: words.flag("stood-in"),
        errno: errno as u8,
        evidence: Evidence {
            receive_shutdown: words.flag("shut"),
            linger_0: words.flag("linger-0"),
            unread: words.flag("unread"),
            unacked: words.flag("unacked"),
            repair: words.flag("repair"),
            rst_received: words.flag("rst"),
            rst_sent: words.flag("rst-sent"),
            syn_out: words.flag("syn-out"),
        },
        netns_gone: words.flag("gone"),
        orphan: words.flag("orphan"),
        keepalive: words.flag("keepalive"),
        retransmits: words.number("retrans")?.map(|count| count as u32),
        reach: match to {
            State::Listen => Some(reach(words)),
            _ => None,
        },
        measured: (from == State::Established || to == State::Closed).then_some(measured),
    })
}

fn minisock(time_ns: u64, words: &mut Words<'_>) -> Result<MinisockEvent> {
    let cookie = words.cookie()?;
    let tuple = words.tuple()?;
    let state = match words.state()? {
        State::FinWait2 => MinisockState::FinWait2,
        State::TimeWait => MinisockState::TimeWait,
        other => return Err(format!("a minisock is never in {other}")),
    };
    let change = words.change()?;
    Ok(MinisockEvent {
        time_ns,
        cookie,
        tuple,
        change,
        state,
        netns_gone: words.flag("gone"),
    })
}

fn request(time_ns: u64, words: &mut Words<'_>) -> Result<RequestEvent> {
    let tuple = words.tuple()?;
    let change = words.change()?;
    let retransmits = words.number("retrans")?.unwrap_or(0) as u8;
    Ok(RequestEvent {
        time_ns,
        tuple,
        change,
        listener: words
            .number("listener")?
            .and_then(|cookie| Cookie::new(cookie as u64)),
        retransmits,
        fresh: retransmits == 0,
        netns_gone: words.flag("gone"),
    })
}

fn existing(words: &mut Words<'_>) -> Result<Existing> {
    let kind = match words.word()? {
        "socket" => SocketKind::Full,
        "minisock" => SocketKind::Minisock,
        "request" => SocketKind::Request,
        other => return Err(format!("'{other}' is no kind of socket")),
    };
    Ok(Existing {
        cookie: words.cookie()?,
        tuple: words.tuple()?,
        state: words.state()?,
        kind,
        owner: words.owner()?.unwrap_or_default(),
        near: None,
        reach: reach(words),
    })
}

fn reach(words: &mut Words<'_>) -> Reach {
    Reach {
        only_ipv6: words.flag("only-ipv6"),
    }
}

/// The words of a line that are not used yet.
struct Words<'a>(Vec<&'a str>);

impl<'a> Words<'a> {
    fn next(&mut self) -> Option<&'a str> {
        if self.0.is_empty() {
            None
        } else {
            Some(self.0.remove(0))
        }
    }

    fn word(&mut self) -> Result<&'a str> {
        self.next().ok_or_else(|| "it ends too early".to_owned())
    }

    fn flag(&mut self, name: &str) -> bool {
        let found = self.0.iter().position(|word| *word == name);
        found.map(|index| self.0.remove(index)).is_some()
    }

    fn value(&mut self, name: &str) -> Option<&'a str> {
        let split = |word: &&'a str| word.split_once('=').filter(|(key, _)| *key == name);
        let index = self.0.iter().position(|word| split(word).is_some())?;
        split(&self.0.remove(index)).map(|(_, value)| value)
    }

    fn number(&mut self, name: &str) -> Result<Option<i64>> {
        self.value(name)
            .map(|value| {
                value
                    .parse()
                    .map_err(|_| format!("{name}={value} is no number"))
            })
            .transpose()
    }

    fn cookie(&mut self) -> Result<Option<Cookie>> {
        match self.word()? {
            "sk:-" => Ok(None),
            word => word
                .strip_prefix("sk:")
                .and_then(|cookie| Cookie::new(u64::from_str_radix(cookie, 16).ok()?))
                .map(Some)
                .ok_or_else(|| format!("'{word}' is no cookie")),
        }
    }

    fn tuple(&mut self) -> Result<Tuple> {
        Ok(Tuple {
            netns: NETNS,
            link: self.link()?,
            local: self.endpoint()?,
            remote: self.endpoint()?,
        })
    }

    /// A word of its own, anywhere.
    fn link(&mut self) -> Result<Option<Link>> {
        let index = self.number("link")?.unwrap_or(0);
        let index = u32::try_from(index).map_err(|_| format!("link={index} is no index"))?;
        Ok(Link::new(index))
    }

    fn endpoint(&mut self) -> Result<Endpoint> {
        let word = self.word()?;
        let addr: SocketAddr = word
            .parse()
            .map_err(|_| format!("'{word}' is no address"))?;
        Ok(Endpoint::new(addr.ip(), addr.port()))
    }

    fn state(&mut self) -> Result<State> {
        self.word()?.parse().map_err(|error| format!("{error}"))
    }

    fn change(&mut self) -> Result<TimerChange> {
        let change = self.word()?;
        let cause = match self.value("cause") {
            None => None,
            Some("reset") => Some(EarlyCause::Reset),
            Some("our-reset") => Some(EarlyCause::ResetByUs),
            Some("segment") => Some(EarlyCause::Segment),
            Some("connect") => Some(EarlyCause::Connect),
            Some("icmp") => Some(EarlyCause::Icmp),
            Some("killed") => Some(EarlyCause::Killed),
            Some("completed") => Some(EarlyCause::Completed),
            Some("unknown") => Some(EarlyCause::Unknown),
            Some(other) => return Err(format!("cause {other} is unknown")),
        };
        match change {
            "started" => Ok(TimerChange::Started),
            "cancelled" => Ok(TimerChange::Cancelled(cause)),
            "ended" => cause
                .map(TimerChange::Ended)
                .ok_or_else(|| "it ended, and has no cause".to_owned()),
            "expired" => Ok(TimerChange::Expired),
            "segment" => Ok(TimerChange::Segment),
            other => Err(format!("'{other}' is nothing that happens to a timer")),
        }
    }

    fn owner(&mut self) -> Result<Option<Owner>> {
        let Some(by) = self.value("by") else {
            return Ok(None);
        };
        let (comm, pid) = by.split_once('/').ok_or("by=COMM/PID is needed")?;
        let pid = match pid {
            "-" => None,
            pid => Some(pid.parse::<u32>().map_err(|_| "a pid is a number")?),
        };
        let process = Process {
            pid,
            comm: Comm::new(comm.as_bytes()),
        };
        Ok(Some(Owner {
            process: Some(process),
            thread: self.value("thread").map(|name| Comm::new(name.as_bytes())),
            uid: Some(1000),
            cgroup: None,
        }))
    }
}

fn milliseconds(word: &str) -> Result<u64> {
    let wrong = || format!("'{word}' is no time");
    let (whole, fraction) = word.split_once('.').ok_or_else(wrong)?;
    let whole: u64 = whole.parse().map_err(|_| wrong())?;
    let fraction: u64 = format!("{fraction:0<6}").parse().map_err(|_| wrong())?;
    Ok(whole * 1_000_000 + fraction)
}

/// Writes a transition as a line.
pub fn write_transition(to: &mut String, it: &Transition) {
    let cookie = it
        .cookie
        .map_or("-".to_owned(), |cookie| cookie.to_string());
    let direction = direction(it.opener);
    let _ = write!(
        to,
        "{:>9}  {:5} {:?} {direction} {:?}  {:11} -> {:11}  {:18}  held={}",
        ms(it.time_ns),
        format!("sk:{cookie}"),
        it.tuple.local,
        it.tuple.remote,
        it.from,
        it.to,
        it.reason.name(),
        it.held_ns.map_or("-".to_owned(), ms),
    );
    if let Some(process) = it.owner.process {
        let pid = process.pid.map_or("-".to_owned(), |pid| pid.to_string());
        let _ = write!(to, "  by={}/{pid}", process.comm.as_str());
    }
    if let Some(thread) = it.thread {
        let _ = write!(to, "  thread={}", thread.as_str());
    }
    if let Some(closer) = it.closer {
        let _ = write!(to, "  closer={}", name(closer));
    }
    if let Some(detail) = it.detail {
        let _ = write!(to, "  detail={}", detail.name());
    }
    if it.nothing_sent {
        to.push_str("  nothing-sent");
    }
    if let Some(link) = it.tuple.link {
        let _ = write!(to, "  link={link}");
    }
    if let Some(retransmits) = it.retransmits.filter(|count| *count > 0) {
        let _ = write!(to, "  retransmits={retransmits}");
    }
    to.push('\n');
}

/// Writes a flow as a line.
pub fn write_flow(to: &mut String, it: &FlowRecord) {
    let known = |ns: Option<u64>| ns.map_or("-".to_owned(), ms);
    let cookie = it
        .cookie
        .map_or("-".to_owned(), |cookie| cookie.to_string());
    let _ = write!(
        to,
        "{:5} {:?} {} {:?} ",
        format!("sk:{cookie}"),
        it.tuple.local,
        direction(it.opener),
        it.tuple.remote,
    );
    for stay in &it.path {
        let _ = write!(to, " {} {}", stay.state, known(stay.ns));
    }
    let end = it.end.map_or("-", FlowEnd::name);
    let _ = write!(to, "  end={end} total={}", known(it.total_ns()));
    if let Some(ns) = it
        .handshake_ns()
        .filter(|_| it.unsent_ns.is_some_and(|ns| ns > 1_000_000))
    {
        let _ = write!(to, " handshake={}", ms(ns));
    }
    if let Some(closer) = it.closer {
        let _ = write!(to, " closer={}", name(closer));
    }
    if let Some(detail) = it.detail {
        let _ = write!(to, " detail={}", detail.name());
    }
    if let Some(reason) = it.time_wait_end {
        let _ = write!(to, " time_wait_end={reason}");
    }
    let data = (it.bytes_sent(), it.bytes_received());
    if let (Some(sent), Some(received)) = data
        && data != (Some(0), Some(0))
    {
        let _ = write!(to, " sent={sent} received={received}");
    }
    to.push('\n');
}

fn direction(opener: Option<Side>) -> char {
    match opener {
        Some(Side::Local) => '>',
        Some(Side::Remote) => '<',
        None => '?',
    }
}

fn name(closer: Closer) -> &'static str {
    match closer {
        Closer::Local => "local",
        Closer::Remote => "remote",
        Closer::Both => "both",
    }
}

/// Milliseconds, with at least two digits behind the point.
fn ms(ns: u64) -> String {
    let text = format!("{}.{:06}", ns / 1_000_000, ns % 1_000_000);
    let digits = text.len() - text.trim_end_matches('0').len();
    text[..text.len() - digits.min(4)].to_owned()
}
