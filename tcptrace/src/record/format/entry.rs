//! Entries of a block, one after another.

use super::{
    bytes::{Bytes, FormatError, Put},
    dropped, event, remembered,
    shared::Shared,
};
use crate::model::{
    CgroupMade, Closed, Cookie, DropCounts, Event, Existing, HolderAnswer, NamespaceSettings,
    Remembered, Tuple, Workload,
};

/// What the first byte of an entry says it is.
pub(super) mod kind {
    pub const SOCKET: u8 = 1;
    pub const MINISOCK: u8 = 2;
    pub const REQUEST: u8 = 3;
    pub const RESET_SENT: u8 = 4;
    pub const FIN_DROPPED: u8 = 5;
    pub const FORKED: u8 = 6;
    pub const ACCEPTED: u8 = 7;
    pub const SYN: u8 = 8;
    pub const PASSED: u8 = 16;
    pub const LOST: u8 = 17;
    pub const CGROUP_MADE: u8 = 18;
    pub const CGROUP_NAMED: u8 = 19;
    pub const LINK_NAMED: u8 = 20;
    pub const CLOCK: u8 = 21;
    pub const ADDRESSES: u8 = 22;
    pub const HOLDER: u8 = 23;
    pub const LOOK_BEGINS: u8 = 24;
    pub const SOCKET_SEEN: u8 = 25;
    pub const LOOK_ENDS: u8 = 26;
    pub const STUCK: u8 = 27;
    pub const NAMESPACE: u8 = 28;
    pub const WORKLOAD: u8 = 29;
    pub const DROPPED: u8 = 30;
    pub const REMEMBERED: u8 = 32;
    pub const CLOSED: u8 = 33;
}

/// Something that a recording tells.
#[derive(Clone, Debug)]
pub enum Entry<'a> {
    /// An event of the kernel.
    Event(Event),
    /// All that happened until then was told: CLOCK_MONOTONIC, ns.
    Passed(u64),
    /// So many events were lost before what is told next.
    Lost(u64),
    /// A control group was made.
    CgroupMade(CgroupMade<'a>),
    /// The path of a control group became known.
    CgroupNamed {
        /// Its id.
        id: u64,
        /// Its path below the root of all.
        path: &'a str,
    },
    /// What runs in a control group became known, beyond what its path tells.
    Workload {
        /// The control group's id.
        id: u64,
        /// What runs in it.
        workload: Workload,
    },
    /// The name of a network interface became known, or changed.
    LinkNamed {
        /// Inode number of its network namespace.
        netns: u32,
        /// Its index there.
        index: u32,
        /// Its name.
        name: &'a str,
    },
    /// The wall clock was set, or the machine was suspended.
    Clock {
        /// How far it is ahead of CLOCK_MONOTONIC now, ns.
        wall_ahead_ns: i64,
        /// For how long the machine was suspended, ns.
        suspended_ns: u64,
    },
    /// A look found the addresses and ports of a socket.
    Addresses(Cookie, Tuple),
    /// A look found who has a socket.
    Holder(HolderAnswer),
    /// After losses, a look at all sockets begins.
    LookBegins,
    /// That look found a socket.
    SocketSeen(Existing),
    /// That was all, in these network namespaces.
    LookEnds(Vec<u32>),
    /// How a network namespace is set up became known.
    Namespace {
        /// Its inode number.
        netns: u32,
        /// How it is set up.
        settings: NamespaceSettings,
    },
    /// A look at the listeners found what they had dropped by then.
    Dropped {
        /// When: CLOCK_MONOTONIC, ns.
        at_ns: u64,
        /// What they had dropped; `None`: as much as was told last.
        counts: Option<DropCounts>,
    },
    /// A connection was found to be stuck: JSON, what `tcptrace stuck` has to know of it.
    Stuck(&'a str),
    /// A connection that was remembered when a keyframe was made.
    Remembered(Remembered),
    /// A socket that had closed a moment before a keyframe was made: that it did may be told again.
    Closed(Closed),
}

/// Writes the entries of a block.
#[derive(Debug)]
pub struct EntryWriter {
    bytes: Vec<u8>,
    shared: Shared,
    count: u32,
    lost: u64,
    notable: bool,
    first_ns: u64,
    last_ns: u64,
}

impl EntryWriter {
    /// Begins a block in that memory, which is emptied. `first_ns`: no entry is of long before.
    #[must_use]
    pub fn new(mut bytes: Vec<u8>, first_ns: u64) -> Self {
        bytes.clear();
        Self {
            bytes,
            shared: Shared::new(first_ns),
            count: 0,
            lost: 0,
            notable: false,
            first_ns,
            last_ns: first_ns,
        }
    }

    /// Appends an event.
    #[inline]
    pub fn event(&mut self, it: &Event) {
        self.begin_at(it.time_ns());
        event::write(it, &mut self.bytes, &mut self.shared);
        self.count += 1;
        self.last_ns = self.last_ns.max(it.time_ns());
    }

    /// Times are told against that of the first entry, if it has one.
    fn begin_at(&mut self, time_ns: u64) {
        if self.count == 0 {
            self.first_ns = time_ns;
            self.last_ns = time_ns;
            self.shared.time_ns = time_ns;
        }
    }

    /// Appends an entry.
    pub fn write(&mut self, entry: &Entry<'_>) {
        if let Entry::Passed(until_ns) = entry {
            self.begin_at(*until_ns);
        }
        let (to, shared) = (&mut self.bytes, &mut self.shared);
        match entry {
            Entry::Event(it) => return self.event(it),
            Entry::Passed(until_ns) => {
                to.byte(kind::PASSED);
                shared.time(*until_ns, to);
                self.last_ns = self.last_ns.max(*until_ns);
            }
            Entry::Lost(events) => {
                self.notable = true;
                self.lost += events;
                to.byte(kind::LOST);
                to.number(*events);
            }
            Entry::CgroupMade(it) => {
                to.byte(kind::CGROUP_MADE);
                to.number(it.id);
                to.number(it.parent);
                to.text(it.name);
            }
            Entry::CgroupNamed { id, path } => {
                to.byte(kind::CGROUP_NAMED);
                to.number(*id);
                to.text(path.as_bytes());
            }
            Entry::Workload { id, workload } => {
                to.byte(kind::WORKLOAD);
                to.number(*id);
                to.text(&serde_json::to_vec(workload).unwrap_or_default());
            }
            Entry::LinkNamed { netns, index, name } => {
                to.byte(kind::LINK_NAMED);
                to.number((*netns).into());
                to.number((*index).into());
                to.text(name.as_bytes());
            }
            Entry::Clock {
                wall_ahead_ns,
                suspended_ns,
            } => {
                self.notable = true;
                to.byte(kind::CLOCK);
                to.bytes(&wall_ahead_ns.to_le_bytes());
                to.number(*suspended_ns);
            }
            Entry::Addresses(cookie, tuple) => {
                to.byte(kind::ADDRESSES);
                shared.cookie(Some(*cookie), to);
                shared.tuple(tuple, to);
            }
            Entry::Holder(answer) => {
                to.byte(kind::HOLDER);
                to.byte(u8::from(answer.owner.is_some()));
                shared.cookie(Some(answer.cookie), to);
                to.number(answer.since);
                if let Some(owner) = &answer.owner {
                    shared.owner(owner, to);
                }
            }
            Entry::LookBegins => to.byte(kind::LOOK_BEGINS),
            Entry::SocketSeen(it) => {
                to.byte(kind::SOCKET_SEEN);
                remembered::write_existing(it, to, shared);
            }
            Entry::LookEnds(namespaces) => {
                to.byte(kind::LOOK_ENDS);
                to.number(namespaces.len() as u64);
                for netns in namespaces {
                    to.number((*netns).into());
                }
            }
            Entry::Namespace { netns, settings } => {
                to.byte(kind::NAMESPACE);
                to.number((*netns).into());
                to.text(&serde_json::to_vec(settings).unwrap_or_default());
            }
            Entry::Dropped { at_ns, counts } => {
                to.byte(kind::DROPPED);
                shared.time(*at_ns, to);
                dropped::write(counts.as_ref(), to, shared);
            }
            Entry::Stuck(json) => {
                to.byte(kind::STUCK);
                to.text(json.as_bytes());
            }
            Entry::Remembered(it) => {
                to.byte(kind::REMEMBERED);
                remembered::write(it, to, shared);
            }
            Entry::Closed(it) => {
                to.byte(kind::CLOSED);
                shared.time(it.time_ns, to);
                shared.cookie(Some(it.cookie), to);
            }
        }
        self.count += 1;
    }

    /// So many bytes are written by now.
    #[must_use]
    pub fn len(&self) -> usize {
        self.bytes.len()
    }

    /// Nothing is written yet.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.count == 0
    }

    /// How many entries are written.
    #[must_use]
    pub fn count(&self) -> u32 {
        self.count
    }

    /// How many events it says were lost.
    #[must_use]
    pub fn lost(&self) -> u64 {
        self.lost
    }

    /// Whether it says that events were lost, or that the clock was set.
    #[must_use]
    pub fn is_notable(&self) -> bool {
        self.notable
    }

    /// When the first and the last thing in it happened: CLOCK_MONOTONIC, ns.
    #[must_use]
    pub fn times(&self) -> (u64, u64) {
        (self.first_ns, self.last_ns)
    }

    /// Ends the block.
    #[must_use]
    pub fn into_bytes(self) -> Vec<u8> {
        self.bytes
    }
}

/// Reads the entries of a block.
#[derive(Debug)]
pub struct EntryReader {
    shared: Shared,
    /// How many bytes were read.
    at: usize,
}

impl EntryReader {
    /// Begins with a block whose first thing happened then: CLOCK_MONOTONIC, ns.
    #[must_use]
    pub fn new(first_ns: u64) -> Self {
        Self {
            shared: Shared::new(first_ns),
            at: 0,
        }
    }

    /// Reads the next entry of the block, always of the same one; `None`: there are no more.
    ///
    /// # Errors
    /// For bytes that are none.
    #[inline]
    pub fn next<'a>(&mut self, block: &'a [u8]) -> Result<Option<Entry<'a>>, FormatError> {
        let mut from = Bytes(block.get(self.at..).unwrap_or_default());
        if from.is_empty() {
            return Ok(None);
        }
        let entry = self.read(&mut from)?;
        self.at = block.len() - from.0.len();
        Ok(Some(entry))
    }

    fn read<'a>(&mut self, from: &mut Bytes<'a>) -> Result<Entry<'a>, FormatError> {
        let shared = &mut self.shared;
        let tag = from.byte()?;
        if let Some(event) = event::read(tag, from, shared)? {
            return Ok(Entry::Event(event));
        }
        Ok(match tag {
            kind::PASSED => Entry::Passed(shared.read_time(from)?),
            kind::LOST => Entry::Lost(from.number()?),
            kind::CGROUP_MADE => Entry::CgroupMade(CgroupMade {
                id: from.number()?,
                parent: from.number()?,
                name: from.text()?,
            }),
            kind::CGROUP_NAMED => Entry::CgroupNamed {
                id: from.number()?,
                path: text(from)?,
            },
            kind::LINK_NAMED => Entry::LinkNamed {
                netns: from.small("a network namespace")?,
                index: from.small("a link")?,
                name: text(from)?,
            },
            kind::CLOCK => Entry::Clock {
                wall_ahead_ns: i64::from_le_bytes(from.array()?),
                suspended_ns: from.number()?,
            },
            kind::ADDRESSES => {
                let cookie = shared.read_cookie(from)?;
                let cookie = cookie.ok_or(FormatError::value("a cookie", 0_u64))?;
                Entry::Addresses(cookie, shared.read_tuple(from)?)
            }
            kind::HOLDER => {
                let flags = event::flags(from, 1)?;
                let cookie = shared.read_cookie(from)?;
                Entry::Holder(HolderAnswer {
                    cookie: cookie.ok_or(FormatError::value("a cookie", 0_u64))?,
                    since: from.number()?,
                    owner: match flags & 1 {
                        0 => None,
                        _ => Some(shared.read_owner(from)?),
                    },
                })
            }
            kind::LOOK_BEGINS => Entry::LookBegins,
            kind::SOCKET_SEEN => Entry::SocketSeen(remembered::read_existing(from, shared)?),
            kind::LOOK_ENDS => {
                let count = from.number()?;
                // Each takes a byte at least.
                if count > from.0.len() as u64 {
                    return Err(FormatError::Short);
                }
                let namespaces = (0..count).map(|_| from.small("a network namespace"));
                Entry::LookEnds(namespaces.collect::<Result<_, _>>()?)
            }
            kind::NAMESPACE => Entry::Namespace {
                netns: from.small("a network namespace")?,
                settings: serde_json::from_slice(from.text()?)
                    .map_err(|_| FormatError::value("settings of a network namespace", 0_u64))?,
            },
            kind::WORKLOAD => Entry::Workload {
                id: from.number()?,
                workload: serde_json::from_slice(from.text()?)
                    .map_err(|_| FormatError::value("what runs in a control group", 0_u64))?,
            },
            kind::DROPPED => Entry::Dropped {
                at_ns: shared.read_time(from)?,
                counts: dropped::read(from, shared)?,
            },
            kind::STUCK => Entry::Stuck(text(from)?),
            kind::REMEMBERED => Entry::Remembered(remembered::read(from, shared)?),
            kind::CLOSED => {
                let time_ns = shared.read_time(from)?;
                let cookie = shared.read_cookie(from)?;
                Entry::Closed(Closed {
                    time_ns,
                    cookie: cookie.ok_or(FormatError::value("a cookie", 0_u64))?,
                })
            }
            tag => return Err(FormatError::value("the kind of an entry", tag)),
        })
    }
}

fn text<'a>(from: &mut Bytes<'a>) -> Result<&'a str, FormatError> {
    std::str::from_utf8(from.text()?).map_err(|_| FormatError::value("a text's length", 0_u64))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::{Container, Runtime};

    #[test]
    fn what_runs_in_a_control_group_is_read_as_it_was_written() {
        for runtime in Runtime::ALL {
            let workload = Workload {
                container: Some(Container {
                    id: "a".to_owned(),
                    runtime: Some(runtime),
                    ..Container::default()
                }),
                ..Workload::default()
            };
            let mut entries = EntryWriter::new(Vec::new(), 0);
            entries.write(&Entry::Workload {
                id: 77,
                workload: workload.clone(),
            });
            let bytes = entries.into_bytes();
            // By the name that is shown everywhere.
            let name = format!("\"{}\"", runtime.name());
            assert!(String::from_utf8_lossy(&bytes).contains(&name), "{name}");
            match EntryReader::new(0).next(&bytes) {
                Ok(Some(Entry::Workload {
                    id: 77,
                    workload: it,
                })) => assert_eq!(it, workload),
                other => panic!("{other:?}"),
            }
        }
    }
}
