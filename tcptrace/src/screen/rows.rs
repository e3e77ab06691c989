//! The rows of the tables, and their columns.

use std::net::IpAddr;

use super::{
    canvas::Tone,
    words::{Around, address, age, count, pid},
};
use crate::{
    aggregate::stats::Group,
    diagnose::Held,
    model::{Closer, Comm, Connection, Cookie, Endpoint, Side, State, Transition, Tuple},
    output::ShownStuck,
};

/// The rows of a table.
#[derive(Clone, Debug, Default)]
pub enum Rows {
    /// None.
    #[default]
    None,
    /// Connections.
    Connections(Vec<Connection>),
    /// Sums of connections: of processes, or peers.
    Groups(Vec<GroupRow>),
    /// Listeners.
    Listeners(Vec<ListenerRow>),
    /// Connections that are stuck.
    Stuck(Vec<ShownStuck>),
    /// How connections ended.
    Ends(Vec<EndRow>),
}

/// Connections of a process, or with a peer.
#[derive(Clone, Copy, Debug)]
pub struct GroupRow {
    /// Whose.
    pub group: Group,
    /// How many are in each state, in the order of [`State::ALL`].
    pub states: [u32; State::ALL.len()],
    /// All of them; listeners do not count.
    pub connections: u32,
}

/// A listener.
#[derive(Clone, Copy, Debug)]
pub struct ListenerRow {
    /// The listener.
    pub listener: Connection,
    /// How many that came to its port are half open.
    pub half_open: u32,
    /// How many that came to it are established.
    pub established: u32,
    /// How many that came to it are in other states.
    pub closing: u32,
}

/// A connection that ended.
#[derive(Clone, Copy, Debug)]
pub struct EndRow {
    /// How many ended before.
    pub number: u64,
    /// When: ns since 1970.
    pub wall_ns: i64,
    /// How it ended: its way to CLOSED.
    pub last: Transition,
}

/// What a row is, whatever becomes of it: by this the selected one is found again.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum RowId {
    /// A connection's, or a listener's.
    Cookie(Cookie),
    /// Of one that has no cookie yet.
    Tuple(Tuple),
    /// A group's.
    Group(Group),
    /// An end's.
    End(u64),
}

impl RowId {
    fn of(it: &Connection) -> Self {
        it.cookie.map_or(Self::Tuple(it.tuple), Self::Cookie)
    }
}

/// By what rows are sorted.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Key {
    /// Unknown.
    None,
    /// A number, a time.
    Number(u64),
    /// A name.
    Name(Comm),
    /// A word of ours.
    Word(&'static str),
    /// An address and a port.
    Address(IpAddr, u16),
}

/// A column of a table.
pub struct Column<R> {
    /// Its heading.
    pub name: &'static str,
    /// How wide it is.
    pub width: u16,
    /// The part of what is left of the line that it gets; 0: none.
    pub grows: u16,
    /// On a short line, those go first whose rank is higher.
    pub rank: u8,
    /// Numbers stand on the right.
    pub right: bool,
    /// Of what is too long, the middle is left out: an address has its port at the end.
    pub cut_within: bool,
    /// The largest ones are looked for, mostly.
    pub descending: bool,
    /// What it is sorted by.
    pub key: fn(&R, &Around) -> Key,
    /// What stands there.
    pub text: fn(&R, &Around) -> String,
    /// How it looks.
    pub tone: fn(&R) -> Tone,
}

/// A row of a table.
pub trait Row: Sized + 'static {
    /// The columns of the table.
    const COLUMNS: &'static [Column<Self>];
    /// The column that it is sorted by in the beginning.
    const SORTED_BY: usize;
    /// What it is.
    fn id(&self) -> RowId;
    /// Whose life can be looked at.
    fn cookie(&self) -> Option<Cookie> {
        None
    }
    /// The word that `tcptrace explain` is asked for.
    fn word(&self) -> Option<&'static str>;
}

/// A column that is no number.
const fn text<R>(
    name: &'static str,
    width: u16,
    key: fn(&R, &Around) -> Key,
    text: fn(&R, &Around) -> String,
) -> Column<R> {
    Column {
        name,
        width,
        grows: 0,
        rank: 0,
        right: false,
        cut_within: false,
        descending: false,
        key,
        text,
        tone: |_| Tone::Plain,
    }
}

/// A column of addresses and ports.
const fn end<R>(
    name: &'static str,
    key: fn(&R, &Around) -> Key,
    shown: fn(&R, &Around) -> String,
) -> Column<R> {
    Column {
        cut_within: true,
        ..text(name, ADDRESS, key, shown)
    }
}

/// A column of numbers.
const fn number<R>(
    name: &'static str,
    width: u16,
    key: fn(&R, &Around) -> Key,
    shown: fn(&R, &Around) -> String,
) -> Column<R> {
    Column {
        right: true,
        descending: true,
        ..text(name, width, key, shown)
    }
}

impl<R> Column<R> {
    const fn grows(self, part: u16) -> Self {
        Self {
            grows: part,
            ..self
        }
    }

    const fn rank(self, rank: u8) -> Self {
        Self { rank, ..self }
    }

    const fn tone(self, tone: fn(&R) -> Tone) -> Self {
        Self { tone, ..self }
    }
}

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

const STATE: u16 = 11;
const ADDRESS: u16 = 21;
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
            |it, _| opener(it.opener).to_owned(),
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
            |it, _| it.diagnosis.text.clone(),
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
            |it, _| closer(it.last.closer).to_owned(),
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

impl Rows {
    /// How many rows there are.
    #[must_use]
    pub fn len(&self) -> usize {
        match self {
            Self::None => 0,
            Self::Connections(rows) => rows.len(),
            Self::Groups(rows) => rows.len(),
            Self::Listeners(rows) => rows.len(),
            Self::Stuck(rows) => rows.len(),
            Self::Ends(rows) => rows.len(),
        }
    }

    /// Whether there are none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// What a row is.
    #[must_use]
    pub fn id(&self, at: usize) -> Option<RowId> {
        match self {
            Self::None => None,
            Self::Connections(rows) => rows.get(at).map(Row::id),
            Self::Groups(rows) => rows.get(at).map(Row::id),
            Self::Listeners(rows) => rows.get(at).map(Row::id),
            Self::Stuck(rows) => rows.get(at).map(Row::id),
            Self::Ends(rows) => rows.get(at).map(Row::id),
        }
    }

    /// Whose life can be looked at there.
    #[must_use]
    pub fn cookie(&self, at: usize) -> Option<Cookie> {
        match self {
            Self::None => None,
            Self::Connections(rows) => rows.get(at).and_then(Row::cookie),
            Self::Groups(rows) => rows.get(at).and_then(Row::cookie),
            Self::Listeners(rows) => rows.get(at).and_then(Row::cookie),
            Self::Stuck(rows) => rows.get(at).and_then(Row::cookie),
            Self::Ends(rows) => rows.get(at).and_then(Row::cookie),
        }
    }

    /// The word that `tcptrace explain` is asked for there.
    #[must_use]
    pub fn word(&self, at: usize) -> Option<&'static str> {
        match self {
            Self::None => None,
            Self::Connections(rows) => rows.get(at).and_then(Row::word),
            Self::Groups(rows) => rows.get(at).and_then(Row::word),
            Self::Listeners(rows) => rows.get(at).and_then(Row::word),
            Self::Stuck(rows) => rows.get(at).and_then(Row::word),
            Self::Ends(rows) => rows.get(at).and_then(Row::word),
        }
    }

    /// Sorts the rows by a column.
    pub fn sort(&mut self, column: usize, descending: bool, around: &Around) {
        match self {
            Self::None => {}
            Self::Connections(rows) => sort(rows, column, descending, around),
            Self::Groups(rows) => sort(rows, column, descending, around),
            Self::Listeners(rows) => sort(rows, column, descending, around),
            Self::Stuck(rows) => sort(rows, column, descending, around),
            Self::Ends(rows) => sort(rows, column, descending, around),
        }
    }
}

fn sort<R: Row>(rows: &mut [R], column: usize, descending: bool, around: &Around) {
    let Some(column) = R::COLUMNS.get(column) else {
        return;
    };
    // Equal ones stay as they are: what is unknown stands at the end.
    rows.sort_by(|a, b| {
        let (a, b) = ((column.key)(a, around), (column.key)(b, around));
        match (a == Key::None, b == Key::None) {
            (false, false) if descending => b.cmp(&a),
            (false, false) => a.cmp(&b),
            (a, b) => a.cmp(&b),
        }
    });
}

/// Keeps the first so many rows of a table, as it is sorted.
pub struct First<'a, R: Row> {
    column: &'static Column<R>,
    descending: bool,
    most: usize,
    around: &'a Around,
    rows: Vec<(Key, R)>,
    seen: u64,
}

impl<'a, R: Row> First<'a, R> {
    /// None yet, of at most so many.
    #[must_use]
    pub fn new(column: usize, descending: bool, most: usize, around: &'a Around) -> Self {
        Self {
            column: R::COLUMNS.get(column).unwrap_or(&R::COLUMNS[R::SORTED_BY]),
            descending,
            most: most.max(1),
            around,
            rows: Vec::new(),
            seen: 0,
        }
    }

    /// Takes a row.
    pub fn take(&mut self, row: R) {
        self.seen += 1;
        self.rows.push(((self.column.key)(&row, self.around), row));
        if self.rows.len() >= 2 * self.most {
            self.cut();
        }
    }

    fn cut(&mut self) {
        if self.rows.len() <= self.most {
            return;
        }
        let descending = self.descending;
        self.rows
            .select_nth_unstable_by(self.most - 1, |(a, _), (b, _)| {
                match (*a == Key::None, *b == Key::None) {
                    (false, false) if descending => b.cmp(a),
                    (false, false) => a.cmp(b),
                    (a, b) => a.cmp(&b),
                }
            });
        self.rows.truncate(self.most);
    }

    /// The rows, in no order, and how many there were in all.
    #[must_use]
    pub fn finish(mut self) -> (Vec<R>, u64) {
        self.cut();
        (self.rows.into_iter().map(|it| it.1).collect(), self.seen)
    }
}
