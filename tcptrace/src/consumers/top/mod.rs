//! Keeps what `top` shows, and hands it to the screen.

mod gathered;
mod lives;
mod ports;

use std::{
    collections::VecDeque,
    io,
    ops::ControlFlow,
    time::{Duration, Instant},
};

use self::{gathered::Gathered, lives::Lives, ports::FullestPorts};
use super::{due::Due, is_asked_for, stuck::StuckNow};
use crate::{
    aggregate::Pulse,
    diagnose::Thresholds,
    engine::{Consumer, Player},
    filter::Filter,
    host::{Cgroups, Clock, Socket},
    model::{Known as _, Machine, NamespaceSettings, Reason, State, Transition, ns},
    output::{
        Context, End, Json, ShownSockets, ShownStuck, SocketWriter, Start, View, held_messages,
    },
    screen::{
        Alarms, EndRow, Lines, MOST_ROWS, ReplayState, Search, Show, Snapshot, Tab, Travel, Wish,
    },
    track::Tracker,
};

/// How often the screen is told, at the most.
const OFTEN: Duration = Duration::from_millis(100);
/// How often what is in each state is counted anew, ns: what was lost is not in the sums.
const COUNT_NS: u64 = 10_000_000_000;
/// So many ends are remembered.
const MOST_ENDS: usize = 2_000;

/// What is shown to who looks at the machine live.
pub struct Top {
    show: Show,
    filter: Filter,
    pulse: Pulse,
    stuck: StuckNow,
    lives: Lives,
    ends: VecDeque<EndRow>,
    ended: u64,
    ports: FullestPorts,
    lost: u64,
    /// What is in each state was counted, and nothing was lost since.
    counted: bool,
    began_ns: Option<u64>,
    next: u64,
    count: Due,
    rows: Due,
    /// What the rows that were handed over last were chosen by.
    wish: Wish,
    replay: Option<ReplayState>,
    /// Where to go in a recording.
    travel: Option<Travel>,
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
            lives: Lives::default(),
            ends: VecDeque::new(),
            ended: 0,
            ports: FullestPorts::default(),
            lost: 0,
            counted: false,
            began_ns: None,
            next: 0,
            count: Due::default(),
            rows: Due::default(),
            wish: Wish::default(),
            replay: None,
            travel: None,
            stops_at: None,
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
            ports: self.ports.now(),
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
            self.lives.ask_for_holders(cookie, known, now);
        }
        let mut shown = Snapshot {
            now_ns: now,
            wall_ns: around.clock.wall(now),
            began_ns: self.began_ns.unwrap_or(now),
            states: State::ALL.map(|state| self.pulse.beat(state, now)),
            traffic: self.pulse.traffic(now),
            alarms: self.alarms(known, now),
            transitions: self.pulse.transitions(),
            life: wish.opened.map(|cookie| {
                let stuck = self.stuck.get(cookie);
                self.lives.of(cookie, known, stuck, around.cgroups)
            }),
            replay: self.replay,
            event: self.replay.and(self.lives.last().copied()),
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
            for it in self.lives.steps_of(cookie) {
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
            SocketWriter::json(&mut json).write(&mut ShownSockets {
                wall_ns: around.clock.wall(now),
                sockets: &sockets,
                cgroups: around.cgroups,
                links: around.links,
            })?;
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
        self.ports.begin(machine);
        self.lives.begin(machine);
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
        self.lives.add(it);
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
        let filter = &self.filter;
        let ports = &mut self.ports;
        ports.count(known, now, |it| is_asked_for(filter, it, around.cgroups));
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
        self.ports.interrupt();
        Ok(())
    }

    fn learn(&mut self, netns: u32, settings: &NamespaceSettings) {
        self.ports.learn(netns, settings);
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
        self.lives.forget();
        self.ends.clear();
        self.counted = false;
        self.began_ns = None;
        self.ports.forget();
        self.lost = 0;
        self.count = Due::default();
    }

    fn stop_at(&mut self, time_ns: Option<u64>) {
        self.stops_at = time_ns;
    }

    fn last_event(&self, before_ns: u64, cgroups: &mut Cgroups) -> Option<u64> {
        let search = &self.wish.search;
        let mut steps = self.lives.backwards();
        steps
            .find(|it| it.time_ns < before_ns && search.matches_transition(it, cgroups))
            .map(|it| it.time_ns)
    }

    fn is_over(&self) -> bool {
        self.show.is_left()
    }
}
