//! Looks for addresses and ports that no event has told: the port of a connect() that was put off,
//! and where SYNs can't be seen, of each.

use crate::{
    host::{Looker, Namespaces},
    model::{Cookie, Tuple},
    track::Tracker,
};

/// What part of a CPU looks take at the most: the kernel walks the whole table of the machine. More
/// of it where the port of each SYN is looked for, and not only of those that are put off.
const SHARE: u32 = 20;
const SHARE_FOR_SYNS: u32 = 10;

/// A network namespace, with a process that may live in it.
type Place = (u32, Option<u32>);
/// Sockets that were found there.
type Opening = Vec<(Cookie, Tuple)>;

/// The thread that asks sock_diag.
#[derive(Default)]
pub(super) struct Addresses {
    looker: Option<Looker<Place, Opening>>,
    /// It was asked, and has not answered.
    asked: bool,
}

impl Addresses {
    /// What was found, if the thread is done.
    pub fn answer(&mut self) -> Option<Opening> {
        let answer = self.looker.as_ref().filter(|_| self.asked)?.answer()?;
        self.asked = false;
        Some(answer)
    }

    /// Asks for one that is to be looked for, when all events up to `now` (CLOCK_MONOTONIC, ns) were
    /// applied. `syns`: SYNs are seen.
    pub fn ask(&mut self, tracker: &mut Tracker, now: u64, syns: bool) {
        if !self.asked
            && let Some(place) = tracker.without_port(now)
        {
            self.asked = self.looker(syns).is_some_and(|it| it.ask(place).is_ok());
        }
    }

    /// When there is something to do next, if no event comes before: CLOCK_MONOTONIC, ns, and 0 for
    /// as soon as may be.
    pub fn next(&self, tracker: &Tracker) -> Option<u64> {
        match self.asked {
            true => Some(0),
            false => tracker.next_without_port(),
        }
    }

    /// The thread; it is started when it is first needed, with the privileges that are left by
    /// then.
    fn looker(&mut self, syns: bool) -> Option<&Looker<Place, Opening>> {
        if self.looker.is_none() {
            let share = match syns {
                true => SHARE,
                false => SHARE_FOR_SYNS,
            };
            let look = |(netns, pid)| Namespaces::opening(netns, pid);
            self.looker = Looker::start("sock_diag", 0, share, look).ok();
        }
        self.looker.as_ref()
    }
}
