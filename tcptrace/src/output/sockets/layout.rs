//! Which columns a table of sockets has.

use crate::{
    host::{Interface, Links, Socket},
    output::{
        address::{Address, IPV4, IPV6, LONGEST, of_remote},
        line::columns,
        process::Process,
    },
};

/// The longest name of a state.
pub(super) const STATE: usize = 11;
/// Bytes below a million.
pub(super) const QUEUE: usize = 6;
/// `retransmit×15`.
pub(super) const TIMER: usize = 13;
pub(super) const DURATION: usize = 6;
/// `drop 9999`.
pub(super) const NOTE: usize = 9;

/// Which columns there are, and how wide, in characters.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct SocketLayout {
    pub(super) queues: bool,
    pub(super) local: usize,
    pub(super) remote: usize,
    pub(super) timer: bool,
    pub(super) age: bool,
    pub(super) process: usize,
    pub(super) note: bool,
    /// Lines are cut there.
    pub(super) width: usize,
    /// Only characters of ASCII.
    pub(super) ascii: bool,
}

impl SocketLayout {
    /// For a terminal of so many columns, or a file (`None`), where nothing is cut.
    #[must_use]
    pub fn new(columns: Option<usize>, ascii: bool) -> Self {
        let width = columns.unwrap_or(usize::MAX);
        let mut layout = Self {
            queues: true,
            local: IPV4,
            remote: IPV4,
            timer: true,
            age: true,
            process: 12,
            note: true,
            width,
            ascii,
        };
        let drops: [fn(&mut Self); 4] = [
            |it| it.queues = false,
            |it| it.age = false,
            |it| it.timer = false,
            |it| it.note = false,
        ];
        for drop in drops {
            if layout.needs() > width {
                drop(&mut layout);
            }
        }
        if columns.is_some() {
            // Room that is left goes to names and long addresses.
            let mut room = width.saturating_sub(layout.needs());
            let more = room.min(23 - layout.process);
            layout.process += more;
            room -= more;
            layout.local += (room / 2).min(IPV6 - IPV4);
            layout.remote += (room / 2).min(IPV6 - IPV4);
        }
        layout
    }

    /// The columns that the widest line takes.
    fn needs(&self) -> usize {
        let optional = |there: bool, width: usize| if there { width + 1 } else { 0 };
        STATE
            + optional(self.queues, QUEUE + 1 + QUEUE)
            + 1
            + self.local
            + 1
            + self.remote
            + optional(self.timer, TIMER + 1 + DURATION)
            + optional(self.age, DURATION)
            + 1
            + self.process
            + optional(self.note, NOTE)
    }

    /// In a file, the columns are as wide as what is in them.
    pub(super) fn fitting(mut self, sockets: &[Socket], links: &mut Links) -> Self {
        if self.width != usize::MAX {
            return self;
        }
        let (ascii, width) = (self.ascii, LONGEST);
        let address = |end, on: Option<Interface<'_>>| {
            let address = Address {
                end,
                on,
                width,
                ascii,
            };
            columns(&address.to_string())
        };
        (self.local, self.remote) = ("LOCAL".len(), "REMOTE".len());
        self.process = "PROCESS".len();
        for it in sockets {
            let on = links.of(&it.tuple);
            let (local, remote) = (it.tuple.local, it.tuple.remote);
            self.local = self.local.max(address(local, on));
            self.remote = self.remote.max(address(remote, of_remote(remote, on)));
            let process = Process {
                owner: &it.owner,
                others: it.holders.len().saturating_sub(1),
                width,
                ascii,
            };
            self.process = self.process.max(columns(&process.to_string()));
        }
        self
    }

    /// How long an address may be in a column: in a file, longer than the column.
    pub(super) fn longest(&self, column: usize) -> usize {
        if self.width == usize::MAX {
            LONGEST
        } else {
            column
        }
    }
}
