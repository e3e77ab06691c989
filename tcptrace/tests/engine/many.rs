//! Many scenarios at once: each with sockets and a network namespace of its own, begun one after the
//! other, so that they overlap.

use tcptrace::{
    model::{Cookie, Coverage, Event, Existing, HolderAnswer, Tuple},
    source::Beginning,
};

use crate::{
    files::scenarios,
    notation::NETNS,
    script::{self, LINK, Script, Tell},
};

/// How long after one the next begins: not a whole number of what anything waits for.
const APART_NS: u64 = 3_700_000;

/// All scenarios from machines of which the same can be seen, so many times each. `quiet`: those
/// without losses alone.
pub fn by_coverage(times: u32, quiet: bool) -> Vec<(Script, Beginning)> {
    let mut groups: Vec<(Coverage, Vec<String>)> = Vec::new();
    for scenario in scenarios() {
        if quiet && scenario.events.contains("lost") {
            continue;
        }
        let (_, beginning) = script::read(&scenario.events).expect("steps");
        let coverage = beginning.coverage;
        match groups.iter_mut().find(|it| it.0 == coverage) {
            Some((_, all)) => all.push(scenario.events),
            None => groups.push((coverage, vec![scenario.events])),
        }
    }
    let together = |(_, all): (_, Vec<String>)| {
        let lines = (0..times).flat_map(|_| all.iter().map(String::as_str));
        together(lines)
    };
    groups.into_iter().map(together).collect()
}

/// Scenarios, each begun a little after the one before.
pub fn together<'a>(scenarios: impl Iterator<Item = &'a str>) -> (Script, Beginning) {
    let mut steps: Vec<(u64, Tell)> = Vec::new();
    let mut all: Option<Beginning> = None;
    for (number, lines) in (0_u32..).zip(scenarios) {
        let (script, beginning) = script::read(lines).expect("steps");
        let apart = Apart(number);
        // Each keyframe has all of them.
        let has_links = lines.contains("link=");
        let beginning = apart.beginning(beginning, has_links);
        match &mut all {
            None => all = Some(beginning),
            Some(all) => {
                all.sockets.extend(beginning.sockets);
                all.links.extend(beginning.links);
            }
        }
        let mut now = apart.after_ns();
        for step in script.into_steps() {
            let step = apart.step(step);
            now = now.max(step.time_ns().unwrap_or(0));
            steps.push((now, step));
        }
    }
    steps.sort_by_key(|(time_ns, _)| *time_ns);
    let steps = steps.into_iter().map(|(_, step)| step);
    (Script::of(steps), all.expect("a scenario"))
}

/// One of many, with its number.
struct Apart(u32);

impl Apart {
    fn after_ns(&self) -> u64 {
        u64::from(self.0) * APART_NS
    }

    fn cookie(&self, cookie: Cookie) -> Cookie {
        let before = u64::from(self.0) << 20;
        Cookie::new(cookie.0.get() + before).expect("not 0")
    }

    fn tuple(&self, tuple: Tuple) -> Tuple {
        Tuple {
            netns: tuple.netns + self.0,
            ..tuple
        }
    }

    fn existing(&self, it: Existing) -> Existing {
        Existing {
            cookie: it.cookie.map(|it| self.cookie(it)),
            tuple: self.tuple(it.tuple),
            ..it
        }
    }

    fn beginning(&self, it: Beginning, has_links: bool) -> Beginning {
        let links = (1..10).map(|it| (it, format!("{LINK}{it}")));
        let links = (NETNS + self.0, links.collect());
        Beginning {
            sockets: it.sockets.into_iter().map(|it| self.existing(it)).collect(),
            links: has_links.then_some(links).into_iter().collect(),
            ..it
        }
    }

    fn step(&self, step: Tell) -> Tell {
        match step {
            Tell::Event(event) => Tell::Event(self.event(event)),
            Tell::Addresses(cookie, tuple) => {
                Tell::Addresses(self.cookie(cookie), self.tuple(tuple))
            }
            Tell::Holder(answer) => Tell::Holder(HolderAnswer {
                cookie: self.cookie(answer.cookie),
                since: answer.since + self.after_ns(),
                ..answer
            }),
            Tell::Sockets(sockets, namespaces) => Tell::Sockets(
                sockets.into_iter().map(|it| self.existing(it)).collect(),
                namespaces.into_iter().map(|it| it + self.0).collect(),
            ),
            Tell::Passed(now) => Tell::Passed(now + self.after_ns()),
            Tell::Lost(_)
            | Tell::CgroupMade(..)
            | Tell::Workload(..)
            | Tell::Dropped(..)
            | Tell::LookBegins => step,
        }
    }

    fn event(&self, mut event: Event) -> Event {
        let after_ns = self.after_ns();
        match &mut event {
            Event::Socket(it) => {
                it.time_ns += after_ns;
                it.cookie = it.cookie.map(|it| self.cookie(it));
                it.tuple = self.tuple(it.tuple);
            }
            Event::Minisock(it) => {
                it.time_ns += after_ns;
                it.cookie = it.cookie.map(|it| self.cookie(it));
                it.tuple = self.tuple(it.tuple);
            }
            Event::Request(it) => {
                it.time_ns += after_ns;
                it.listener = it.listener.map(|it| self.cookie(it));
                it.tuple = self.tuple(it.tuple);
            }
            Event::ResetSent(it) => {
                it.time_ns += after_ns;
                it.cookie = it.cookie.map(|it| self.cookie(it));
            }
            Event::FinDropped(it) => {
                it.time_ns += after_ns;
                it.tuple = self.tuple(it.tuple);
            }
            Event::Forked(it) => it.time_ns += after_ns,
            Event::Accepted(it) => {
                it.time_ns += after_ns;
                it.cookie = it.cookie.map(|it| self.cookie(it));
            }
            Event::Syn(it) => {
                it.time_ns += after_ns;
                it.cookie = it.cookie.map(|it| self.cookie(it));
                it.tuple = self.tuple(it.tuple);
            }
        }
        event
    }
}
