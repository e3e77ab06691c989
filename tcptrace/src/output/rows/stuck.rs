//! A line of `stuck`.

use std::num::NonZeroU32;

use super::{
    holders::Holders,
    identity::{Identity, pid_of},
    socket::nanoseconds,
};
use crate::{
    diagnose::Verdict,
    host::TimerKind,
    model::{CgroupPaths as _, Comm, Reason, State},
    output::{
        Scratch, Shown, ShownStuck, Surroundings,
        fields::{CgroupPath, OneOf, Time, Word},
        row::{line, row},
    },
};

row! {
    /// A connection that is stuck.
    pub struct StuckRow<'a> {
        /// When it was looked at: RFC 3339 with nanoseconds, UTC.
        time: Time,
        /// When it was looked at: CLOCK_MONOTONIC, ns, as tcptrace's own time namespace has it.
        mono_ns: u64,
        /// Which connection.
        identity: Identity<'a>,
        /// The state that it does not leave.
        state: State,
        /// How long it has been in that state, or has waited there for what the verdict says where
        /// that is known to be longer, ns; in ESTABLISHED, since something is unacknowledged. Null
        /// when nothing is known of that.
        held_ns: Option<u64>,
        /// Whether it may be longer, as it began before tracing did.
        held_at_least: bool,
        /// Whether that is what a setting says, which may not be the one by which the connection's
        /// timer was made.
        held_estimated: bool,
        /// Why a connection that is over (CLOSED) ended: tcptrace explain REASON tells more. Null
        /// in any other state, and when it is unknown.
        reason: Option<Reason>,
        /// Why it does not go on: tcptrace explain VERDICT tells more.
        verdict: Verdict,
        /// The verdict in words, for this connection.
        verdict_text: &'a str,
        /// Id of the process that has the socket, or closed it; of a connection that nobody has
        /// accepted, of its listener. Null when unknown.
        pid: Option<NonZeroU32>,
        /// Name of that process, with ? for what is no text; null when unknown.
        comm: Option<Comm>,
        /// Id of the user that the socket belongs to; null when unknown.
        uid: Option<u32>,
        /// Path of that process's control group (v2), below the root of all; null when unknown.
        cgroup: Option<CgroupPath<'a>>,
        /// The file descriptor by which that process has it; null when it has none, or it can't be
        /// told.
        fd: Option<u32>,
        /// All processes that hold the socket, with the lowest descriptor by which each does; empty
        /// when none does, or none can be told.
        holders: Holders<'a>,
        /// Whether a process had it, and none has it any more.
        orphan: bool,
        /// What governs how long it lasts, a sysctl or a socket option: tcptrace explain SETTING
        /// tells more. Null when nothing does.
        setting: Option<Word<LimitNames>>,
        /// The present value of that setting in the connection's network namespace; null for a
        /// socket option that can't be seen, and when unknown. TCP_USER_TIMEOUT is in ms.
        setting_value: Option<u32>,
        /// The timer that runs: to send again, to probe a quiet peer, to end an orphan's FIN_WAIT2,
        /// to probe a closed window. Null when none does.
        timer: Option<TimerKind>,
        /// About how long until the kernel gives up, if the peer stays as it is, ns; null when it
        /// does not, or that can't be told.
        remaining_ns: Option<u64>,
        /// How often it was sent again so far, without an answer; null when nothing is sent.
        retries: Option<u32>,
        /// How often it will be sent again at the most; null when that can't be told.
        most_retries: Option<u32>,
        /// Data that came and that the process has not read, in bytes; null when it can't be told.
        unread_bytes: Option<u32>,
        /// Data that waits to be sent, in bytes; null when it can't be told.
        unsent_bytes: Option<u32>,
        /// Data that was sent and not acknowledged, in bytes; null when it can't be told.
        unacked_bytes: Option<u32>,
        /// Whether the peer takes no more data; null when it can't be told.
        zero_window: Option<bool>,
        /// How many connections wait at its listener to be accepted; null when there is no
        /// listener.
        accept_queue: Option<u32>,
        /// How many may wait there; null when there is no listener.
        backlog: Option<u32>,
        /// What to do.
        advice: &'a str,
    }
}
line!(StuckRow<'_> = "stuck", "A connection that does not go on", "A line of stuck.");

/// The settings that govern how long something lasts.
pub struct LimitNames;

impl OneOf for LimitNames {
    const WORDS: &'static [&'static str] = &[
        "tcp_syn_retries",
        "tcp_synack_retries",
        "somaxconn",
        "TCP_DEFER_ACCEPT",
        "TCP_FASTOPEN_CONNECT",
        "tcp_orphan_retries",
        "tcp_retries2",
        "tcp_fin_timeout",
        "TCP_LINGER2",
        "TCP_USER_TIMEOUT",
    ];
}

impl Shown for ShownStuck {
    type Row<'a> = StuckRow<'a>;

    fn row<'a>(
        &'a self,
        around: &'a mut Surroundings<'_>,
        scratch: &'a mut Scratch,
    ) -> StuckRow<'a> {
        let (it, why) = (&self.connection, &self.diagnosis);
        let owner = &it.owner;
        let cgroup = owner.cgroup.and_then(|id| around.cgroups.path(id.get()));
        let waiting = self.suspect.listening;
        StuckRow {
            time: scratch.time.stamp(around.clock.wall(self.mono_ns)),
            mono_ns: around.clock.own(self.mono_ns),
            identity: Identity::new(it.cookie, &it.tuple, around.links),
            state: it.state,
            held_ns: self.held.ns,
            held_at_least: self.held.at_least,
            held_estimated: self.held.estimated,
            reason: self.suspect.context.ended,
            verdict: why.verdict,
            verdict_text: &why.text,
            pid: pid_of(owner.process.as_ref()),
            comm: owner.process.map(|process| process.comm),
            uid: owner.uid,
            cgroup: cgroup.map(CgroupPath),
            fd: self.descriptor,
            holders: Holders(&self.holders),
            orphan: self.suspect.is_orphan(),
            setting: why.setting.map(|setting| setting.name.into()),
            setting_value: why.setting.and_then(|setting| setting.value),
            timer: self.suspect.timer.map(|timer| timer.kind),
            remaining_ns: why.remaining.map(nanoseconds),
            retries: why.retries,
            most_retries: why.most_retries,
            unread_bytes: why.queues.unread,
            unsent_bytes: why.queues.unsent,
            unacked_bytes: why.queues.unacked,
            zero_window: why.queues.zero_window,
            accept_queue: waiting.map(|it| it.queue),
            backlog: waiting.map(|it| it.backlog),
            advice: why.advice,
        }
    }
}
