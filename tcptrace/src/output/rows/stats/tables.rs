//! The columns of a report's lists.

use std::num::NonZeroU16;

use anstyle::Style;

use super::{
    link::NamedLink,
    report::{ListenerRow, MakerRow, PortsRow, RetriedRow, ServiceRow},
};
use crate::{
    language::table_words,
    model::{Endpoint, Side},
    output::{
        address::{IPV4, IPV6},
        columns::Column,
        duration::Human,
        or_dash::OrDash,
        process::Program,
        table::{Cell, Tabled},
    },
};

const COUNT: usize = 9;
/// Below a million.
const NUMBER: usize = 7;
const RATE: usize = 7;
/// The longest name of a program.
const COMM: usize = 15;
/// `to` or `of`.
const DIRECTION: usize = 2;
/// Connections below which a share says nothing.
const ENOUGH: u64 = 10;
/// From that share of short connections on, keep-alive is worth a thought.
const MOSTLY: f64 = 0.5;

impl Cell<'_, '_> {
    fn end(&mut self, addr: std::net::IpAddr, port: Option<NonZeroU16>, on: Option<&NamedLink>) {
        self.address(Endpoint { addr, port }, on.map(NamedLink::shown));
    }

    /// Whether it is a service of others, or of this machine.
    fn service_of(&mut self, opener: Option<Side>) {
        let words = table_words(self.language());
        let word = match opener {
            Some(Side::Local) => words.word("to-service"),
            Some(Side::Remote) => words.word("of-service"),
            None => String::new(),
        };
        self.put(self.palette().faint(), word);
    }

    fn count(&mut self, count: impl std::fmt::Display) {
        self.put(Style::new(), count);
    }
}

/// The columns of those who make TIME_WAITs.
#[derive(Clone, Copy, Debug)]
pub enum MakerColumn {
    Program,
    Service,
    Direction,
    Made,
    Rate,
    Now,
    Ports,
}

impl Tabled for MakerRow {
    type Column = MakerColumn;
    const COLUMNS: &'static [Column<MakerColumn>] = {
        use MakerColumn as Of;
        &[
            Column::new(Of::Program, "PROGRAM", COMM),
            Column::new(Of::Service, "SERVICE", IPV4).shares(IPV6),
            Column::new(Of::Direction, "", DIRECTION),
            Column::new(Of::Made, "MADE", NUMBER).right(),
            Column::new(Of::Rate, "A SEC", RATE).right(),
            Column::new(Of::Now, "NOW", NUMBER).right(),
            Column::new(Of::Ports, "PORTS", NUMBER).right(),
        ]
    };

    fn cell(&self, of: MakerColumn, cell: &mut Cell<'_, '_>) {
        match of {
            MakerColumn::Program => {
                let ascii = cell.ascii();
                let comm = self.comm.as_ref().map(|comm| Program {
                    comm: comm.as_str(),
                    ascii,
                });
                cell.put(Style::new(), OrDash(comm));
            }
            MakerColumn::Service => {
                let addr = match self.opener {
                    Some(Side::Remote) => self.local_addr,
                    _ => self.remote_addr,
                };
                cell.end(addr, self.port, self.interface.as_ref());
            }
            MakerColumn::Direction => cell.service_of(self.opener),
            MakerColumn::Made => cell.count(self.count),
            MakerColumn::Rate => cell.count(format_args!("{:.1}", self.per_s)),
            MakerColumn::Now => cell.count(OrDash(self.now)),
            MakerColumn::Ports => cell.count(OrDash(self.ports_held)),
        }
    }
}

/// The columns of ports.
#[derive(Clone, Copy, Debug)]
pub enum PortsColumn {
    To,
    Taken,
    Of,
    SettleAt,
    RunOut,
}

impl Tabled for PortsRow {
    type Column = PortsColumn;
    const COLUMNS: &'static [Column<PortsColumn>] = {
        use PortsColumn as Of;
        &[
            Column::new(Of::To, "TO", IPV4).shares(IPV6),
            Column::new(Of::Taken, "TAKEN", COUNT).right(),
            Column::new(Of::Of, "OF", COUNT).right(),
            Column::new(Of::SettleAt, "SETTLE AT", COUNT).right(),
            Column::new(Of::RunOut, "RUN OUT", "in 213503d23h".len()),
        ]
    };

    fn cell(&self, of: PortsColumn, cell: &mut Cell<'_, '_>) {
        let settles = self.settles_at.map(|ports| ports.round() as u64);
        match of {
            PortsColumn::To => {
                cell.end(self.remote_addr, self.remote_port, self.interface.as_ref());
            }
            PortsColumn::Taken => cell.count(self.taken),
            PortsColumn::Of => cell.count(self.available),
            PortsColumn::SettleAt => cell.count(OrDash(settles)),
            PortsColumn::RunOut => {
                let (trouble, faint) = (cell.palette().trouble(), cell.palette().faint());
                let words = table_words(cell.language());
                match self.exhausted_in_s {
                    Some(seconds) if seconds > 0.0 => {
                        let (ns, ascii) = ((seconds * 1e9) as u64, cell.ascii());
                        let time = Human { ns, ascii }.to_string();
                        cell.put(trouble, words.say("run-out-in", [("time", time.into())]));
                    }
                    Some(_) => cell.put(trouble, words.word("run-out-now")),
                    None if settles.is_none() => cell.put(faint, "-"),
                    None => cell.put(faint, words.word("run-out-no")),
                }
            }
        }
    }
}

/// The columns of services.
#[derive(Clone, Copy, Debug)]
pub enum ServiceColumn {
    Service,
    Direction,
    Closed,
    Short,
    TimeWaits,
    Cue,
}

impl Tabled for ServiceRow {
    type Column = ServiceColumn;
    const COLUMNS: &'static [Column<ServiceColumn>] = {
        use ServiceColumn as Of;
        &[
            Column::new(Of::Service, "SERVICE", IPV4).shares(IPV6),
            Column::new(Of::Direction, "", DIRECTION),
            Column::new(Of::Closed, "CLOSED", COUNT).right(),
            Column::new(Of::Short, "SHORT", 6).right(),
            Column::new(Of::TimeWaits, "TIME_WAITS", 10).right(),
            Column::new(Of::Cue, "", "keep-alive?".len()),
        ]
    };

    fn cell(&self, of: ServiceColumn, cell: &mut Cell<'_, '_>) {
        match of {
            ServiceColumn::Service => cell.end(self.addr, self.port, self.interface.as_ref()),
            ServiceColumn::Direction => cell.service_of(Some(self.opener)),
            ServiceColumn::Closed => cell.count(self.connections),
            ServiceColumn::Short => {
                let share = self.short_share;
                let share = share.map(|share| format!("{:.0}%", share * 100.0));
                cell.count(OrDash(share));
            }
            ServiceColumn::TimeWaits => cell.count(self.time_waits_of_short),
            ServiceColumn::Cue => {
                let cue = self.connections >= ENOUGH
                    && self.short_share.is_some_and(|share| share >= MOSTLY)
                    && self.time_waits_of_short > 0;
                let text = if cue { "keep-alive?" } else { "" };
                cell.put(cell.palette().trouble(), text);
            }
        }
    }
}

/// The columns of listeners.
#[derive(Clone, Copy, Debug)]
pub enum ListenerColumn {
    Listener,
    Answered,
    Complete,
    Failed,
    Dropped,
    HalfOpen,
}

impl Tabled for ListenerRow {
    type Column = ListenerColumn;
    const COLUMNS: &'static [Column<ListenerColumn>] = {
        use ListenerColumn as Of;
        &[
            Column::new(Of::Listener, "LISTENER", IPV4).shares(IPV6),
            Column::new(Of::Answered, "ANSWERED", COUNT).right(),
            Column::new(Of::Complete, "COMPLETE", COUNT).right(),
            Column::new(Of::Failed, "FAILED", COUNT).right(),
            Column::new(Of::Dropped, "DROPPED", COUNT).right(),
            Column::new(Of::HalfOpen, "HALF-OPEN", COUNT).right(),
        ]
    };

    fn cell(&self, of: ListenerColumn, cell: &mut Cell<'_, '_>) {
        match of {
            ListenerColumn::Listener => cell.end(self.addr, self.port, self.interface.as_ref()),
            ListenerColumn::Answered => cell.count(self.syns),
            ListenerColumn::Complete => cell.count(self.completed),
            ListenerColumn::Failed => cell.count(self.failed),
            ListenerColumn::Dropped => cell.count(OrDash(self.dropped)),
            ListenerColumn::HalfOpen => cell.count(OrDash(self.half_open)),
        }
    }
}

/// The columns of handshakes that needed a segment again.
#[derive(Clone, Copy, Debug)]
pub enum RetriedColumn {
    Service,
    Direction,
    Handshakes,
    Failed,
    SentAgain,
}

impl Tabled for RetriedRow {
    type Column = RetriedColumn;
    const COLUMNS: &'static [Column<RetriedColumn>] = {
        use RetriedColumn as Of;
        &[
            Column::new(Of::Service, "SERVICE", IPV4).shares(IPV6),
            Column::new(Of::Direction, "", DIRECTION),
            Column::new(Of::Handshakes, "HANDSHAKES", COUNT + 1).right(),
            Column::new(Of::Failed, "FAILED", COUNT + 1).right(),
            Column::new(Of::SentAgain, "SENT AGAIN", COUNT + 1).right(),
        ]
    };

    fn cell(&self, of: RetriedColumn, cell: &mut Cell<'_, '_>) {
        match of {
            RetriedColumn::Service => cell.end(self.addr, self.port, self.interface.as_ref()),
            RetriedColumn::Direction => cell.service_of(Some(self.opener)),
            RetriedColumn::Handshakes => cell.count(self.handshakes),
            RetriedColumn::Failed => cell.count(self.failed),
            RetriedColumn::SentAgain => cell.count(self.retransmits),
        }
    }
}
