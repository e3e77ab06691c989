//! A report of `stats`.

use std::{
    borrow::Cow,
    net::IpAddr,
    num::{NonZeroU16, NonZeroU32},
};

use super::{
    by_name::{CountsBy, Now, StateRows},
    group_value::GroupValue,
    link::NamedLink,
    lists::{beside, failures, groups, listeners, makers, overflowed, ports, retried, services},
};
use crate::{
    aggregate::stats::{By, Period, Span},
    host::Clock,
    model::{Comm, Detail, FlowEnd, Reason, Side, State},
    output::{
        Context, Scratch, Shown,
        fields::{AtMost, OneOf, Time, Word},
        row::{line, object, row},
    },
};

/// So many rows of each list; `more` says how many there are beside.
pub const MOST_ROWS: usize = 100;
/// So many groups are told apart.
const MOST_GROUPS: usize = 256;

row! {
    /// A report.
    pub struct StatsRow<'a> {
        /// When the period ended: RFC 3339 with nanoseconds, UTC.
        time: Time,
        /// What the period is: the interval since the report before, or the whole run.
        span: Span,
        /// The time that the figures are of.
        period: PeriodRow,
        /// Transitions counted.
        transitions: u64,
        /// Events that were lost in the period; what they told is missing in all counts.
        lost: u64,
        /// Figures by state; CLOSED is none that a connection is in.
        states: StateRows<'a>,
        /// How connections left the application's hands: graceful (a FIN of each side), or the
        /// reason; how many each.
        ends: CountsBy<FlowEnd>,
        /// What ended TIME_WAITs; how many each.
        time_wait_ends: CountsBy<Reason>,
        /// Handshakes that did not lead to ESTABLISHED, by reason.
        failed_handshakes: Vec<FailureRow>,
        /// Who made the most TIME_WAITs, then who has the most since before.
        time_wait_makers: AtMost<MakerRow, MOST_ROWS>,
        /// Local ports that connections of this side take, for destinations with the most of them;
        /// empty after events were lost.
        ports: AtMost<PortsRow, MOST_ROWS>,
        /// Short and long connections that were closed, by service; those with the most short ones.
        services: AtMost<ServiceRow, MOST_ROWS>,
        /// SYNs received, by where they came to; those with the most half-open connections. A
        /// listener that dropped all that came stands where it listens.
        listeners: AtMost<ListenerRow, MOST_ROWS>,
        /// Handshakes whose SYN or SYN+ACK was sent again, by the service that they are for; those
        /// with the most.
        retried_handshakes: AtMost<RetriedRow, MOST_ROWS>,
        /// What the groups are of (--by); null when figures are not broken down.
        by: Option<By>,
        /// Figures by group, those with the most transitions first.
        groups: AtMost<GroupRow<'a>, MOST_GROUPS>,
        /// How many rows there are beside those that are written.
        more: More,
        /// Lists that had no room for all: what found none is in no row of them, but counted in
        /// states and ends.
        overflowed: Vec<Word<ListNames>>,
    }
}
line!(StatsRow<'_> = "stats", "What happened, summed up", "A report of stats.");

row! {
    /// The time that figures are of.
    pub struct PeriodRow {
        /// When it began: RFC 3339 with nanoseconds, UTC.
        from: Time,
        /// When it ended: RFC 3339 with nanoseconds, UTC.
        to: Time,
        /// Its length, ns.
        ns: u64,
    }
}
object!(PeriodRow);

row! {
    /// Figures of a state.
    pub struct StateRow {
        /// Connections that came into it.
        entered: u64,
        /// Connections that left it.
        left: u64,
        /// Of those that left SYN_SENT or SYN_RECV, the ones whose SYN or SYN+ACK was sent again.
        retried: u64,
        /// Connections in it at the end of the period; null after events were lost.
        now: Option<u64>,
        /// How long those that left were in it, ns, to two digits; null when that isn't known of
        /// any.
        held_ns: Option<HeldRow>,
    }
}
object!(StateRow);

row! {
    /// Quantiles.
    pub struct HeldRow {
        /// Of how many that is known.
        count: u64,
        /// Half of them were in it no longer, ns.
        p50: Option<u64>,
        /// Nine of ten were in it no longer, ns.
        p90: Option<u64>,
        /// 99 of 100 were in it no longer, ns.
        p99: Option<u64>,
        /// The longest, exactly, ns.
        max: Option<u64>,
    }
}
object!(HeldRow);

row! {
    /// A reason why handshakes failed.
    pub struct FailureRow {
        /// SYN_SENT: this side opened the connection; SYN_RECV: the peer did.
        state: State,
        /// Why it failed.
        reason: Reason,
        /// More than the reason; null when there is no more.
        detail: Option<Detail>,
        /// How many.
        count: u64,
    }
}
object!(FailureRow);

row! {
    /// Connections of one program, with one peer, for one service.
    pub struct MakerRow {
        /// Inode number of the network namespace.
        netns: u32,
        /// Id of the process that closed; null when unknown, or there were several.
        pid: Option<NonZeroU32>,
        /// Name of the process that closed; null when unknown.
        comm: Option<Comm>,
        /// This machine's address.
        local_addr: IpAddr,
        /// The peer's address.
        remote_addr: IpAddr,
        /// The port of the service: of the side that did not open the connection; null when
        /// unknown.
        port: Option<NonZeroU16>,
        /// Name of the network interface (link) where it is a part of the identity: a link-local
        /// address, bound to a device, a VRF; else null, and where it is unknown.
        interface: Option<NamedLink>,
        /// Who opened the connections; null when unknown.
        opener: Option<Side>,
        /// TIME_WAITs made in the period.
        count: u64,
        /// The same, a second (1/s).
        per_s: f64,
        /// TIME_WAITs at the end of the period; null after events were lost.
        now: Option<u64>,
        /// Those of connections that this side opened, each of which holds a local port; null when
        /// unknown.
        ports_held: Option<u64>,
    }
}
object!(MakerRow);

row! {
    /// One address of this side, and one address and port of the peer.
    pub struct PortsRow {
        /// Inode number of the network namespace.
        netns: u32,
        /// This machine's address.
        local_addr: IpAddr,
        /// The peer's address.
        remote_addr: IpAddr,
        /// The peer's port.
        remote_port: Option<NonZeroU16>,
        /// Name of the network interface (link) where it is a part of the identity: a link-local
        /// address, bound to a device, a VRF; else null, and where it is unknown.
        interface: Option<NamedLink>,
        /// Ports of ip_local_port_range that are taken: those that connect() chose for this
        /// destination, and those that bind() took, which serve no other. Unconnected sockets, and
        /// what bind() took before tracing began, are not known.
        taken: u64,
        /// Those of them that a TIME_WAIT has.
        time_waits: u64,
        /// Ports of ip_local_port_range that are not reserved.
        available: u32,
        /// TIME_WAITs made, a second (1/s); null when there are too many makers to tell.
        time_waits_per_s: Option<f64>,
        /// Ports taken more, a second (1/s), lately; negative: fewer; null when unknown.
        grows_per_s: Option<f64>,
        /// How many are taken once as many TIME_WAITs end as begin, those that connect() takes over
        /// (tcp_tw_reuse) left out; null when unknown.
        settles_at: Option<f64>,
        /// When no port is left if it goes on like that, s; null: not at this rate, or unknown.
        exhausted_in_s: Option<f64>,
    }
}
object!(PortsRow);

row! {
    /// A service.
    pub struct ServiceRow {
        /// Inode number of the network namespace.
        netns: u32,
        /// Who opens the connections: local, if the service is one of others; remote, if it is one
        /// of this machine.
        opener: Side,
        /// The address of the service.
        addr: IpAddr,
        /// The port of the service.
        port: Option<NonZeroU16>,
        /// Name of the network interface (link) where it is a part of the identity: a link-local
        /// address, bound to a device, a VRF; else null, and where it is unknown.
        interface: Option<NamedLink>,
        /// Connections that were closed, as far as it is known whether they were short.
        connections: u64,
        /// Connections of a request or two.
        short: u64,
        /// Connections that were kept and reused.
        long: u64,
        /// The share of the short ones, from 0 to 1.
        short_share: Option<f64>,
        /// TIME_WAITs that the short ones left on this machine.
        time_waits_of_short: u64,
        /// TIME_WAITs that the long ones left on this machine.
        time_waits_of_long: u64,
    }
}
object!(ServiceRow);

row! {
    /// An address and port of this machine.
    pub struct ListenerRow {
        /// Inode number of the network namespace.
        netns: u32,
        /// The address that the SYNs came to.
        addr: IpAddr,
        /// The port that they came to.
        port: Option<NonZeroU16>,
        /// Name of the network interface (link) where it is a part of the identity: a link-local
        /// address, bound to a device, a VRF; else null, and where it is unknown.
        interface: Option<NamedLink>,
        /// SYNs that were answered.
        syns: u64,
        /// Handshakes that were completed.
        completed: u64,
        /// Handshakes that were not.
        failed: u64,
        /// Half-open connections at the end of the period; null after events were lost.
        half_open: Option<u64>,
        /// SYNs and third ACKs that the listener behind it dropped in the period, at whatever of
        /// its addresses, as it had no room (sk_drops); of several that share the port, all of
        /// them. The kernel is asked a moment before the period ends. Null when it can't be told:
        /// no listener is there any more, one was closed in the period, or its namespace could not
        /// be looked into.
        dropped: Option<u64>,
    }
}
object!(ListenerRow);

row! {
    /// An address and port that connections are opened to.
    pub struct RetriedRow {
        /// Inode number of the network namespace.
        netns: u32,
        /// Who opens the connections: this side, if it is a service of others.
        opener: Side,
        /// The address of the service.
        addr: IpAddr,
        /// Its port.
        port: Option<NonZeroU16>,
        /// Name of the network interface (link) where it is a part of the identity: a link-local
        /// address, bound to a device, a VRF; else null, and where it is unknown.
        interface: Option<NamedLink>,
        /// Handshakes that needed a segment again.
        handshakes: u64,
        /// Those of them that were not completed even so.
        failed: u64,
        /// SYNs and SYN+ACKs sent again, in all.
        retransmits: u64,
    }
}
object!(RetriedRow);

row! {
    /// A group.
    pub struct GroupRow<'a> {
        /// What its connections have in common: a name, address or path, or a number; null when
        /// unknown.
        value: GroupValue,
        /// With --by pid, the name of the process; null otherwise.
        comm: Option<Comm>,
        /// Transitions counted.
        transitions: u64,
        /// Figures by state.
        states: StateRows<'a>,
        /// How connections left the application's hands; how many each.
        ends: CountsBy<FlowEnd>,
    }
}
object!(GroupRow<'_>);

row! {
    /// How many rows there are beside those that are written.
    pub struct More {
        /// Of time_wait_makers.
        time_wait_makers: usize,
        /// Of services.
        services: usize,
        /// Of listeners.
        listeners: usize,
        /// Of retried_handshakes.
        retried_handshakes: usize,
    }
}
object!(More);

/// The lists of a report.
pub struct ListNames;

impl OneOf for ListNames {
    const WORDS: &'static [&'static str] = &[
        "time_wait_makers",
        "services",
        "listeners",
        "retried_handshakes",
        "groups",
        "ports",
    ];
}

/// When a period began: ns since 1970.
pub fn began(period: &Period<'_>, clock: &Clock) -> i64 {
    let earlier = period.earlier.map(|it| it.began_wall_ns);
    earlier.unwrap_or_else(|| clock.wall(period.from_ns))
}

impl Shown for Period<'_> {
    type Row<'a>
        = StatsRow<'a>
    where
        Self: 'a;

    fn row<'a>(&'a self, around: &'a mut Context<'_>, scratch: &'a mut Scratch) -> StatsRow<'a> {
        let figures = self.figures;
        let from = scratch.time.of(began(self, around.clock));
        let mut time = |ns| scratch.time.of(around.clock.wall(ns));
        let now = self.now.map_or(Now::Unknown, Now::All);
        let listeners = listeners(self, around.links);
        StatsRow {
            time: time(self.to_ns),
            span: self.span,
            period: PeriodRow {
                from,
                to: time(self.to_ns),
                ns: self.ns(),
            },
            transitions: figures.transitions,
            lost: figures.lost,
            states: StateRows {
                figures: Cow::Borrowed(&figures.states),
                now,
            },
            ends: CountsBy::of(&figures.ends.by_reason()),
            time_wait_ends: CountsBy::of(&figures.ends.time_waits),
            failed_handshakes: failures(&figures.ends),
            time_wait_makers: AtMost(makers(self, around.links, MOST_ROWS)),
            ports: AtMost(ports(self, around.links, MOST_ROWS)),
            services: AtMost(services(self, around.links, MOST_ROWS)),
            more: More {
                time_wait_makers: beside(&figures.makers),
                services: beside(&figures.services),
                listeners: listeners.len().saturating_sub(MOST_ROWS),
                retried_handshakes: beside(&figures.retried),
            },
            retried_handshakes: AtMost(retried(self, around.links, MOST_ROWS)),
            listeners: AtMost(listeners.into_iter().take(MOST_ROWS).collect()),
            by: figures.by,
            groups: AtMost(groups(self, around.cgroups)),
            overflowed: overflowed(self).into_iter().map(Word::from).collect(),
        }
    }
}
