//! A line of `watch`.

use super::{identity::Identity, owner::Kept};
use crate::{
    explain,
    language::{Language, why},
    model::{Closer, Comm, Detail, Reason, Side, State, Transition},
    output::{
        Context, Scratch, Shown,
        address::{IPV4, IPV6, PORT},
        columns::{Column, LONGEST_WORKLOAD, WORKLOAD},
        duration::DURATION,
        fields::Time,
        row::{line, row},
        table::{Cell, Tabled},
    },
};

row! {
    /// A transition.
    pub struct TransitionRow<'a> {
        /// When the kernel made it: RFC 3339 with nanoseconds, UTC.
        time: Time,
        /// When the kernel made it: CLOCK_MONOTONIC, ns, as tcptrace's own time namespace has it.
        mono_ns: u64,
        /// Which connection.
        identity: Identity<'a>,
        /// The state left, as netstat names it: tcptrace explain STATE tells more.
        from: State,
        /// The state entered.
        to: State,
        /// How long it was in the state left, ns; null when that began before tracing did, and for
        /// a connection's first transition.
        held_ns: Option<u64>,
        /// Why: tcptrace explain REASON tells more.
        reason: Reason,
        /// More about why, where more is known: tcptrace explain DETAIL tells more.
        detail: Option<Detail>,
        /// Who opened the connection: this side or the peer; null when unknown.
        opener: Option<Side>,
        /// Who sent the first FIN or RST: this side, the peer, or both before either saw the
        /// other's; null when nobody did yet, or unknown.
        closer: Option<Closer>,
        /// Segments sent again so far: SYNs, SYN+ACKs, data and FINs; null where the kernel is not
        /// asked, or it is unknown.
        retransmits: Option<u32>,
        /// Whose it is.
        owner: &'a Kept,
        /// Name of the thread that made the transition, with ? for what is no text, where it differs
        /// from comm; else null.
        thread: Option<&'a Comm>,
    }
}
line!(TransitionRow<'_> = "transition", "A connection went from one state to another", "A line of watch.");

impl Shown for Transition {
    type Row<'a> = TransitionRow<'a>;

    #[inline]
    fn row<'a>(
        &'a self,
        around: &'a mut Context<'_>,
        scratch: &'a mut Scratch,
    ) -> TransitionRow<'a> {
        TransitionRow {
            time: scratch.time.of(around.clock.wall(self.time_ns)),
            mono_ns: around.clock.own(self.time_ns),
            identity: Identity::new(self.cookie, &self.tuple, around.links),
            from: self.from,
            to: self.to,
            held_ns: self.held_ns,
            reason: self.reason,
            detail: self.detail,
            opener: self.opener,
            closer: self.closer,
            retransmits: self.retransmits,
            owner: scratch.owners.of(&self.owner, around.cgroups),
            thread: self.thread.as_ref(),
        }
    }
}

/// The columns of `watch`.
#[derive(Clone, Copy, Debug)]
pub enum TransitionColumn {
    Time,
    Process,
    Workload,
    Local,
    Direction,
    Remote,
    States,
    Held,
    Reason,
}

/// The longest name of a state.
const STATE: usize = 11;
const ARROW: usize = 2;

impl Tabled for Transition {
    type Column = TransitionColumn;
    const COLUMNS: &'static [Column<TransitionColumn>] = {
        use TransitionColumn as Of;
        &[
            Column::new(Of::Time, "TIME", "00:00:00.000".len())
                .grows_then("00:00:00.000000".len())
                .in_a_file("00:00:00.000000".len()),
            Column::new(Of::Process, "PROCESS", 12)
                .goes(1)
                .grows_first(23)
                .in_a_file(23),
            Column::new(Of::Workload, "RUNS IN", WORKLOAD)
                .goes(0)
                .shares(LONGEST_WORKLOAD),
            Column::new(Of::Local, "LOCAL", IPV4)
                .narrows(2, PORT, "LOCAL")
                .shares(IPV6),
            Column::new(Of::Direction, "", 1),
            Column::new(Of::Remote, "REMOTE", IPV4).shares(IPV6),
            Column::new(Of::States, "FROM -> TO", STATE + 1 + ARROW + 1 + STATE).narrows(
                2,
                ARROW + 1 + STATE,
                "-> TO",
            ),
            Column::new(Of::Held, "HELD", DURATION).right(),
            Column::new(Of::Reason, "REASON", explain::WIDTH),
        ]
    };

    fn cell(&self, of: TransitionColumn, cell: &mut Cell<'_, '_>) {
        let palette = cell.palette();
        match of {
            TransitionColumn::Time => cell.clock(self.time_ns),
            TransitionColumn::Workload => cell.workload(&self.owner),
            TransitionColumn::Process => cell.process(&self.owner, 0),
            TransitionColumn::Local => cell.local(&self.tuple),
            TransitionColumn::Direction => cell.direction(self.opener),
            TransitionColumn::Remote => cell.remote(&self.tuple),
            TransitionColumn::States => {
                if !cell.is_narrow() {
                    cell.part(palette.state(self.from), STATE, self.from);
                }
                cell.part(palette.faint(), ARROW, "->");
                cell.part(palette.state(self.to), STATE, self.to);
            }
            TransitionColumn::Held => cell.duration(self.held_ns),
            TransitionColumn::Reason => {
                let detail = match self.nothing_sent {
                    true => Some(Detail::NothingSent),
                    false => self.detail,
                };
                let style = palette.reason(self.reason);
                match cell.language() {
                    Language::English => cell.put(style, explain::why(self.reason, detail)),
                    language => cell.put(style, why(self.reason, detail, language)),
                }
            }
        }
    }
}
