//! The beginning: attach first, then look at the sockets that are there, then join the two.

use std::time::Duration;

use anyhow::Result;
use nix::sys::signal::SigSet;

use super::{
    Live, LiveOptions, child::Launcher, holders::Holders, resync::Resync, signals::Blocked,
};
use crate::{
    filter::Filter,
    host::snapshot,
    host::{Cgroups, Clock, Links, monotonic_now, pid_namespace, silent_cgroup},
    model::{CgroupMade, Degraded, Event, Existing, State},
    privileges::{self, CapabilitySet},
    source::{
        decode,
        live::{Drained, Kernel, Metrics, Options},
    },
    track::{Limits, Tracker},
};

/// How many events are kept while the snapshot is taken; more stay in the ring buffer.
const MOST_EARLY: usize = 1 << 17;
/// The largest record, with its header in the ring buffer.
const LARGEST_RECORD: u32 = 344;

impl Live {
    /// Attaches to the kernel, then looks at the sockets that are there, then joins the two.
    ///
    /// # Errors
    /// [`KernelError`](crate::source::live::KernelError) when this machine can't be traced.
    pub fn attach(options: &LiveOptions, metrics: Metrics) -> Result<Self> {
        let before = SigSet::thread_get_mask()?;
        let signals = Blocked::new(!options.command.is_empty())?;
        let launcher = match options.command.as_slice() {
            [] => None,
            command => Some(Launcher::new(command, before)?),
        };
        privileges::keep(privileges::load() | privileges::ELSEWHERE | privileges::SIGNAL);
        let signals = signals.listen(options.limit.duration)?;
        let (mut kernel, mut reader) = Kernel::load(&Options {
            filter: &options.filter,
            buffer_bytes: options.buffer_bytes,
            follow: !options.command.is_empty(),
            metrics,
            pid_namespace: pid_namespace(),
            silent_cgroup: silent_cgroup(),
            log: options.kernel_log,
        })?;
        let mut tracker = Tracker::new(
            Limits::of(options.max_connections as usize),
            kernel.coverage,
        );
        let holders = Holders::start(options.filter.netns, kernel.coverage.accepts);

        let netns = options.filter.netns;
        kernel.degraded.extend(blind(netns));
        let looking = std::thread::spawn(move || (Cgroups::read(), snapshot::take(netns)));
        let mut early: Vec<Event> = Vec::new();
        let mut made: Vec<(u64, u64, Box<[u8]>)> = Vec::new();
        let mut lost_early = 0;
        let mut broken_records = 0;
        while !looking.is_finished() {
            reader.drain(
                MOST_EARLY - early.len() - made.len(),
                |drained| match drained {
                    Drained::Lost(events) => lost_early += events,
                    Drained::Record(record) if let Some(it) = CgroupMade::read(record) => {
                        made.push((it.id, it.parent, it.name.into()));
                    }
                    Drained::Record(record) => match decode(record, &kernel.symbols) {
                        Ok(event) => early.push(event),
                        Err(_) => broken_records += 1,
                    },
                },
            );
            std::thread::sleep(Duration::from_millis(1));
        }
        let (mut cgroups, mut snapshot) = looking.join().unwrap_or_default();
        let mut links = Links::default();
        links.hear(monotonic_now());
        for (netns, names) in snapshot.links.drain(..) {
            links.learn(netns, names);
        }
        for (id, parent, name) in &made {
            let (id, parent) = (*id, *parent);
            cgroups.made(&CgroupMade { id, parent, name });
        }
        // Otherwise it was told what is missing.
        if privileges::missing(CapabilitySet::SYS_ADMIN).count() == 0 {
            for failure in &snapshot.failures {
                log::warn!("the sockets that are there already are not all known: {failure}");
            }
        }
        // Of those that are not asked for, nobody would tell the end.
        for existing in snapshot
            .sockets
            .iter()
            .filter(|it| is_told_of(it, &options.filter))
        {
            tracker.seed(existing);
            if existing.state == State::Listen
                && let Some(pid) = existing.near
            {
                kernel.note_holder(pid);
            }
        }
        log::info!(
            "attached; {} sockets were there already, {} events came meanwhile",
            snapshot.sockets.len(),
            early.len()
        );

        let chunk = (options.buffer_bytes / LARGEST_RECORD / 2).clamp(1, 4096) as usize;
        let mut live = Self {
            kernel,
            reader,
            tracker,
            filter: options.filter.clone(),
            clock: Clock::new(),
            cgroups,
            links,
            chunk,
            looker: None,
            asked: false,
            resync: Resync::default(),
            enough: false,
            lost_early,
            broken_records,
            signals,
            launcher,
            holders,
        };
        if lost_early > 0 {
            live.tracker.note_loss();
        }
        live.catch_up(&early);
        Ok(live)
    }

    /// Applies what happened between attaching and the end of the snapshot. Nobody was promised
    /// to see it.
    fn catch_up(&mut self, early: &[Event]) {
        for event in early {
            self.tracker.apply(event, &mut |_| {});
        }
    }
}

/// Whether the kernel half tells of a socket: of listeners always.
pub(super) fn is_told_of(it: &Existing, filter: &Filter) -> bool {
    it.state == State::Listen || filter.matches_tuple(&it.tuple)
}

/// What can't be seen of the sockets that are there already, for want of a capability.
fn blind(netns: Option<u32>) -> impl Iterator<Item = Degraded> {
    // Who traces the own namespace alone need not enter another.
    let wanted = match netns {
        Some(inode) if snapshot::own() == Some(inode) => privileges::OWNERS,
        _ => privileges::ELSEWHERE,
    };
    privileges::missing(wanted).map(|it| Degraded {
        what: it.name,
        why: format!("{}: run it as root, or with {}", it.without, it.name),
    })
}
