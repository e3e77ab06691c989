//! From the bytes of a record to an event.

use std::{
    net::{IpAddr, Ipv4Addr, Ipv6Addr},
    ops::Deref,
};

use tcptrace_ebpf::wire::{
    self, EarlyEnd, Forked, Head, MeasuredSocket, OwnedSocket, RequestBegin,
};
use zerocopy::FromBytes as _;

use crate::{
    model::{
        AcceptedEvent, Cgroup, Comm, Cookie, EarlyCause, Endpoint, Event, Evidence, Family,
        FinDroppedEvent, ForkedEvent, Link, Measured, MinisockEvent, MinisockState, Owner, Process,
        Reach, RequestEvent, ResetSentEvent, SocketEvent, State, SynEvent, TimerChange, Tuple, ip,
    },
    source::live::Symbols,
};

/// A record that no kernel half of this version sends.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum DecodeError {
    /// Too short for a head.
    #[error("a record of {0} bytes, which is too short")]
    Short(usize),
    /// The kind is unknown, or is of another size.
    #[error("a record of kind {kind} with {bytes} bytes, which do not go together")]
    Kind {
        /// The kind that it says.
        kind: u8,
        /// Its size.
        bytes: usize,
    },
    /// Not a value of that field.
    #[error("{field} is {value}, which it can't be")]
    Value {
        /// The field.
        field: &'static str,
        /// What it says.
        value: u8,
    },
}

/// Reads one record.
///
/// # Errors
/// [`DecodeError`] for bytes that are no record.
pub fn decode(bytes: &[u8], symbols: &Symbols) -> Result<Event, DecodeError> {
    let (head, _) = Head::read_from_prefix(bytes).map_err(|_| DecodeError::Short(bytes.len()))?;
    let wrong = DecodeError::Kind {
        kind: head.kind,
        bytes: bytes.len(),
    };
    let mut head = Linked { head, link: None };
    let mut bytes = bytes;
    if head.kind & wire::kind::LINKED != 0 {
        let (record, link) = wire::Link::read_from_suffix(bytes).map_err(|_| wrong)?;
        head.head.kind &= !wire::kind::LINKED;
        head.link = Link::new(link.index);
        bytes = record;
    }
    match head.kind {
        wire::kind::SOCKET if bytes.len() == size_of::<Head>() => socket(&head, None, None),
        wire::kind::SOCKET_OWNED => {
            let record = OwnedSocket::read_from_bytes(bytes).map_err(|_| wrong)?;
            socket(&head, Some(&record.owner), None)
        }
        wire::kind::SOCKET_MEASURED => {
            let record = MeasuredSocket::read_from_bytes(bytes).map_err(|_| wrong)?;
            let owner = (head.flags & wire::flag::OWNED != 0).then_some(&record.owner);
            socket(&head, owner, Some(&record.metrics))
        }
        wire::kind::MINISOCK if bytes.len() == size_of::<Head>() => minisock(&head, None),
        wire::kind::MINISOCK_EARLY => {
            let record = EarlyEnd::read_from_bytes(bytes).map_err(|_| wrong)?;
            minisock(&head, Some(early(&record, symbols)))
        }
        wire::kind::REQUEST if bytes.len() == size_of::<Head>() => request(&head, None, 0),
        wire::kind::REQUEST_BEGIN => {
            let record = RequestBegin::read_from_bytes(bytes).map_err(|_| wrong)?;
            request(&head, None, record.listener)
        }
        wire::kind::REQUEST_EARLY => {
            let record = EarlyEnd::read_from_bytes(bytes).map_err(|_| wrong)?;
            request(&head, Some(early(&record, symbols)), 0)
        }
        wire::kind::RESET_SENT if bytes.len() == size_of::<Head>() => {
            let cookie = Cookie::new(head.cookie);
            Ok(Event::ResetSent(ResetSentEvent {
                time_ns: head.time_ns,
                cookie,
            }))
        }
        wire::kind::FIN_DROPPED if bytes.len() == size_of::<Head>() => {
            let tuple = tuple(&head)?;
            Ok(Event::FinDropped(FinDroppedEvent {
                time_ns: head.time_ns,
                tuple,
            }))
        }
        wire::kind::FORKED => {
            let record = Forked::read_from_bytes(bytes).map_err(|_| wrong)?;
            Ok(Event::Forked(ForkedEvent {
                time_ns: head.time_ns,
                pid: (record.pid != 0).then_some(record.pid),
            }))
        }
        wire::kind::ACCEPTED => {
            let record = OwnedSocket::read_from_bytes(bytes).map_err(|_| wrong)?;
            Ok(Event::Accepted(AcceptedEvent {
                time_ns: head.time_ns,
                cookie: Cookie::new(head.cookie),
                owner: read_owner(&record.owner),
                followed: head.flags & wire::flag::FOLLOWED != 0,
            }))
        }
        wire::kind::SYN if bytes.len() == size_of::<Head>() => Ok(Event::Syn(SynEvent {
            time_ns: head.time_ns,
            cookie: Cookie::new(head.cookie),
            tuple: tuple(&head)?,
            retransmits: head.retransmits,
            wanted: head.from == 0,
        })),
        _ => Err(wrong),
    }
}

/// A head, with what follows its record.
#[derive(Clone, Copy)]
struct Linked {
    head: Head,
    link: Option<Link>,
}

impl Deref for Linked {
    type Target = Head;

    fn deref(&self) -> &Head {
        &self.head
    }
}

fn measured(it: &wire::Metrics) -> Measured {
    Measured {
        bytes_acked: it.bytes_acked,
        bytes_received: it.bytes_received,
        retransmits: it.retransmits,
        srtt_us_8: it.srtt_us_8,
        now: it.now,
        last_sent: it.last_sent,
        last_received: it.last_received,
        keepalive_time: it.keepalive_time,
        keepalive_interval: it.keepalive_interval,
        data_segments_sent: it.data_segments_sent,
        data_segments_received: it.data_segments_received,
        keepalive_probes: it.keepalive_probes,
        fin_received: it.fin_received != 0,
        fin_uncounted: it.fin_uncounted != 0,
    }
}

fn socket(
    head: &Linked,
    owner: Option<&wire::Owner>,
    metrics: Option<&wire::Metrics>,
) -> Result<Event, DecodeError> {
    let (from, to) = (state("from", head.from)?, state("to", head.to)?);
    let closed = to == State::Closed && from != State::Listen;
    let counted = matches!(from, State::SynSent | State::SynRecv) || closed;
    let mut tuple = tuple(head)?;
    let mut reach = None;
    if to == State::Listen {
        // In the place of the peer that it has not got.
        let told: wire::Reach = zerocopy::transmute!(head.remote_addr);
        reach = Some(Reach {
            only_ipv6: told.only_ipv6 != 0,
        });
        tuple.remote = Endpoint::new(unspecified(tuple.local.addr), 0);
    }
    Ok(Event::Socket(SocketEvent {
        time_ns: head.time_ns,
        cookie: Cookie::new(head.cookie),
        tuple,
        from,
        to,
        owner: owner.map(read_owner),
        by_kernel: owner.is_some_and(|owner| owner.kernel != 0),
        followed: head.flags & wire::flag::FOLLOWED != 0,
        stood_in: head.flags & wire::flag::STOOD_IN != 0,
        errno: head.errno,
        evidence: Evidence {
            syn_out: head.flags & wire::flag::SYN_OUT != 0,
            ..evidence(head.evidence)
        },
        netns_gone: head.flags & wire::flag::NETNS_GONE != 0,
        orphan: head.flags & wire::flag::ORPHAN != 0,
        keepalive: head.flags & wire::flag::KEEPALIVE != 0,
        retransmits: match metrics {
            Some(metrics) => Some(metrics.retransmits),
            None => counted.then_some(head.retransmits.into()),
        },
        reach,
        measured: metrics.map(measured),
    }))
}

fn evidence(bits: u8) -> Evidence {
    let has = |bit| bits & bit != 0;
    Evidence {
        receive_shutdown: has(wire::evidence::RECEIVE_SHUTDOWN),
        linger_0: has(wire::evidence::LINGER_0),
        unread: has(wire::evidence::UNREAD),
        unacked: has(wire::evidence::UNACKED),
        repair: has(wire::evidence::REPAIR),
        rst_received: has(wire::evidence::RST_RECEIVED),
        rst_sent: has(wire::evidence::RST_SENT),
        syn_out: false,
    }
}

fn read_owner(owner: &wire::Owner) -> Owner {
    let comm = Comm::new(&owner.comm);
    // The kernel half sends both, as most often they are the same bytes.
    let differs = owner.thread != owner.comm[..15];
    Owner {
        process: Some(Process {
            pid: (owner.pid != 0).then_some(owner.pid),
            comm,
        }),
        thread: differs
            .then(|| Comm::new(&owner.thread))
            .filter(|thread| *thread != comm),
        uid: Some(owner.uid),
        cgroup: Cgroup::new(owner.cgroup),
    }
}

fn minisock(head: &Linked, early: Option<Early>) -> Result<Event, DecodeError> {
    Ok(Event::Minisock(MinisockEvent {
        time_ns: head.time_ns,
        cookie: Cookie::new(head.cookie),
        tuple: tuple(head)?,
        change: change(head.from, early)?,
        state: match state("tw_substate", head.to)? {
            State::FinWait2 => MinisockState::FinWait2,
            State::TimeWait => MinisockState::TimeWait,
            _ => {
                return Err(DecodeError::Value {
                    field: "tw_substate",
                    value: head.to,
                });
            }
        },
        netns_gone: head.flags & wire::flag::NETNS_GONE != 0,
    }))
}

fn request(head: &Linked, early: Option<Early>, listener: u64) -> Result<Event, DecodeError> {
    Ok(Event::Request(RequestEvent {
        time_ns: head.time_ns,
        tuple: tuple(head)?,
        change: change(head.from, early)?,
        listener: Cookie::new(listener),
        retransmits: head.to,
        fresh: head.to == 0 && head.evidence == 0,
        netns_gone: head.flags & wire::flag::NETNS_GONE != 0,
    }))
}

/// What the way to it tells of a timer that was stopped.
struct Early {
    cause: EarlyCause,
    /// It is not armed again.
    for_good: bool,
}

fn early(record: &EarlyEnd, symbols: &Symbols) -> Early {
    let cause = match symbols.early_cause(&record.stack) {
        Some(EarlyCause::Reset) if record.head.flags & wire::flag::RST_SENT != 0 => {
            EarlyCause::ResetByUs
        }
        cause => cause.unwrap_or(EarlyCause::Unknown),
    };
    Early {
        cause,
        for_good: symbols.is_for_good(&record.stack),
    }
}

fn change(value: u8, early: Option<Early>) -> Result<TimerChange, DecodeError> {
    match (value, early) {
        (wire::change::STARTED, _) => Ok(TimerChange::Started),
        (wire::change::CANCELLED, Some(early)) if early.for_good => {
            Ok(TimerChange::Ended(early.cause))
        }
        (wire::change::CANCELLED, early) => {
            Ok(TimerChange::Cancelled(early.map(|early| early.cause)))
        }
        (wire::change::EXPIRED, _) => Ok(TimerChange::Expired),
        (wire::change::SEGMENT, _) => Ok(TimerChange::Segment),
        (value, _) => Err(DecodeError::Value {
            field: "change",
            value,
        }),
    }
}

fn state(field: &'static str, value: u8) -> Result<State, DecodeError> {
    State::from_kernel(value).ok_or(DecodeError::Value { field, value })
}

/// The address of nobody, of the same family.
fn unspecified(like: IpAddr) -> IpAddr {
    match like {
        IpAddr::V4(_) => Ipv4Addr::UNSPECIFIED.into(),
        IpAddr::V6(_) => Ipv6Addr::UNSPECIFIED.into(),
    }
}

fn tuple(head: &Linked) -> Result<Tuple, DecodeError> {
    let family = match head.family {
        4 => Family::Ipv4,
        6 => Family::Ipv6,
        value => {
            return Err(DecodeError::Value {
                field: "family",
                value,
            });
        }
    };
    Ok(Tuple {
        netns: head.netns,
        link: head.link,
        local: Endpoint::new(ip(family, &head.local_addr), head.local_port),
        remote: Endpoint::new(ip(family, &head.remote_addr), head.remote_port),
    })
}
