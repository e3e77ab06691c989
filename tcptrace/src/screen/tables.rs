//! What stands in the columns of each table.

use super::{
    canvas::Tone,
    columns::{Column, Key, Row, end, number, text},
    rows::{EndRow, GroupRow, ListenerRow, RowId},
    words::{Around, address, age, count, pid},
};
use crate::{
    aggregate::stats::Group,
    diagnose::Held,
    model::{Closer, Comm, Connection, Cookie, Endpoint, Side, State},
    output::ShownStuck,
};

fn end_key(end: Endpoint) -> Key {
    Key::Address(end.addr, end.port_or_zero())
}

fn time_key(ns: Option<u64>) -> Key {
    ns.map_or(Key::None, Key::Number)
}

fn comm_key(comm: Option<Comm>) -> Key {
    comm.map_or(Key::None, Key::Name)
}

fn comm_text(comm: Option<Comm>) -> String {
    comm.map_or_else(|| "-".to_owned(), |it| it.as_str().to_owned())
}

fn comm_of(it: &Connection) -> Option<Comm> {
    it.owner.process.map(|process| process.comm)
}

fn pid_of(it: &Connection) -> Option<u32> {
    it.owner.process.and_then(|process| process.pid)
}

fn state_age(it: &Connection, now_ns: u64) -> Option<u64> {
    it.since.map(|since| now_ns.saturating_sub(since))
}

fn opener(it: Option<Side>) -> &'static str {
    match it {
        Some(Side::Local) => "out",
        Some(Side::Remote) => "in",
        None => "-",
    }
}

fn opener_text(it: Option<Side>, around: &Around) -> String {
    match it {
        Some(Side::Local) => around.cells().outwards.clone(),
        Some(Side::Remote) => around.cells().inwards.clone(),
        None => "-".to_owned(),
    }
}

const STATE: u16 = 11;
const COMM: u16 = 15;
const PID: u16 = 7;
const AGE: u16 = 6;

impl Row for Connection {
    const COLUMNS: &'static [Column<Self>] = &[
        text::<Self>(
            "STATE",
            STATE,
            |it, _| Key::Number(it.state as u64),
            |it, _| it.state.to_string(),
        )
        .tone(|it| Tone::State(it.state)),
        number::<Self>(
            "FOR",
            AGE,
            |it, around| time_key(state_age(it, around.now_ns)),
            |it, around| age(state_age(it, around.now_ns), around),
        ),
        end::<Self>(
            "LOCAL",
            |it, _| end_key(it.tuple.local),
            |it, around| address(it.tuple.local, around),
        )
        .grows(2),
        text::<Self>(
            "BY",
            3,
            |it, _| Key::Word(opener(it.opener)),
            |it, around| opener_text(it.opener, around),
        )
        .rank(3),
        end::<Self>(
            "REMOTE",
            |it, _| end_key(it.tuple.remote),
            |it, around| address(it.tuple.remote, around),
        )
        .grows(2),
        number::<Self>(
            "PID",
            PID,
            |it, _| pid_of(it).map_or(Key::None, |pid| Key::Number(pid.into())),
            |it, _| pid(pid_of(it)),
        )
        .rank(2),
        text::<Self>(
            "PROCESS",
            COMM,
            |it, _| comm_key(comm_of(it)),
            |it, _| comm_text(comm_of(it)),
        )
        .rank(1),
        number::<Self>(
            "NETNS",
            10,
            |it, _| Key::Number(it.tuple.netns.into()),
            |it, _| it.tuple.netns.to_string(),
        )
        .rank(4),
    ];
    const SORTED_BY: usize = 1;

    fn id(&self) -> RowId {
        RowId::of(self)
    }

    fn cookie(&self) -> Option<Cookie> {
        self.cookie
    }

    fn word(&self) -> Option<&'static str> {
        Some(self.state.name())
    }
}

/// A column of a count by state.
const fn in_state(
    name: &'static str,
    key: fn(&GroupRow, &Around) -> Key,
    shown: fn(&GroupRow, &Around) -> String,
) -> Column<GroupRow> {
    number(name, 8, key, shown)
}

macro_rules! of_states {
    ($name:literal, $($state:ident),+) => {
        in_state(
            $name,
            |it, _| Key::Number(u64::from(0 $(+ it.states[State::$state as usize])+)),
            |it, _| count(u64::from(0 $(+ it.states[State::$state as usize])+)),
        )
    };
}

impl Row for GroupRow {
    const COLUMNS: &'static [Column<Self>] = &[
        text::<Self>(
            "WHOSE",
            22,
            |it, _| match it.group {
                Group::Pid(process) => comm_key(process.map(|it| it.comm)),
                Group::Remote(Some(addr)) => Key::Address(addr, 0),
                _ => Key::None,
            },
            |it, _| match it.group {
                Group::Pid(Some(process)) => process.comm.as_str().to_owned(),
                Group::Remote(Some(addr)) => addr.to_string(),
                _ => "-".to_owned(),
            },
        )
        .grows(1),
        number::<Self>(
            "PID",
            PID,
            |it, _| match it.group {
                Group::Pid(Some(process)) => {
                    process.pid.map_or(Key::None, |it| Key::Number(it.into()))
                }
                _ => Key::None,
            },
            |it, _| match it.group {
                Group::Pid(process) => pid(process.and_then(|it| it.pid)),
                _ => String::new(),
            },
        )
        .rank(1),
        number::<Self>(
            "ALL",
            8,
            |it, _| Key::Number(it.connections.into()),
            |it, _| count(it.connections.into()),
        ),
        of_states!("ESTAB", Established),
        of_states!("OPENING", SynSent, SynRecv).rank(2),
        of_states!("CLOSING", FinWait1, FinWait2, Closing, LastAck).rank(3),
        of_states!("CLOSEWT", CloseWait).rank(2),
        of_states!("TIMEWT", TimeWait),
    ];
    const SORTED_BY: usize = 2;

    fn id(&self) -> RowId {
        RowId::Group(self.group)
    }

    fn word(&self) -> Option<&'static str> {
        let most = State::ALL
            .into_iter()
            .max_by_key(|it| self.states[*it as usize]);
        most.map(State::name)
    }
}

impl Row for ListenerRow {
    const COLUMNS: &'static [Column<Self>] = &[
        end::<Self>(
            "LISTENS AT",
            |it, _| end_key(it.listener.tuple.local),
            |it, around| address(it.listener.tuple.local, around),
        )
        .grows(2),
        number::<Self>(
            "HALF OPEN",
            9,
            |it, _| Key::Number(it.half_open.into()),
            |it, _| count(it.half_open.into()),
        ),
        number::<Self>(
            "ESTAB",
            8,
            |it, _| Key::Number(it.established.into()),
            |it, _| count(it.established.into()),
        ),
        number::<Self>(
            "CLOSING",
            8,
            |it, _| Key::Number(it.closing.into()),
            |it, _| count(it.closing.into()),
        )
        .rank(3),
        number::<Self>(
            "FOR",
            AGE,
            |it, around| time_key(state_age(&it.listener, around.now_ns)),
            |it, around| age(state_age(&it.listener, around.now_ns), around),
        )
        .rank(2),
        number::<Self>(
            "PID",
            PID,
            |it, _| pid_of(&it.listener).map_or(Key::None, |pid| Key::Number(pid.into())),
            |it, _| pid(pid_of(&it.listener)),
        )
        .rank(1),
        text::<Self>(
            "PROCESS",
            COMM,
            |it, _| comm_key(comm_of(&it.listener)),
            |it, _| comm_text(comm_of(&it.listener)),
        ),
        number::<Self>(
            "NETNS",
            10,
            |it, _| Key::Number(it.listener.tuple.netns.into()),
            |it, _| it.listener.tuple.netns.to_string(),
        )
        .rank(4),
    ];
    const SORTED_BY: usize = 2;

    fn id(&self) -> RowId {
        RowId::of(&self.listener)
    }

    fn cookie(&self) -> Option<Cookie> {
        self.listener.cookie
    }

    fn word(&self) -> Option<&'static str> {
        Some(State::Listen.name())
    }
}

fn held(it: &Held, around: &Around) -> String {
    let text = age(it.ns, around);
    match (it.at_least, around.ascii) {
        (true, _) if it.ns.is_none() => text,
        (true, true) => format!(">={text}"),
        (true, false) => format!("≥{text}"),
        (false, _) => text,
    }
}

impl Row for ShownStuck {
    const COLUMNS: &'static [Column<Self>] = &[
        text::<Self>(
            "STATE",
            STATE,
            |it, _| Key::Number(it.connection.state as u64),
            |it, _| it.connection.state.to_string(),
        )
        .tone(|it| Tone::State(it.connection.state)),
        number::<Self>(
            "HELD",
            AGE + 2,
            |it, _| time_key(it.held.ns),
            |it, around| held(&it.held, around),
        ),
        text::<Self>(
            "VERDICT",
            17,
            |it, _| Key::Word(it.diagnosis.verdict.name()),
            |it, _| it.diagnosis.verdict.name().to_owned(),
        )
        .tone(|_| Tone::Trouble),
        end::<Self>(
            "LOCAL",
            |it, _| end_key(it.connection.tuple.local),
            |it, around| address(it.connection.tuple.local, around),
        )
        .grows(1)
        .rank(2),
        end::<Self>(
            "REMOTE",
            |it, _| end_key(it.connection.tuple.remote),
            |it, around| address(it.connection.tuple.remote, around),
        )
        .grows(1),
        text::<Self>(
            "PROCESS",
            COMM,
            |it, _| comm_key(comm_of(&it.connection)),
            |it, _| comm_text(comm_of(&it.connection)),
        )
        .rank(1),
        number::<Self>(
            "PID",
            PID,
            |it, _| pid_of(&it.connection).map_or(Key::None, |pid| Key::Number(pid.into())),
            |it, _| pid(pid_of(&it.connection)),
        )
        .rank(3),
        text::<Self>(
            "WHY",
            24,
            |it, _| Key::Word(it.diagnosis.verdict.name()),
            |it, around| it.text(around.language),
        )
        .grows(6)
        .rank(4),
    ];
    const SORTED_BY: usize = 1;

    fn id(&self) -> RowId {
        RowId::of(&self.connection)
    }

    fn cookie(&self) -> Option<Cookie> {
        self.connection.cookie
    }

    fn word(&self) -> Option<&'static str> {
        Some(self.diagnosis.verdict.name())
    }
}

fn closer(it: Option<Closer>) -> &'static str {
    it.map_or("-", Closer::name)
}

fn closer_text(it: Option<Closer>, around: &Around) -> String {
    match it {
        Some(Closer::Local) => around.cells().local.clone(),
        Some(Closer::Remote) => around.cells().remote.clone(),
        Some(Closer::Both) => around.cells().both.clone(),
        None => "-".to_owned(),
    }
}

impl Row for EndRow {
    const COLUMNS: &'static [Column<Self>] = &[
        text::<Self>(
            "TIME",
            12,
            |it, _| Key::Number(it.wall_ns.max(0).unsigned_abs()),
            |it, around| around.time_of_day(it.wall_ns),
        ),
        text::<Self>(
            "FROM",
            STATE,
            |it, _| Key::Number(it.last.from as u64),
            |it, _| it.last.from.to_string(),
        )
        .tone(|it| Tone::State(it.last.from))
        .rank(2),
        text::<Self>(
            "REASON",
            17,
            |it, _| Key::Word(it.last.reason.name()),
            |it, _| it.last.reason.name().to_owned(),
        )
        .tone(|it| Tone::Reason(it.last.reason)),
        text::<Self>(
            "CLOSER",
            6,
            |it, _| Key::Word(closer(it.last.closer)),
            |it, around| closer_text(it.last.closer, around),
        )
        .rank(3),
        end::<Self>(
            "LOCAL",
            |it, _| end_key(it.last.tuple.local),
            |it, around| address(it.last.tuple.local, around),
        )
        .grows(1)
        .rank(1),
        end::<Self>(
            "REMOTE",
            |it, _| end_key(it.last.tuple.remote),
            |it, around| address(it.last.tuple.remote, around),
        )
        .grows(1),
        text::<Self>(
            "PROCESS",
            COMM,
            |it, _| comm_key(it.last.owner.process.map(|it| it.comm)),
            |it, _| comm_text(it.last.owner.process.map(|it| it.comm)),
        )
        .rank(2),
        text::<Self>(
            "DETAIL",
            16,
            |it, _| it.last.detail.map_or(Key::None, |it| Key::Word(it.name())),
            |it, _| {
                it.last
                    .detail
                    .map_or_else(String::new, |it| it.name().to_owned())
            },
        )
        .rank(4),
    ];
    const SORTED_BY: usize = 0;

    fn id(&self) -> RowId {
        RowId::End(self.number)
    }

    fn cookie(&self) -> Option<Cookie> {
        self.last.cookie
    }

    fn word(&self) -> Option<&'static str> {
        Some(self.last.reason.name())
    }
}
