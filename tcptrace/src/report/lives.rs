//! Connections that are worth a look, each with all that is known of it.

use std::rc::Rc;

use crate::{
    aggregate::Longest,
    model::{FlowEnd, FlowRecord, Owner, Reason, State, Tuple},
    output::Context,
};

/// So many connections of each kind are kept.
pub const MOST_LIVES: usize = 8;
/// So many of those whose handshake took the longest.
pub const MOST_HANDSHAKES: usize = 20;

/// Why a connection is worth a look.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum LifeKind {
    /// Reset by the peer.
    ResetByPeer,
    /// Reset by this side.
    ResetByUs,
    /// Nobody answered any more.
    TimedOut,
    /// Nobody answered keepalive probes.
    KeepaliveTimeout,
    /// Nobody listened.
    Refused,
    /// There was no way to the peer.
    Unreachable,
    /// TIME_WAIT was skipped, as there were too many.
    Overflow,
    /// The peer's FIN never came.
    FinTimeout,
    /// Somebody ended it by `ss -K`, or its network namespace went.
    Killed,
    /// On its way in or out when the recording ended.
    NotOver,
    /// The handshakes that took the longest.
    Handshake,
    /// The longest in FIN_WAIT2.
    FinWait2,
    /// The longest in CLOSE_WAIT.
    CloseWait,
    /// The longest in TIME_WAIT.
    TimeWait,
    /// The most segments sent again.
    Resent,
}

impl LifeKind {
    /// All of them, what is trouble first.
    pub const ALL: [Self; 15] = [
        Self::ResetByPeer,
        Self::ResetByUs,
        Self::TimedOut,
        Self::KeepaliveTimeout,
        Self::Refused,
        Self::Unreachable,
        Self::Overflow,
        Self::FinTimeout,
        Self::Killed,
        Self::NotOver,
        Self::Handshake,
        Self::FinWait2,
        Self::CloseWait,
        Self::TimeWait,
        Self::Resent,
    ];

    /// The kind of those that ended for a reason; `None`: they are nothing to look at.
    const fn of(reason: Reason) -> Option<Self> {
        Some(match reason {
            Reason::ResetByPeer => Self::ResetByPeer,
            Reason::ResetByUs => Self::ResetByUs,
            Reason::TimedOut => Self::TimedOut,
            Reason::KeepaliveTimeout => Self::KeepaliveTimeout,
            Reason::Refused => Self::Refused,
            Reason::Unreachable => Self::Unreachable,
            Reason::Overflow => Self::Overflow,
            Reason::FinTimeout => Self::FinTimeout,
            Reason::Killed => Self::Killed,
            _ => return None,
        })
    }
}

/// The names around a connection, as they were when it was told.
#[derive(Clone, Debug, Default)]
pub struct Around {
    /// The network interface, where it is a part of the identity: its name, or its index.
    pub interface: Option<String>,
    /// The container, pod or unit that its process runs in.
    pub workload: Option<String>,
}

impl Around {
    /// Of a connection.
    pub fn of(tuple: &Tuple, owner: &Owner, around: &mut Context<'_>) -> Self {
        let interface = around.links.of(tuple).map(|it| match it.name {
            Some(name) => name.to_owned(),
            None => it.index.to_string(),
        });
        let id = owner.cgroup.map(std::num::NonZero::get);
        let workload = id.and_then(|id| around.cgroups.workload(id));
        Self {
            interface,
            workload: workload.and_then(|it| {
                let pod = it.pod.as_ref().map(ToString::to_string);
                let container = it.container_label();
                match (pod, container) {
                    (Some(pod), Some(container)) => Some(format!("{pod}/{container}")),
                    (pod, container) => pod.or(container).or_else(|| it.unit.clone()),
                }
            }),
        }
    }
}

/// A connection, with all that is known of it.
#[derive(Clone, Debug)]
pub struct Life {
    /// Tells it from others on the page.
    pub number: u64,
    /// The connection.
    pub flow: FlowRecord,
    /// How far the wall clock was ahead of its times, ns.
    pub wall_ahead_ns: i64,
    /// How long neither side had sent data when the first one closed, ns; `None`: unknown.
    pub idle_ns: Option<u64>,
    /// Whose idle timeout is as long as that.
    pub timeouts: Vec<String>,
    /// Names.
    pub around: Around,
}

/// Connections by why they are worth a look: the most extreme of each kind.
#[derive(Clone, Debug)]
pub struct Lives {
    kinds: [Longest<Rc<Life>>; LifeKind::ALL.len()],
    /// How many were made, those that gave way to others among them.
    made: u64,
}

impl Default for Lives {
    fn default() -> Self {
        Self {
            kinds: LifeKind::ALL.map(|kind| {
                Longest::new(match kind {
                    LifeKind::Handshake => MOST_HANDSHAKES,
                    _ => MOST_LIVES,
                })
            }),
            made: 0,
        }
    }
}

impl Lives {
    /// Takes a connection. `now_ns`: until when it is known, CLOCK_MONOTONIC. `make` is called only if
    /// it is kept.
    pub fn take(&mut self, flow: &FlowRecord, now_ns: u64, mut make: impl FnMut() -> Life) {
        let Self { kinds, made } = self;
        let mut life: Option<Rc<Life>> = None;
        let mut keep = |kind: LifeKind, measure: u64| {
            kinds[kind as usize].take(measure, || {
                Rc::clone(life.get_or_insert_with(|| {
                    *made += 1;
                    Rc::new(Life {
                        number: *made,
                        ..make()
                    })
                }))
            });
        };
        let time_in = |state| flow.time_in(state).filter(|ns| *ns > 0);
        if let Some(FlowEnd::Reason(reason)) = flow.end
            && let Some(kind) = LifeKind::of(reason)
        {
            keep(kind, lasted(flow));
        }
        if flow.end.is_none() {
            keep(LifeKind::NotOver, now_ns.saturating_sub(flow.time_ns));
        }
        for (kind, measure) in [
            (LifeKind::Handshake, flow.handshake_ns()),
            (LifeKind::FinWait2, time_in(State::FinWait2)),
            (LifeKind::CloseWait, time_in(State::CloseWait)),
            (LifeKind::TimeWait, time_in(State::TimeWait)),
            (
                LifeKind::Resent,
                flow.retransmits().filter(|it| *it > 0).map(u64::from),
            ),
        ] {
            if let Some(measure) = measure {
                keep(kind, measure);
            }
        }
    }

    /// Those of a kind.
    #[must_use]
    pub fn of(&self, kind: LifeKind) -> &Longest<Rc<Life>> {
        &self.kinds[kind as usize]
    }

    /// Whether there is none of any kind.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.kinds.iter().all(Longest::is_empty)
    }
}

/// How long a connection lasted, as far as that is known: ns.
fn lasted(flow: &FlowRecord) -> u64 {
    let known = || flow.path.iter().filter_map(|step| step.ns).sum();
    flow.total_ns().unwrap_or_else(known)
}
