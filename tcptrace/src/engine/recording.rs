//! The recorder beside the loop: it is told what the state machine is told, as it comes.

use std::{
    collections::BTreeMap,
    path::PathBuf,
    sync::Arc,
    thread::{self, JoinHandle},
    time::{Duration, Instant},
};

use anyhow::{Context as _, Result};
use nix::sys::signal::SigSet;

use super::{
    Consumer, Engine, RunOptions,
    anonymous::{anonymous, whole_names},
    dropping::Dropping,
};
use crate::{
    host::{Cgroups, Looker, Namespaces, boot_id, host_name, monotonic_now, suspended},
    model::{
        CgroupMade, Cookie, DropCounts, DropLook, Event, Existing, HolderAnswer, Link,
        NamespaceSettings, Tuple, Workload,
    },
    output::say,
    privileges::{self, CapabilitySet},
    record::{
        Anonymizer, Limits, Progress, Recorder, Wanted, Worker,
        format::{Beginning, Entry, Namespace},
    },
    source::{Finding, Source, Told},
    track::Tracker,
};

/// What part of the time the thread may take that reads settings of namespaces.
const SHARE: u32 = 20;
/// So many namespaces wait to be looked into.
const MOST: usize = 4096;
/// What listeners dropped is recorded of so many at the most.
const MOST_LISTENERS: usize = 1 << 14;
/// What the kernel half tells twice, it tells within that, ns.
const TOLD_AGAIN_NS: u64 = 20_000_000;
/// How long those are waited for that are there in the beginning.
const PATIENCE: Duration = Duration::from_secs(2);

/// Where and how it is recorded.
#[derive(Clone, Debug)]
pub struct RecordingOptions {
    /// The folder.
    pub folder: PathBuf,
    /// When segments begin, and when they go.
    pub limits: Limits,
    /// Put other addresses and names in the place of the real ones.
    pub anonymize: bool,
}

/// A namespace, and what is found of it.
type Found = (u32, NamespaceSettings);

/// The recorder, with what it has to know of this machine.
pub(super) struct Recording {
    recorder: Recorder,
    worker: Option<JoinHandle<()>>,
    host: String,
    boot: String,
    filter: Vec<(String, String)>,
    max_connections: u32,
    suspended_ns: u64,
    namespaces: BTreeMap<u32, Option<NamespaceSettings>>,
    last_netns: u32,
    looker: Option<Looker<u32, Found>>,
    /// Namespaces that wait to be asked for.
    wanted: Vec<u32>,
    /// `None`: nobody is asked, as this is another machine, or no thread could be made.
    dropping: Option<Dropping>,
    /// What listeners had dropped when that was told last, as it was told.
    drops: Option<DropLook>,
    /// How many events had been told when it was.
    told_by_then: u64,
    other: Option<Anonymizer>,
}

impl Recording {
    /// Opens the folder, and starts the thread that writes there, which keeps no privilege but what
    /// it takes to give files to who called sudo. To be called before privileges are given up.
    ///
    /// # Errors
    /// When that can't be.
    pub fn open(options: &RecordingOptions, run: &RunOptions) -> Result<Self> {
        let opened = Recorder::open(&options.folder, options.limits.clone());
        let (recorder, worker) = opened?;
        let filter = run.asked();
        if options.anonymize {
            run.cgroups.iter().try_for_each(whole_names)?;
        }
        Ok(Self {
            recorder,
            worker: Some(start(worker)?),
            host: host_name(),
            boot: boot_id(),
            filter,
            max_connections: run.max_connections,
            suspended_ns: suspended(),
            namespaces: BTreeMap::new(),
            last_netns: 0,
            looker: None,
            wanted: Vec::new(),
            dropping: None,
            drops: None,
            told_by_then: 0,
            other: options.anonymize.then(Anonymizer::new).transpose()?,
        })
    }

    /// What the source told.
    #[inline]
    pub fn take(&mut self, told: &Told<'_>) {
        match told {
            Told::Event(event) => {
                match &mut self.other {
                    None => self.recorder.event(event),
                    Some(other) => self.recorder.event(&other.event(event)),
                }
                self.note_namespace(event);
            }
            Told::Lost(events) => self.lost(*events),
            Told::Unrecorded(events) => self.recorder.unrecorded(*events),
            Told::CgroupMade(made) => match &self.other {
                None => self.recorder.cgroup_made(made),
                Some(other) => {
                    let name = other.name(&String::from_utf8_lossy(made.name));
                    let name = name.as_bytes();
                    self.recorder.cgroup_made(&CgroupMade { name, ..*made });
                }
            },
            Told::CgroupNamed { id, path } => self.cgroup_named(*id, Some(path)),
            Told::Workload { id, workload } => self.workload(*id, workload),
            Told::LinkNamed { netns, index, name } => {
                if let Some(link) = Link::new(*index) {
                    self.link_named(*netns, link, name);
                }
            }
            Told::Namespace { netns, settings } => self.settings(*netns, (*settings).clone()),
            Told::Dropped { at_ns, counts } => self.dropped(*at_ns, *counts),
            // What it says of whom is its own.
            Told::Stuck(_) if self.other.is_some() => {}
            Told::Stuck(found) => self.recorder.note(&Entry::Stuck(found)),
            Told::Found(finding) => match finding {
                Finding::Addresses(cookie, tuple) => self.addresses(*cookie, *tuple),
                Finding::Holder(answer) => self.holder(*answer),
                Finding::LookBegins => self.look_begins(),
                Finding::Sockets {
                    sockets,
                    namespaces,
                } => self.sockets(sockets, namespaces),
            },
        }
    }

    fn cgroup_named(&mut self, id: u64, path: Option<&str>) {
        let other = self.other.as_ref().zip(path);
        let other = other.map(|(other, path)| other.path(path));
        self.recorder.cgroup_named(id, other.as_deref().or(path));
    }

    /// What runs in a control group.
    fn workload(&mut self, id: u64, workload: &Workload) {
        let workload = match &self.other {
            None => workload.clone(),
            Some(other) => other.workload(workload),
        };
        self.recorder.note(&Entry::Workload { id, workload });
    }

    fn link_named(&mut self, netns: u32, link: Link, name: &str) {
        match &self.other {
            None => self.recorder.link_named(netns, link, name),
            Some(other) => self.recorder.link_named(netns, link, &other.name(name)),
        }
    }

    /// What is to be recorded of what runs in a control group: what a path tells need not be, but where
    /// other names are recorded.
    fn told_of(&self, id: u64, cgroups: &mut Cgroups) -> Option<Arc<Workload>> {
        (cgroups.is_told(id) || self.other.is_some()).then_some(())?;
        cgroups.workload(id).filter(|it| !it.is_empty()).cloned()
    }

    /// How a namespace is set up.
    fn settings(&mut self, netns: u32, settings: NamespaceSettings) {
        self.recorder.note(&Entry::Namespace {
            netns,
            settings: settings.clone(),
        });
        self.namespaces.insert(netns, Some(settings));
    }

    /// What listeners had dropped by then. `None`: as much as was told last.
    fn dropped(&mut self, at_ns: u64, counts: Option<&DropCounts>) {
        self.told_by_then = self.recorder.told();
        let Some(counts) = counts else {
            if let Some(last) = &mut self.drops {
                last.at_ns = at_ns;
                let counts = None;
                self.recorder.note(&Entry::Dropped { at_ns, counts });
            }
            return;
        };
        // That it is long ago tells that it is not known any more.
        if counts.each().len() > MOST_LISTENERS {
            return;
        }
        let counts = match &mut self.other {
            None => counts.clone(),
            Some(other) => other.drops(counts),
        };
        let same = matches!(&self.drops, Some(last) if last.counts == counts);
        let told = (!same).then(|| counts.clone());
        self.drops = Some(DropLook { at_ns, counts });
        self.recorder.note(&Entry::Dropped {
            at_ns,
            counts: told,
        });
    }

    /// Looks at the listeners when it is time.
    fn look_at_listeners(&mut self, now: u64, tracker: &Tracker) {
        let quiet = self.recorder.told() == self.told_by_then;
        let Some(dropping) = &mut self.dropping else {
            return;
        };
        if let Some(found) = dropping.turn(now, quiet, || tracker.listened_in()) {
            self.dropped(found.at_ns, Some(&found.counts));
        }
    }

    /// Looks at them now, and waits for it, but not for long.
    fn look_at_listeners_now(&mut self, tracker: &Tracker) {
        let dropping = self.dropping.as_mut();
        if let Some(found) = dropping.and_then(|it| it.look(tracker.listened_in())) {
            self.dropped(found.at_ns, Some(&found.counts));
        }
    }

    /// Events were lost.
    pub fn lost(&mut self, events: u64) {
        self.recorder.note(&Entry::Lost(events));
    }

    /// A look found the addresses of a socket.
    pub fn addresses(&mut self, cookie: Cookie, tuple: Tuple) {
        let tuple = match &mut self.other {
            None => tuple,
            Some(other) => other.tuple(tuple),
        };
        self.recorder.note(&Entry::Addresses(cookie, tuple));
    }

    /// A look found who has a socket.
    pub fn holder(&mut self, answer: HolderAnswer) {
        let answer = match &self.other {
            None => answer,
            Some(other) => other.answer(answer),
        };
        self.recorder.note(&Entry::Holder(answer));
    }

    /// A look at all sockets begins.
    pub fn look_begins(&mut self) {
        self.recorder.note(&Entry::LookBegins);
    }

    /// What that look found.
    pub fn sockets(&mut self, sockets: &[Existing], namespaces: &[u32]) {
        for it in sockets {
            let it = match &mut self.other {
                None => *it,
                Some(other) => other.existing(*it),
            };
            self.recorder.note(&Entry::SocketSeen(it));
        }
        self.recorder.note(&Entry::LookEnds(namespaces.to_vec()));
    }

    fn note_namespace(&mut self, event: &Event) {
        let netns = match event {
            Event::Socket(it) => it.tuple.netns,
            Event::Request(it) => it.tuple.netns,
            Event::Minisock(_)
            | Event::ResetSent(_)
            | Event::FinDropped(_)
            | Event::Forked(_)
            | Event::Accepted(_)
            | Event::Syn(_) => return,
        };
        // Most events are of the same one.
        if netns != self.last_netns {
            self.last_netns = netns;
            self.want(netns);
        }
    }

    fn want(&mut self, netns: u32) {
        if self.namespaces.len() < MOST && !self.namespaces.contains_key(&netns) {
            self.namespaces.insert(netns, None);
            self.wanted.push(netns);
        }
    }

    /// Asks for the settings of namespaces that were not there before, and takes what was found.
    fn look_into_namespaces(&mut self) {
        if self.looker.is_none() && !self.wanted.is_empty() {
            self.looker = Looker::start("settings", MOST, SHARE, look_into).ok();
        }
        let Some(looker) = &self.looker else { return };
        while let Some(netns) = self.wanted.pop() {
            if looker.ask(netns).is_err() {
                self.wanted.push(netns);
                break;
            }
        }
        let mut found = Vec::new();
        while let Some((netns, settings)) = looker.answer() {
            found.push((netns, settings));
        }
        for (netns, settings) in found {
            self.settings(netns, settings);
        }
    }

    /// Looks into those that are there in the beginning, and waits for it, but not for long.
    fn look_first(&mut self) {
        self.look_into_namespaces();
        let end = Instant::now() + PATIENCE;
        let Some(looker) = &self.looker else { return };
        while self.namespaces.values().any(Option::is_none) {
            let left = end.saturating_duration_since(Instant::now());
            let Some((netns, settings)) = looker.answer_within(left) else {
                return;
            };
            self.namespaces.insert(netns, Some(settings));
        }
    }

    /// Waits until all is written.
    fn end(mut self) -> Progress {
        let outcome = self.recorder.end();
        if let Some(worker) = self.worker.take() {
            let _ = worker.join();
        }
        if let Some(failure) = outcome.failure() {
            say(format_args!("cannot write the recording: {failure}"));
        }
        outcome.progress()
    }
}

fn owned<'a>(all: impl Iterator<Item = (u64, &'a Workload)>) -> Vec<(u64, Workload)> {
    all.map(|(id, it)| (id, it.clone())).collect()
}

fn look_into(netns: u32) -> Found {
    let settings = Namespaces::find(netns, None).map(|it| NamespaceSettings {
        keepalive: it.keepalive().ok(),
        ports: it.port_range().ok(),
    });
    (netns, settings.unwrap_or_default())
}

/// Starts the thread that writes.
fn start(worker: Worker) -> Result<JoinHandle<()>> {
    let wanted = match worker.gives_away() {
        true => CapabilitySet::CHOWN,
        false => CapabilitySet::empty(),
    };
    let run = move || {
        // Signals are the loop's.
        let _ = SigSet::all().thread_block();
        worker.write_as_owner();
        privileges::keep(wanted);
        worker.run();
    };
    let thread = thread::Builder::new().name("recorder".to_owned());
    thread
        .spawn(run)
        .context("no thread can be made that writes the recording")
}

impl<S: Source> Engine<S> {
    /// Records what happens, from what is remembered by now on.
    ///
    /// # Errors
    /// When it can't be recorded there.
    pub fn recorded(self, options: &RecordingOptions, run: &RunOptions) -> Result<Self> {
        Ok(self.recorded_by(Recording::open(options, run)?))
    }

    pub(super) fn recorded_by(mut self, mut recording: Recording) -> Self {
        match &self.machine.namespaces {
            None => {
                for it in self.tracker.all_remembered() {
                    recording.want(it.tuple.netns);
                }
                recording.look_first();
                recording.dropping = Dropping::start().ok();
                recording.look_at_listeners_now(&self.tracker);
                self.told_until_ns = monotonic_now();
            }
            Some(known) => {
                for (netns, settings) in known {
                    recording.namespaces.insert(*netns, Some(settings.clone()));
                }
                if let Some(look) = &self.machine.drops {
                    recording.dropped(look.at_ns, Some(&look.counts));
                }
            }
        }
        self.recording = Some(recording);
        self.keyframe(Wanted::Segment);
        if self.lost_early > 0
            && let Some(recording) = &mut self.recording
        {
            recording.lost(self.lost_early);
        }
        self
    }

    /// Has written what is due, when all events up to `until_ns` were told.
    pub(super) fn turn_recording(
        &mut self,
        until_ns: u64,
        consumer: &mut impl Consumer,
    ) -> Result<()> {
        self.told_until_ns = until_ns;
        let now = self.now();
        let Some(recording) = &mut self.recording else {
            return Ok(());
        };
        let recorder = &mut recording.recorder;
        recorder.passed(until_ns);
        for id in recorder.wanted_cgroups() {
            recording.cgroup_named(id, self.cgroups.path(id));
            if let Some(workload) = recording.told_of(id, &mut self.cgroups) {
                recording.workload(id, &workload);
            }
        }
        for (netns, link) in recording.recorder.wanted_links() {
            let interface = self.links.at(netns, Some(link));
            if let Some(name) = interface.and_then(|it| it.name) {
                recording.link_named(netns, link, name);
            }
        }
        recording.look_into_namespaces();
        recording.look_at_listeners(now, &self.tracker);
        let before = &mut recording.suspended_ns;
        let suspended_ns = || {
            let now = suspended();
            now.saturating_sub(std::mem::replace(before, now))
        };
        let ahead_ns = self.clock.ahead_ns();
        let wanted = recording.recorder.turn(now, ahead_ns, suspended_ns);
        if let Some(failure) = recording.recorder.failure() {
            say(format_args!(
                "cannot write the recording: {failure}; what happens is lost until that is mended"
            ));
        }
        consumer.record(&mut recording.recorder, recording.other.as_mut())?;
        // What a look under way has seen begins before the keyframe would.
        if let Some(wanted) = wanted
            && !self.tracker.is_looking()
        {
            self.keyframe(wanted);
        }
        Ok(())
    }

    /// Records what became known of containers.
    pub(super) fn note_workloads(&mut self) {
        let news = self.cgroups.news();
        if let Some(recording) = &mut self.recording {
            for id in news {
                if let Some(workload) = recording.told_of(id, &mut self.cgroups) {
                    recording.workload(id, &workload);
                }
            }
        }
    }

    fn keyframe(&mut self, wanted: Wanted) {
        let Some(recording) = &mut self.recording else {
            return;
        };
        let began = Instant::now();
        let namespaces = recording.namespaces.iter();
        let beginning = Beginning {
            tcptrace: env!("CARGO_PKG_VERSION").to_owned(),
            host: recording.host.clone(),
            boot: recording.boot.clone(),
            kernel: self.machine.kernel.clone(),
            netns: self.machine.netns,
            jiffies_per_second: self.machine.jiffies_per_second,
            run: String::new(),
            number: 0,
            follows: None,
            lost_before: 0,
            mono_ns: self.told_until_ns,
            wall_ahead_ns: self.clock.ahead_ns(),
            began_ns: 0,
            coverage: self.coverage,
            degraded: self.degraded.clone(),
            filter: recording.filter.clone(),
            max_connections: recording.max_connections,
            unsure: self.tracker.is_unsure(),
            anonymized: false,
            namespaces: namespaces
                .filter_map(|(netns, settings)| {
                    let settings = settings.clone()?;
                    Some(Namespace {
                        netns: *netns,
                        settings,
                    })
                })
                .collect(),
            cgroups: self
                .cgroups
                .all()
                .map(|(id, path)| (id, path.to_owned()))
                .collect(),
            workloads: match &recording.other {
                None => owned(self.cgroups.all_told()),
                // Their paths tell nothing then.
                Some(_) => owned(self.cgroups.all_workloads()),
            },
            links: self
                .links
                .all()
                .map(|(netns, link, name)| (netns, link.get(), name.to_owned()))
                .collect(),
        };
        let forks = self.tracker.forks().into_iter().map(Event::Forked);
        let closed = self
            .tracker
            .closed_since(self.told_until_ns.saturating_sub(TOLD_AGAIN_NS));
        let drops = recording.drops.clone().map(|it| Entry::Dropped {
            at_ns: it.at_ns,
            counts: Some(it.counts),
        });
        let others = forks.map(Entry::Event).chain(closed.map(Entry::Closed));
        let others = others.chain(drops);
        let remembered = self.tracker.all_remembered();
        match &mut recording.other {
            None => {
                let remembered = remembered.map(Entry::Remembered).chain(others);
                recording.recorder.keyframe(wanted, beginning, remembered);
            }
            Some(other) => {
                let beginning = anonymous(beginning, other);
                let remembered = remembered.map(|it| Entry::Remembered(other.remembered(it)));
                let remembered = remembered.chain(others);
                recording.recorder.keyframe(wanted, beginning, remembered);
            }
        }
        log::debug!("a keyframe took {:?}", began.elapsed());
    }

    /// Has the rest written; how many events could not be.
    pub(super) fn end_recording(&mut self, consumer: &mut impl Consumer) -> u64 {
        let Some(mut recording) = self.recording.take() else {
            return 0;
        };
        recording.look_at_listeners_now(&self.tracker);
        let progress = recording.end();
        consumer.recorded(&progress);
        progress.lost
    }
}
