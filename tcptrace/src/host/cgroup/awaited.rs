//! Files of container runtimes that are to tell more of control groups: who reads them, and when.

use std::{
    io,
    time::{Duration, Instant},
};

use rustc_hash::FxHashMap;

use crate::{
    host::{Looker, Place, RuntimeFiles},
    model::Workload,
};

/// After how long files of a container's runtime that are not there are looked for again, each time:
/// some runtimes write them when the cgroup is made already.
const AGAIN: [Duration; 4] = [
    Duration::from_millis(30),
    Duration::from_millis(150),
    Duration::from_millis(600),
    Duration::from_secs(2),
];
/// So many wait to be looked for.
const MOST_ASKED: usize = 256;
/// So many are awaited.
const MOST: usize = 1 << 16;
/// How long lines wait for the names in them, ns; and at the most, where these decide whether they are
/// asked for and another source than this machine tells them.
const NAMES_WAIT_NS: u64 = 100_000_000;
const LONGEST_WAIT_NS: u64 = 3_000_000_000;
/// What part of a CPU reading files takes at the most.
const SHARE: u32 = 5;

/// What the files of a cgroup's container tell; `None`: they are not there.
type Answer = (u64, Option<Workload>);

/// Reads files of container runtimes, on a thread of its own.
#[derive(Debug)]
pub struct Reader(Looker<(u64, Place), Answer>);

impl Reader {
    /// Starts the thread, with the privileges of the one that starts it: it needs no other than
    /// CAP_DAC_READ_SEARCH.
    ///
    /// # Errors
    /// When no thread can be made.
    pub fn start() -> io::Result<Self> {
        let files = RuntimeFiles::default();
        let read = move |(id, place): (u64, Place)| (id, files.more(&place));
        Looker::start("containers", MOST_ASKED, SHARE, read).map(Self)
    }
}

/// Where files of runtimes are read.
#[derive(Debug, Default)]
pub(super) enum Files {
    /// Nowhere: of another machine's cgroups.
    #[default]
    No,
    /// Elsewhere: what they told is told later.
    Told,
    /// Where a workload is asked for.
    Here(RuntimeFiles),
    /// On a thread.
    Apart(Reader),
}

/// The cgroups of which files are to tell more, by id.
#[derive(Debug, Default)]
pub(super) struct Awaited {
    files: Files,
    pending: FxHashMap<u64, Pending>,
    /// The time by now, as the source has it: CLOCK_MONOTONIC, ns.
    now_ns: u64,
}

/// Files that are to be read.
#[derive(Clone, Copy, Debug)]
struct Pending {
    /// CLOCK_MONOTONIC, ns.
    since_ns: u64,
    /// When they are looked for next; `None`: that goes on.
    due: Option<Instant>,
    /// How often they were not there.
    tries: usize,
}

impl Awaited {
    /// From those files.
    pub fn of(files: Files) -> Self {
        Self {
            files,
            ..Self::default()
        }
    }

    /// Files are read, somewhere.
    pub fn are_read(&self) -> bool {
        !matches!(self.files, Files::No)
    }

    /// They are read elsewhere: by another tracer, or on another machine.
    pub fn are_told(&self) -> bool {
        matches!(self.files, Files::Told)
    }

    /// What they tell comes later than what paths tell.
    pub fn come_later(&self) -> bool {
        matches!(self.files, Files::Apart(_) | Files::Told)
    }

    /// None is awaited.
    pub fn is_empty(&self) -> bool {
        self.pending.is_empty()
    }

    /// Whether that one is.
    pub fn contains(&self, id: u64) -> bool {
        self.pending.contains_key(&id)
    }

    /// Awaits it.
    pub fn add(&mut self, id: u64) {
        if self.pending.len() < MOST {
            let pending = Pending {
                since_ns: self.now_ns,
                due: Some(Instant::now()),
                tries: 0,
            };
            self.pending.entry(id).or_insert(pending);
        }
    }

    /// Awaits it no more.
    pub fn remove(&mut self, id: u64) {
        self.pending.remove(&id);
    }

    /// Whether lines of one had better wait: for a tenth of a second; where names `decide` whether it
    /// is asked for, until they are given up.
    pub fn holds(&self, id: u64, decide: bool) -> bool {
        let pending = self.pending.get(&id);
        pending.is_some_and(|it| decide || self.now_ns.saturating_sub(it.since_ns) < NAMES_WAIT_NS)
    }

    /// How long until there is something to be asked, or heard; `None`: nothing is awaited.
    pub fn due(&self) -> Option<Duration> {
        let now = Instant::now();
        let due = self.pending.values().map(|it| match it.due {
            Some(due) => due.saturating_duration_since(now),
            None => Duration::ZERO,
        });
        due.min()
    }

    /// It is `now_ns` for the source: CLOCK_MONOTONIC. Whoever reads them elsewhere has given up what
    /// was not told by now.
    pub fn pass(&mut self, now_ns: u64) {
        self.now_ns = self.now_ns.max(now_ns);
        if self.are_told() {
            let since = self.now_ns.saturating_sub(LONGEST_WAIT_NS);
            self.pending.retain(|_, it| it.since_ns >= since);
        }
    }

    /// What the thread has told.
    pub fn answer(&mut self) -> Option<(u64, Workload)> {
        loop {
            let Files::Apart(Reader(looker)) = &self.files else {
                return None;
            };
            let (id, found) = looker.answer()?;
            if let Some(workload) = self.hear(id, found) {
                return Some((id, workload));
            }
        }
    }

    /// The same, waiting for an answer that long.
    pub fn answer_within(&mut self, at_most: Duration) -> Option<(u64, Workload)> {
        let Files::Apart(Reader(looker)) = &self.files else {
            return None;
        };
        let (id, found) = looker.answer_within(at_most)?;
        Some((id, self.hear(id, found)?))
    }

    /// An answer is on its way.
    pub fn are_asked(&self) -> bool {
        matches!(self.files, Files::Apart(_)) && self.pending.values().any(|it| it.due.is_none())
    }

    /// Has the thread look for those that are due. `place`: of a cgroup, as far as it is known.
    pub fn ask(&mut self, place: impl Fn(u64) -> Option<Place>) {
        let Files::Apart(Reader(looker)) = &self.files else {
            return;
        };
        let now = Instant::now();
        for (id, it) in &mut self.pending {
            if it.due.is_some_and(|due| due <= now)
                && let Some(place) = place(*id)
            {
                // Where there is no room for it, it is asked for later.
                if looker.ask((*id, place)).is_err() {
                    break;
                }
                it.due = None;
            }
        }
    }

    /// Reads those of one now, where nobody minds waiting.
    pub fn read_here(&mut self, id: u64, place: impl Fn(u64) -> Option<Place>) -> Option<Workload> {
        let Files::Here(files) = &self.files else {
            return None;
        };
        let place = self.pending.contains_key(&id).then(|| place(id))??;
        self.pending.remove(&id);
        files.more(&place)
    }

    fn hear(&mut self, id: u64, found: Option<Workload>) -> Option<Workload> {
        let pending = self.pending.get_mut(&id)?;
        if found.is_none()
            && let Some(later) = AGAIN.get(pending.tries)
        {
            pending.tries += 1;
            pending.due = Some(Instant::now() + *later);
            return None;
        }
        self.pending.remove(&id);
        found
    }
}
