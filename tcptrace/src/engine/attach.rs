//! The beginning of a live run: attach first, then look at the sockets that are there, then join the
//! two.

use std::{
    sync::mpsc::{self, RecvTimeoutError},
    thread,
    time::Duration,
};

use anyhow::Result;
use nix::sys::signal::SigSet;

use super::{
    AT_ONCE, Consumer, Engine, LiveOptions, child::Launcher, host::Host, notices, signals::Blocked,
};
use crate::{
    filter::Filter,
    host::{
        Cgroups, WorkloadReader, jiffies_per_second, kernel_release, monotonic_now, own_netns,
        pid_namespace, silent_cgroup, snapshot,
    },
    model::{CgroupMade, Degraded, Event, Existing, Machine, State, Why},
    privileges::{self, CapabilitySet},
    source::{
        Beginning, Source as _, Told,
        live::{Live, Metrics, Options},
    },
};

/// How many events are kept while the snapshot is taken; more stay in the ring buffer.
const MOST_EARLY: usize = 1 << 17;
/// The largest record, with its header in the ring buffer.
const LARGEST_RECORD: u32 = 344;

impl Engine<Live> {
    /// Attaches to the kernel, then looks at the sockets that are there, then joins the two.
    ///
    /// # Errors
    /// [`KernelError`](crate::model::KernelError) when this machine can't be traced.
    pub(super) fn attach(options: &LiveOptions, metrics: Metrics) -> Result<Self> {
        let before = SigSet::thread_get_mask()?;
        // Before anything else, so that no signal is missed.
        let signals = Blocked::new(!options.command.is_empty())?;
        let launcher = match options.command.as_slice() {
            [] => None,
            command => {
                notices::containers(command);
                Some(Launcher::new(command, before)?)
            }
        };
        privileges::keep(privileges::load() | privileges::ELSEWHERE | privileges::SIGNAL);
        let signals = signals.listen(options.run.duration)?;
        let filter = &options.run.filter;
        let source = Live::load(&Options {
            filter,
            buffer_bytes: options.buffer_bytes,
            follow: !options.command.is_empty(),
            metrics,
            pid_namespace: pid_namespace(),
            silent_cgroup: silent_cgroup(),
            log: options.kernel_log,
        })?;
        let coverage = source.coverage();
        let netns = filter.netns;
        let host = Host::new(netns, coverage.accepts);
        let degraded = source.degraded().iter().cloned().chain(blind(netns));
        let attached_ns = monotonic_now();
        let beginning = Beginning {
            mono_ns: attached_ns,
            machine: Machine {
                drops: None,
                kernel: kernel_release(),
                netns: own_netns(),
                jiffies_per_second: jiffies_per_second(),
                namespaces: None,
            },
            coverage,
            degraded: degraded.collect(),
            sockets: Vec::new(),
            remembered: Vec::new(),
            closed: Vec::new(),
            forks: Vec::new(),
            unsure: false,
            cgroups: Vec::new(),
            workloads: Vec::new(),
            links: Vec::new(),
        };

        let reader = containers_reader();
        // One piece is worked on while the next is made.
        let (pieces, looking) = mpsc::sync_channel(1);
        let look = thread::spawn(move || {
            let cgroups = Cgroups::read(reader);
            // Whoever does not listen any more needs none.
            snapshot::take_in_pieces(netns, |piece| drop(pieces.send(piece)));
            cgroups
        });
        let mut engine = Self {
            // Fewer records between two looks at the count of losses than fit into the ring buffer,
            // so that a loss is known before anything behind it is read.
            most: (options.buffer_bytes / LARGEST_RECORD / 2).clamp(1, AT_ONCE as u32) as usize,
            host: Some(host),
            signals: Some(signals),
            launcher,
            ..Self::new(source, beginning, &options.run)
        };
        let mut early = Early::default();
        let (mut there, mut failures) = (0, Vec::new());
        loop {
            early.read(&mut engine.source);
            match looking.recv_timeout(Duration::from_millis(1)) {
                Ok(piece) => {
                    there += piece.sockets.len();
                    failures.extend(piece.failures);
                    engine.seed(&piece.sockets);
                    for (netns, names) in piece.links {
                        engine.links.learn(netns, names);
                    }
                }
                Err(RecvTimeoutError::Timeout) => {}
                Err(RecvTimeoutError::Disconnected) => break,
            }
        }
        engine.cgroups = look.join().unwrap_or_default().only(&options.run.cgroups);
        engine.links.hear(monotonic_now());
        for (id, parent, name) in &early.cgroups {
            let (id, parent) = (*id, *parent);
            engine.cgroups.made(&CgroupMade { id, parent, name });
        }
        // Otherwise it was told what is missing.
        if privileges::missing(CapabilitySet::SYS_ADMIN).count() == 0 {
            for failure in failures {
                log::warn!("the sockets that are there already are not all known: {failure}");
            }
        }
        log::info!(
            "attached; {there} sockets were there already, {} events came meanwhile",
            early.events.len()
        );
        engine.lost_early = early.lost;
        if early.lost > 0 {
            engine.tracker.note_loss();
        }
        // What happened between attaching and the end of the snapshot, nobody was promised to see.
        // While some programs were attached and others not, the rest of it may have been missed:
        // the snapshot, made later, knows what became of it.
        for event in early.events.iter().filter(|it| it.time_ns() >= attached_ns) {
            engine.tracker.apply(event, &mut |_| {});
        }
        Ok(engine)
    }

    /// Takes sockets that were there already.
    fn seed(&mut self, sockets: &[Existing]) {
        // Of those that are not asked for, nobody would tell the end.
        for existing in sockets.iter().filter(|it| is_told_of(it, &self.filter)) {
            self.tracker.seed(existing);
            if existing.state == State::Listen
                && let Some(pid) = existing.near
            {
                self.source.note_holder(pid);
            }
        }
    }

    /// Keeps what is needed to look into namespaces later, to find out owners, and to pass on
    /// signals. Map look-ups take CAP_BPF where kernel.unprivileged_bpf_disabled is set, but not
    /// since Linux 5.19 (`__sys_bpf()`, kernel/bpf/syscall.c): that is tried.
    pub(super) fn give_up_privileges(&self, options: &LiveOptions, consumer: &impl Consumer) {
        let mut wanted = CapabilitySet::empty();
        let netns = options.run.filter.netns;
        if netns.is_none() || netns != own_netns() {
            wanted |= privileges::ELSEWHERE;
        }
        if consumer.asks_for_owners() {
            wanted |= privileges::OWNERS;
        }
        if !options.command.is_empty() {
            wanted |= privileges::SIGNAL;
        }
        privileges::keep_or_spare(wanted, CapabilitySet::BPF, || self.source.counts_losses());
    }
}

/// What is told before it is known what was there.
#[derive(Default)]
struct Early {
    events: Vec<Event>,
    /// Control groups: id, that of the one around it, and name.
    cgroups: Vec<(u64, u64, Box<[u8]>)>,
    lost: u64,
}

impl Early {
    fn read(&mut self, source: &mut Live) {
        let most = MOST_EARLY - self.events.len() - self.cgroups.len();
        source.next(monotonic_now(), most, |told| match told {
            Told::Event(event) => self.events.push(*event),
            Told::Lost(events) | Told::Unrecorded(events) => self.lost += events,
            Told::CgroupMade(it) => self.cgroups.push((it.id, it.parent, it.name.into())),
            Told::CgroupNamed { .. }
            | Told::Workload { .. }
            | Told::LinkNamed { .. }
            | Told::Namespace { .. }
            | Told::Dropped { .. }
            | Told::Stuck(_)
            | Told::Found(_) => {}
        });
    }
}

/// Starts the thread that reads files of container runtimes, with what that takes. `None`: no thread
/// could be made.
fn containers_reader() -> Option<WorkloadReader> {
    // It has what the one has that starts it.
    let starter = thread::spawn(|| {
        privileges::keep(privileges::CONTAINERS);
        WorkloadReader::start()
    });
    starter.join().ok()?.ok()
}

/// Whether the kernel half tells of a socket: of listeners always.
pub(super) fn is_told_of(it: &Existing, filter: &Filter) -> bool {
    it.state == State::Listen || filter.matches_tuple(&it.tuple)
}

/// What can't be seen of the sockets that are there already, for want of a capability, or in spite of
/// them.
fn blind(netns: Option<u32>) -> impl Iterator<Item = Degraded> {
    // Who traces the own namespace alone need not enter another.
    let wanted = match netns {
        Some(inode) if own_netns() == Some(inode) => privileges::OWNERS,
        _ => privileges::ELSEWHERE,
    };
    let missing = privileges::missing(wanted).map(|it| Degraded {
        what: it.name.into(),
        why: Why::Capability {
            name: it.name.into(),
            without: it.without.into(),
        },
    });
    let may_see = privileges::missing(privileges::OWNERS).count() == 0;
    let hidden = (may_see && snapshot::are_descriptors_hidden()).then_some(Degraded {
        what: "/proc/PID/fd".into(),
        why: Why::DescriptorsHidden,
    });
    missing.chain(hidden)
}
