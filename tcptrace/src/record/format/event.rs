//! Events of the kernel half, as the recording has them: its own form, which stays as it is when
//! the kernel half's changes.

use super::{
    bytes::{Bytes, FormatError, Put},
    entry::kind,
    shared::Shared,
};
use crate::model::{
    AcceptedEvent, Cookie, EarlyCause, Event, Evidence, FinDroppedEvent, ForkedEvent, Measured,
    MinisockEvent, MinisockState, Reach, RequestEvent, ResetSentEvent, SocketEvent, State,
    SynEvent, TimerChange,
};

/// Bits of a socket's first two bytes.
mod flag {
    pub const BY_KERNEL: u16 = 1;
    pub const FOLLOWED: u16 = 1 << 1;
    pub const STOOD_IN: u16 = 1 << 2;
    pub const NETNS_GONE: u16 = 1 << 3;
    pub const ORPHAN: u16 = 1 << 4;
    pub const KEEPALIVE: u16 = 1 << 5;
    pub const COOKIE: u16 = 1 << 6;
    pub const OWNER: u16 = 1 << 7;
    pub const RETRANSMITS: u16 = 1 << 8;
    pub const REACH: u16 = 1 << 9;
    pub const ONLY_IPV6: u16 = 1 << 10;
    pub const MEASURED: u16 = 1 << 11;
    pub const ERRNO: u16 = 1 << 12;
    pub const EVIDENCE: u16 = 1 << 13;
    pub const ALL: u16 = (1 << 14) - 1;
}

pub(super) fn write(event: &Event, to: &mut Vec<u8>, shared: &mut Shared) {
    match event {
        Event::Socket(it) => socket(it, to, shared),
        Event::Minisock(it) => {
            to.byte(kind::MINISOCK);
            shared.time(it.time_ns, to);
            let wait = it.state == MinisockState::TimeWait;
            to.byte(
                u8::from(it.cookie.is_some()) | u8::from(it.netns_gone) << 1 | u8::from(wait) << 2,
            );
            to.byte(change(it.change));
            shared.some_cookie(it.cookie, to);
            shared.tuple(&it.tuple, to);
        }
        Event::Request(it) => {
            to.byte(kind::REQUEST);
            shared.time(it.time_ns, to);
            to.byte(
                u8::from(it.listener.is_some())
                    | u8::from(it.netns_gone) << 1
                    | u8::from(it.fresh) << 2,
            );
            to.byte(change(it.change));
            to.byte(it.retransmits);
            if let Some(listener) = it.listener {
                to.number(listener.0.get());
            }
            shared.tuple(&it.tuple, to);
        }
        Event::ResetSent(it) => {
            to.byte(kind::RESET_SENT);
            shared.time(it.time_ns, to);
            shared.cookie(it.cookie, to);
        }
        Event::FinDropped(it) => {
            to.byte(kind::FIN_DROPPED);
            shared.time(it.time_ns, to);
            shared.tuple(&it.tuple, to);
        }
        Event::Forked(it) => {
            to.byte(kind::FORKED);
            shared.time(it.time_ns, to);
            to.option(it.pid.map(u64::from));
        }
        Event::Accepted(it) => {
            to.byte(kind::ACCEPTED);
            shared.time(it.time_ns, to);
            to.byte(u8::from(it.followed));
            shared.cookie(it.cookie, to);
            shared.owner(&it.owner, to);
        }
        Event::Syn(it) => {
            to.byte(kind::SYN);
            shared.time(it.time_ns, to);
            to.byte(u8::from(it.wanted));
            to.byte(it.retransmits);
            shared.cookie(it.cookie, to);
            shared.tuple(&it.tuple, to);
        }
    }
}

fn socket(it: &SocketEvent, to: &mut Vec<u8>, shared: &mut Shared) {
    to.byte(kind::SOCKET);
    shared.time(it.time_ns, to);
    let evidence = evidence(it.evidence);
    let bit = |set: bool, bit: u16| if set { bit } else { 0 };
    let flags = bit(it.by_kernel, flag::BY_KERNEL)
        | bit(it.followed, flag::FOLLOWED)
        | bit(it.stood_in, flag::STOOD_IN)
        | bit(it.netns_gone, flag::NETNS_GONE)
        | bit(it.orphan, flag::ORPHAN)
        | bit(it.keepalive, flag::KEEPALIVE)
        | bit(it.cookie.is_some(), flag::COOKIE)
        | bit(it.owner.is_some(), flag::OWNER)
        | bit(it.retransmits.is_some(), flag::RETRANSMITS)
        | bit(it.reach.is_some(), flag::REACH)
        | bit(it.reach.is_some_and(|it| it.only_ipv6), flag::ONLY_IPV6)
        | bit(it.measured.is_some(), flag::MEASURED)
        | bit(it.errno != 0, flag::ERRNO)
        | bit(evidence != 0, flag::EVIDENCE);
    to.bytes(&flags.to_le_bytes());
    to.byte(it.from.to_kernel() << 4 | it.to.to_kernel());
    shared.some_cookie(it.cookie, to);
    shared.tuple(&it.tuple, to);
    if let Some(owner) = &it.owner {
        shared.owner(owner, to);
    }
    if it.errno != 0 {
        to.byte(it.errno);
    }
    if evidence != 0 {
        to.byte(evidence);
    }
    if let Some(retransmits) = it.retransmits {
        to.number(retransmits.into());
    }
    if let Some(measured) = &it.measured {
        write_measured(measured, to);
    }
}

/// Reads an event of a kind; `None`: the kind is none of an event.
pub(super) fn read(
    tag: u8,
    from: &mut Bytes<'_>,
    shared: &mut Shared,
) -> Result<Option<Event>, FormatError> {
    Ok(Some(match tag {
        kind::SOCKET => Event::Socket(read_socket(from, shared)?),
        kind::MINISOCK => {
            let time_ns = shared.read_time(from)?;
            let flags = flags(from, 7)?;
            let change = read_change(from.byte()?)?;
            Event::Minisock(MinisockEvent {
                time_ns,
                change,
                netns_gone: flags & 2 != 0,
                state: match flags & 4 {
                    0 => MinisockState::FinWait2,
                    _ => MinisockState::TimeWait,
                },
                cookie: shared.read_some_cookie(flags & 1 != 0, from)?,
                tuple: shared.read_tuple(from)?,
            })
        }
        kind::REQUEST => {
            let time_ns = shared.read_time(from)?;
            let flags = flags(from, 7)?;
            let change = read_change(from.byte()?)?;
            let retransmits = from.byte()?;
            let listener = match flags & 1 {
                0 => None,
                _ => Cookie::new(from.number()?),
            };
            Event::Request(RequestEvent {
                time_ns,
                change,
                listener,
                retransmits,
                netns_gone: flags & 2 != 0,
                fresh: flags & 4 != 0,
                tuple: shared.read_tuple(from)?,
            })
        }
        kind::RESET_SENT => Event::ResetSent(ResetSentEvent {
            time_ns: shared.read_time(from)?,
            cookie: shared.read_cookie(from)?,
        }),
        kind::FIN_DROPPED => Event::FinDropped(FinDroppedEvent {
            time_ns: shared.read_time(from)?,
            tuple: shared.read_tuple(from)?,
        }),
        kind::FORKED => Event::Forked(ForkedEvent {
            time_ns: shared.read_time(from)?,
            pid: from.option()?.map(|pid| pid as u32),
        }),
        kind::ACCEPTED => {
            let time_ns = shared.read_time(from)?;
            let flags = flags(from, 1)?;
            Event::Accepted(AcceptedEvent {
                time_ns,
                followed: flags & 1 != 0,
                cookie: shared.read_cookie(from)?,
                owner: shared.read_owner(from)?,
            })
        }
        kind::SYN => {
            let time_ns = shared.read_time(from)?;
            let flags = flags(from, 1)?;
            let retransmits = from.byte()?;
            Event::Syn(SynEvent {
                time_ns,
                wanted: flags & 1 != 0,
                retransmits,
                cookie: shared.read_cookie(from)?,
                tuple: shared.read_tuple(from)?,
            })
        }
        _ => return Ok(None),
    }))
}

fn read_socket(from: &mut Bytes<'_>, shared: &mut Shared) -> Result<SocketEvent, FormatError> {
    let time_ns = shared.read_time(from)?;
    let flags = u16::from_le_bytes(from.array()?);
    if flags & !flag::ALL != 0 {
        return Err(FormatError::value("flags", flags));
    }
    let has = |bit: u16| flags & bit != 0;
    let states = from.byte()?;
    let (left, entered) = (state(states >> 4)?, state(states & 0xf)?);
    let cookie = shared.read_some_cookie(has(flag::COOKIE), from)?;
    let tuple = shared.read_tuple(from)?;
    let owner = match has(flag::OWNER) {
        true => Some(shared.read_owner(from)?),
        false => None,
    };
    let errno = if has(flag::ERRNO) { from.byte()? } else { 0 };
    let evidence = if has(flag::EVIDENCE) { from.byte()? } else { 0 };
    let retransmits = match has(flag::RETRANSMITS) {
        true => Some(from.small("retransmits")?),
        false => None,
    };
    let measured = match has(flag::MEASURED) {
        true => Some(read_measured(from)?),
        false => None,
    };
    Ok(SocketEvent {
        time_ns,
        cookie,
        tuple,
        from: left,
        to: entered,
        owner,
        by_kernel: has(flag::BY_KERNEL),
        followed: has(flag::FOLLOWED),
        stood_in: has(flag::STOOD_IN),
        errno,
        evidence: read_evidence(evidence),
        netns_gone: has(flag::NETNS_GONE),
        orphan: has(flag::ORPHAN),
        keepalive: has(flag::KEEPALIVE),
        retransmits,
        reach: has(flag::REACH).then_some(Reach {
            only_ipv6: has(flag::ONLY_IPV6),
        }),
        measured,
    })
}

/// A byte of flags, of which only some are known.
pub(super) fn flags(from: &mut Bytes<'_>, known: u8) -> Result<u8, FormatError> {
    match from.byte()? {
        flags if flags & !known != 0 => Err(FormatError::value("flags", flags)),
        flags => Ok(flags),
    }
}

pub(super) fn state(value: u8) -> Result<State, FormatError> {
    State::from_kernel(value).ok_or(FormatError::value("a state", value))
}

fn evidence(it: Evidence) -> u8 {
    let bits = [
        it.receive_shutdown,
        it.linger_0,
        it.unread,
        it.unacked,
        it.repair,
        it.rst_received,
        it.rst_sent,
        it.syn_out,
    ];
    bits.into_iter()
        .enumerate()
        .fold(0, |all, (bit, set)| all | u8::from(set) << bit)
}

fn read_evidence(bits: u8) -> Evidence {
    let has = |bit: u8| bits >> bit & 1 != 0;
    Evidence {
        receive_shutdown: has(0),
        linger_0: has(1),
        unread: has(2),
        unacked: has(3),
        repair: has(4),
        rst_received: has(5),
        rst_sent: has(6),
        syn_out: has(7),
    }
}

/// What became of a timer in the lower four bits, why in the upper ones.
fn change(it: TimerChange) -> u8 {
    match it {
        TimerChange::Started => 0,
        TimerChange::Cancelled(None) => 1,
        TimerChange::Cancelled(Some(why)) => 2 | cause(why) << 4,
        TimerChange::Ended(why) => 3 | cause(why) << 4,
        TimerChange::Expired => 4,
        TimerChange::Segment => 5,
    }
}

fn read_change(byte: u8) -> Result<TimerChange, FormatError> {
    Ok(match (byte & 0xf, byte >> 4) {
        (0, 0) => TimerChange::Started,
        (1, 0) => TimerChange::Cancelled(None),
        (2, why) => TimerChange::Cancelled(Some(read_cause(why)?)),
        (3, why) => TimerChange::Ended(read_cause(why)?),
        (4, 0) => TimerChange::Expired,
        (5, 0) => TimerChange::Segment,
        _ => return Err(FormatError::value("what became of a timer", byte)),
    })
}

pub(super) fn cause(it: EarlyCause) -> u8 {
    match it {
        EarlyCause::Unknown => 0,
        EarlyCause::Reset => 1,
        EarlyCause::ResetByUs => 2,
        EarlyCause::Segment => 3,
        EarlyCause::Connect => 4,
        EarlyCause::Icmp => 5,
        EarlyCause::Killed => 6,
        EarlyCause::NetnsGone => 7,
        EarlyCause::Completed => 8,
    }
}

pub(super) fn read_cause(byte: u8) -> Result<EarlyCause, FormatError> {
    Ok(match byte {
        0 => EarlyCause::Unknown,
        1 => EarlyCause::Reset,
        2 => EarlyCause::ResetByUs,
        3 => EarlyCause::Segment,
        4 => EarlyCause::Connect,
        5 => EarlyCause::Icmp,
        6 => EarlyCause::Killed,
        7 => EarlyCause::NetnsGone,
        8 => EarlyCause::Completed,
        _ => return Err(FormatError::value("why a timer was stopped", byte)),
    })
}

pub(super) fn write_measured(it: &Measured, to: &mut Vec<u8>) {
    to.byte(u8::from(it.fin_received) | u8::from(it.fin_uncounted) << 1);
    to.number(it.bytes_acked);
    to.number(it.bytes_received);
    to.number(it.retransmits.into());
    to.number(it.srtt_us_8.into());
    to.bytes(&it.now.to_le_bytes());
    // These were a little before.
    to.distance(it.last_sent.into(), it.now.into());
    to.distance(it.last_received.into(), it.now.into());
    to.number(it.keepalive_time.into());
    to.number(it.keepalive_interval.into());
    to.number(it.data_segments_sent.into());
    to.number(it.data_segments_received.into());
    to.byte(it.keepalive_probes);
}

pub(super) fn read_measured(from: &mut Bytes<'_>) -> Result<Measured, FormatError> {
    let flags = flags(from, 3)?;
    let bytes_acked = from.number()?;
    let bytes_received = from.number()?;
    let retransmits = from.small("retransmits")?;
    let srtt_us_8 = from.small("srtt")?;
    let now = u32::from_le_bytes(from.array()?);
    let mut before = || -> Result<u32, FormatError> {
        let distance = from.distance(0)?;
        Ok(now.wrapping_sub(distance as u32))
    };
    let (last_sent, last_received) = (before()?, before()?);
    Ok(Measured {
        bytes_acked,
        bytes_received,
        retransmits,
        srtt_us_8,
        now,
        last_sent,
        last_received,
        keepalive_time: from.small("keepalive time")?,
        keepalive_interval: from.small("keepalive interval")?,
        data_segments_sent: from.small("segments sent")?,
        data_segments_received: from.small("segments received")?,
        keepalive_probes: from.byte()?,
        fin_received: flags & 1 != 0,
        fin_uncounted: flags & 2 != 0,
    })
}
