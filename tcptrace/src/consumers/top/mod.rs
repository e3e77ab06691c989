//! Keeps what `top` shows, and hands it to the screen.

mod gathered;

use std::{
    collections::VecDeque,
    io,
    ops::ControlFlow,
    time::{Duration, Instant},
};

use self::gathered::Gathered;
use super::{due::Due, is_asked_for, looks::Looks, stuck::StuckNow};
use crate::{
    aggregate::{
        Pulse,
        stats::{At, Lately, TakenPorts, fullest},
    },
    diagnose::Thresholds,
    engine::{Consumer, Player},
    filter::Filter,
    host::{Cgroups, Clock, Holder, Looker, Socket, snapshot::all_who_have},
    model::{
        Cookie, HolderQuestion, Known as _, Machine, NamespaceSettings, Reason, State, Transition,
        ns,
    },
    output::{Context, End, Json, ShownSockets, ShownStuck, Start, View, held_messages},
    screen::{
        Alarms, EndRow, Life, Lines, MOST_ROWS, Ports, ReplayState, Search, Show, Snapshot, Tab,
        Travel, Wish,
    },
    track::Tracker,
};

/// How often the screen is told, at the most.
const OFTEN: Duration = Duration::from_millis(100);
/// How often what is in each state is counted anew, ns: what was lost is not in the sums.
const COUNT_NS: u64 = 10_000_000_000;
/// How often the ports that are taken are counted, ns.
const PORTS_NS: u64 = 5_000_000_000;
/// How often it is looked again who holds the connection that is looked at, ns; and what part of
/// the time that may take.
const HOLDERS_NS: u64 = 2_000_000_000;
const HOLDERS_SHARE: u32 = 20;
/// So many transitions are remembered, for the lives of connections.
const MOST_STEPS: usize = 1 << 15;
/// So many ends are remembered.
const MOST_ENDS: usize = 2_000;

/// A connection, and all processes that hold it; `None`: it can't be told.
type HeldBy = (Cookie, Option<Vec<Holder>>);

/// What is shown to who looks at the machine live.
pub struct Top {
    show: Show,
    filter: Filter,
    pulse: Pulse,
    stuck: StuckNow,
    steps: VecDeque<Transition>,
    /// Some were remembered, and are not any more.
    forgot_steps: bool,
    ends: VecDeque<EndRow>,
    ended: u64,
    looks: Looks,
    ports: Option<Ports>,
    ports_before: Option<Lately>,
    lost: u64,
    /// What is in each state was counted, and nothing was lost since.
    counted: bool,
    began_ns: Option<u64>,
    next: u64,
    count: Due,
    port_count: Due,
    rows: Due,
    /// What the rows that were handed over last were chosen by.
    wish: Wish,
    replay: Option<ReplayState>,
    /// Where to go in a recording.
    travel: Option<Travel>,
    /// Looks for all processes that hold the connection whose life is looked at.
    holders: Option<Looker<HolderQuestion, HeldBy>>,
    /// Those of that one, when they were asked for last (CLOCK_MONOTONIC, ns).
    held_by: Option<(Cookie, u64, Option<Vec<Holder>>)>,
    /// The sockets are this machine's.
    here: bool,
    jiffy_ns: u64,
    /// The first event at that time or later ends the way there, if it is asked for.
    stops_at: Option<u64>,
}

impl Top {
    /// Shows those that `filter` lets through.
    #[must_use]
    pub fn new(show: Show, filter: Filter, thresholds: Thresholds) -> Self {
        Self {
            show,
            stuck: StuckNow::new(filter.clone(), thresholds),
            filter,
            pulse: Pulse::default(),
            steps: VecDeque::new(),
            forgot_steps: false,
            ends: VecDeque::new(),
            ended: 0,
            looks: Looks::default(),
            ports: None,
            ports_before: None,
            lost: 0,
            counted: false,
            began_ns: None,
            next: 0,
            count: Due::default(),
            port_count: Due::default(),
            rows: Due::default(),
            wish: Wish::default(),
            replay: None,
            travel: None,
            stops_at: None,
            holders: None,
            held_by: None,
            here: true,
            jiffy_ns: 0,
        }
    }

    /// Counts what is in each state, now and then.
    fn count(&mut self, known: &Tracker, now: u64, cgroups: &mut Cgroups) {
        if known.is_unsure() {
            // Nobody knows before the sockets were looked at.
            self.pulse.set_now(None);
            self.counted = false;
            return;
        }
        if self.counted && !self.count.is_over(now) {
            return;
        }
        let began = Instant::now();
        let mut states = [0_u64; State::ALL.len()];
        for it in known.connections() {
            if is_asked_for(&self.filter, &it, cgroups) {
                states[it.state as usize] += 1;
            }
        }
        self.pulse.set_now(Some(states));
        self.counted = true;
        self.count.done(now, COUNT_NS, began.elapsed());
    }

    /// Counts the ports that are taken, now and then.
    fn count_ports(&mut self, known: &Tracker, now: u64, cgroups: &mut Cgroups) {
        self.looks.take();
        if !self.port_count.is_over(now) {
            return;
        }
        let began = Instant::now();
        self.looks.ask(known, false);
        let lately = self.ports_before.as_ref().map_or(now, |it| it.at_ns);
        let taken = TakenPorts::of(
            known,
            At { now, lately },
            |it| is_asked_for(&self.filter, it, cgroups),
            |netns| self.looks.ranges.get(&netns).and_then(Option::as_ref),
        );
        let before = self.ports_before.as_ref();
        let routes = fullest(&taken, before, now, &self.looks.ranges, 1);
        self.ports = routes.first().map(|it| Ports {
            remote: it.route.remote,
            port: it.route.port,
            taken: it.taken.held(),
            available: it.available,
            exhausted_in_s: it.outlook.and_then(|it| it.exhausted_in_s),
        });
        self.ports_before = Some(Lately { at_ns: now, taken });
        self.port_count.done(now, PORTS_NS, began.elapsed());
    }

    fn alarms(&self, known: &Tracker, now: u64) -> Alarms {
        use Reason::{
            KeepaliveTimeout, Overflow, Refused, ResetByPeer, ResetByUs, TimedOut, Unreachable,
        };
        Alarms {
            stuck: self.stuck.count(),
            resets: self.pulse.rate_of(&[ResetByPeer, ResetByUs], now),
            failures: self
                .pulse
                .rate_of(&[Refused, TimedOut, Unreachable, KeepaliveTimeout], now),
            overflows: self.pulse.rate_of(&[Overflow], now),
            ports: self.ports,
            lost: self.lost,
            forgotten: known.forgotten(),
        }
    }

    /// What is handed over, as the screen wants it.
    fn snapshot(
        &mut self,
        wish: &Wish,
        known: &Tracker,
        now: u64,
        around: &mut Context<'_>,
    ) -> io::Result<Snapshot> {
        if let Some(cookie) = wish.opened {
            self.ask_for_holders(cookie, known, now);
        }
        let mut shown = Snapshot {
            now_ns: now,
            wall_ns: around.clock.wall(now),
            began_ns: self.began_ns.unwrap_or(now),
            states: State::ALL.map(|state| self.pulse.beat(state, now)),
            traffic: self.pulse.traffic(now),
            alarms: self.alarms(known, now),
            transitions: self.pulse.transitions(),
            life: wish
                .opened
                .map(|cookie| self.life(cookie, known, around.cgroups)),
            replay: self.replay,
            event: self.replay.and(self.steps.back().copied()),
            messages: held_messages(),
            ..Snapshot::default()
        };
        let same = self.wish.tab == wish.tab
            && self.wish.sort == wish.sort
            && self.wish.descending == wish.descending
            && self.wish.search.text() == wish.search.text();
        if (!same || self.rows.is_over(now)) && !wish.frozen {
            let began = Instant::now();
            let table = Gathered::of(self, wish, known, now, around);
            shown.of = Some(wish.tab);
            shown.matching = table.matching;
            shown.rows = table.rows;
            self.rows.done(now, ns(OFTEN), began.elapsed());
            self.wish = wish.clone();
        }
        if wish.lines {
            shown.lines = Some(self.lines(wish, known, now, around)?);
        }
        Ok(shown)
    }

    /// Asks who holds a connection, now and then.
    fn ask_for_holders(&mut self, cookie: Cookie, known: &Tracker, now: u64) {
        let Some(looker) = &self.holders else {
            if self.here {
                let look = |it: HolderQuestion| (it.cookie, all_who_have(&it));
                self.holders = Looker::start("holders", 1, HOLDERS_SHARE, look).ok();
            }
            return;
        };
        if let Some((cookie, found)) = looker.answer() {
            self.held_by = Some((cookie, now, found));
        }
        let fresh = self
            .held_by
            .as_ref()
            .is_some_and(|(of, at, _)| *of == cookie && now.saturating_sub(*at) < HOLDERS_NS);
        if fresh {
            return;
        }
        if let Some(it) = known.connection(cookie) {
            // Where the last one is looked for still, this one is asked for later.
            let _ = looker.ask(HolderQuestion {
                cookie,
                tuple: it.tuple,
                listener: it.state == State::Listen,
                near: it.owner.process.and_then(|it| it.pid),
            });
        }
    }

    /// What was seen of a connection.
    fn life(&self, cookie: Cookie, known: &Tracker, cgroups: &mut Cgroups) -> Life {
        let mut steps: Vec<Transition> = self
            .steps
            .iter()
            .filter(|it| it.cookie == Some(cookie))
            .copied()
            .collect();
        // Before it had a socket, it was known by its addresses.
        if let Some(first) = steps.first().copied()
            && first.from == State::SynRecv
        {
            let request = self.steps.iter().rev().find(|it| {
                it.cookie.is_none() && it.tuple == first.tuple && it.time_ns <= first.time_ns
            });
            steps.splice(0..0, request.copied());
        }
        let now = known.connection(cookie);
        let begins = steps
            .first()
            .is_some_and(|it| matches!(it.from, State::Closed | State::Listen));
        let held_by = self.held_by.as_ref().filter(|it| it.0 == cookie);
        // Jiffies are told by their lower 32 bits.
        let idle = steps.last().and_then(|it| it.measured).map(|it| {
            let since = |at: u32| it.now.wrapping_sub(at);
            u64::from(since(it.last_sent).min(since(it.last_received)))
        });
        let owner = match (&now, steps.last()) {
            (_, Some(last)) => Some(last.owner),
            (Some(now), None) => Some(now.owner),
            (None, None) => None,
        };
        let cgroup = owner.and_then(|it| it.cgroup);
        let (path, workload) = match cgroup {
            Some(id) => cgroups.path_and_workload(id.get()),
            None => (None, None),
        };
        Life {
            cookie,
            cgroup: path.map(str::to_owned),
            workload: workload.cloned().unwrap_or_default(),
            holders: held_by.and_then(|it| it.2.clone()),
            idle_ns: idle
                .filter(|_| self.jiffy_ns > 0)
                .map(|jiffies| jiffies * self.jiffy_ns),
            cut: self.forgot_steps && !steps.is_empty() && !begins,
            steps,
            now: now.map(|it| (it.state, it.since)),
            stuck: self.stuck.get(cookie).cloned().map(Box::new),
        }
    }

    /// What is shown, as lines of JSON.
    fn lines(
        &self,
        wish: &Wish,
        known: &Tracker,
        now: u64,
        around: &mut Context<'_>,
    ) -> io::Result<Lines> {
        let mut json = Vec::new();
        let mut count = 0;
        if let Some(cookie) = wish.opened {
            let mut view = Json::new(&mut json);
            for it in self.life(cookie, known, around.cgroups).steps {
                View::<Transition>::show(&mut view, &it, around)?;
                count += 1;
            }
            View::<Transition>::flush(&mut view)?;
        } else if wish.tab == Tab::Stuck {
            let mut view = Json::new(&mut json);
            for it in self.stuck_rows(&wish.search, now, around.cgroups) {
                view.show(&it, around)?;
                count += 1;
            }
            View::<ShownStuck>::flush(&mut view)?;
        } else if wish.tab == Tab::Ends {
            let mut view = Json::new(&mut json);
            for it in &self.ends {
                if wish.search.matches_transition(&it.last, around.cgroups) {
                    View::<Transition>::show(&mut view, &it.last, around)?;
                    count += 1;
                }
            }
            View::<Transition>::flush(&mut view)?;
        } else {
            let listeners = wish.tab == Tab::Listeners;
            let mut sockets = Vec::new();
            for it in known.connections() {
                if (!listeners || it.state == State::Listen)
                    && is_asked_for(&self.filter, &it, around.cgroups)
                    && wish.search.matches(&it, around.cgroups)
                {
                    sockets.push(Socket::of(&it, now));
                }
                if sockets.len() == MOST_ROWS {
                    break;
                }
            }
            count = sockets.len() as u64;
            ShownSockets {
                wall_ns: around.clock.wall(now),
                sockets: &sockets,
                cgroups: around.cgroups,
                links: around.links,
            }
            .json(&mut json)?;
        }
        Ok(Lines { json, count })
    }

    /// Connections that are stuck, held until now.
    fn stuck_rows(&self, search: &Search, now: u64, cgroups: &mut Cgroups) -> Vec<ShownStuck> {
        let asked_for = self
            .stuck
            .iter()
            .filter(|it| search.matches(&it.connection, cgroups));
        asked_for
            .map(|it| {
                let mut it = it.clone();
                let since = now.saturating_sub(it.mono_ns);
                it.held.ns = it.held.ns.map(|ns| ns.saturating_add(since));
                it
            })
            .collect()
    }
}

impl Consumer for Top {
    fn begin(&mut self, known: &Tracker, machine: &Machine) {
        if let Some(namespaces) = &machine.namespaces {
            self.looks = Looks::known(namespaces);
        }
        self.here = machine.namespaces.is_none();
        self.jiffy_ns = 1_000_000_000 / u64::from(machine.jiffies_per_second.max(1));
        self.stuck.begin(known, machine);
    }

    fn start(&mut self, _: &Start, _: &Clock) -> io::Result<()> {
        Ok(())
    }

    fn transition(
        &mut self,
        it: &Transition,
        around: &mut Context<'_>,
    ) -> io::Result<ControlFlow<()>> {
        self.pulse.take(it);
        if self.steps.len() == MOST_STEPS {
            self.steps.pop_front();
            self.forgot_steps = true;
        }
        self.steps.push_back(*it);
        if it.to == State::Closed && it.from != State::Listen {
            if self.ends.len() == MOST_ENDS {
                self.ends.pop_front();
            }
            self.ends.push_back(EndRow {
                number: self.ended,
                wall_ns: around.clock.wall(it.time_ns),
                last: *it,
            });
            self.ended += 1;
        }
        if self.stops_at.is_some_and(|at| it.time_ns >= at)
            && self.wish.search.matches_transition(it, around.cgroups)
        {
            return Ok(ControlFlow::Break(()));
        }
        self.stuck.transition(it, around)
    }

    fn stuck(&mut self, found: &str, around: &mut Context<'_>) -> io::Result<ControlFlow<()>> {
        self.stuck.found_elsewhere(found, around)
    }

    fn lost(&mut self, events: u64) -> io::Result<()> {
        self.lost += events;
        self.counted = false;
        Ok(())
    }

    fn asks_for_owners(&self) -> bool {
        true
    }

    fn review_due(&self) -> Option<u64> {
        let stuck = self.stuck.review_due();
        Some(stuck.map_or(self.next, |due| due.min(self.next)))
    }

    fn review(
        &mut self,
        known: &Tracker,
        now: u64,
        around: &mut Context<'_>,
    ) -> io::Result<ControlFlow<()>> {
        self.began_ns.get_or_insert(now);
        self.stuck.review(known, now, around)?;
        if now < self.next {
            return Ok(ControlFlow::Continue(()));
        }
        self.next = now + ns(OFTEN);
        self.pulse.look(now);
        if self.show.is_left() {
            return Ok(ControlFlow::Break(()));
        }
        self.stuck.take();
        self.count(known, now, around.cgroups);
        self.count_ports(known, now, around.cgroups);
        // A screen that is not drawn, as nobody reads what it writes, is told nothing.
        if let Some(wish) = self.show.wish() {
            self.travel = wish.travel.or(self.travel);
            let snapshot = self.snapshot(&wish, known, now, around)?;
            self.show.show(snapshot);
        }
        Ok(ControlFlow::Continue(()))
    }

    fn interrupt(&mut self, _: &Tracker, _: u64, _: &mut Context<'_>) -> io::Result<()> {
        self.counted = false;
        self.began_ns = None;
        self.ports_before = None;
        Ok(())
    }

    fn learn(&mut self, netns: u32, settings: &NamespaceSettings) {
        self.looks.ranges.insert(netns, settings.ports.clone());
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }

    fn shown(&self) -> u64 {
        self.pulse.transitions()
    }

    fn close(&mut self, _: &End) -> io::Result<()> {
        match self.show.close() {
            Some(failure) => Err(io::Error::other(format!("the screen ended: {failure}"))),
            None => Ok(()),
        }
    }
}

impl Player for Top {
    fn travel(&mut self) -> Option<Travel> {
        self.travel.take()
    }

    fn is_at(&mut self, state: ReplayState) {
        self.replay = Some(state);
        // The time of the recording may stand, and the screen wants to be told nonetheless.
        self.next = 0;
        self.rows = Due::default();
    }

    fn forget(&mut self) {
        self.pulse = Pulse::default();
        self.stuck.forget();
        self.steps.clear();
        self.forgot_steps = true;
        self.ends.clear();
        self.counted = false;
        self.began_ns = None;
        self.ports = None;
        self.ports_before = None;
        self.lost = 0;
        self.count = Due::default();
        self.port_count = Due::default();
    }

    fn stop_at(&mut self, time_ns: Option<u64>) {
        self.stops_at = time_ns;
    }

    fn last_event(&self, before_ns: u64, cgroups: &mut Cgroups) -> Option<u64> {
        let search = &self.wish.search;
        let mut steps = self.steps.iter().rev();
        steps
            .find(|it| it.time_ns < before_ns && search.matches_transition(it, cgroups))
            .map(|it| it.time_ns)
    }

    fn is_over(&self) -> bool {
        self.show.is_left()
    }
}
