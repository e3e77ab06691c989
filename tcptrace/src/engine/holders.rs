//! Looks for who has a connection, on a thread of its own.

use std::{collections::VecDeque, thread};

use crate::{
    host::{Look, Looker, own_netns, who_has},
    model::{HolderAnswer, HolderQuestion},
    privileges,
    source::Source,
    track::Tracker,
};

/// What part of a CPU looks take at the most. Less of it where they only stand in for accept(),
/// which tells most.
const SHARE: u32 = 10;
const SHARE_TO_STAND_IN: u32 = 50;
/// How often one that waits to be accepted is looked at again, and after how long at first; twice
/// as long each time.
const TRIES: u32 = 5;
const AGAIN_NS: u64 = 20_000_000;
/// So many wait to be looked at again.
const MOST_LATER: usize = 64;

/// The thread, and what it is to be asked.
pub(super) struct Holders {
    looker: Looker<HolderQuestion, Look>,
    /// What it looks at, and how often it has looked.
    asked: Option<(HolderQuestion, u32)>,
    /// What is to be looked at again, and when: CLOCK_MONOTONIC, ns.
    later: VecDeque<(u64, HolderQuestion, u32)>,
}

impl Holders {
    /// Starts the thread, with what it takes to see the descriptors of all processes, and its own
    /// namespace or all. `accepts`: who accepts is told.
    pub fn start(netns: Option<u32>, accepts: bool) -> Option<Self> {
        let share = match accepts {
            true => SHARE_TO_STAND_IN,
            false => SHARE,
        };
        let wanted = match netns {
            Some(_) if netns == own_netns() => privileges::OWNERS,
            _ => privileges::ELSEWHERE,
        };
        // It has what the one has that starts it.
        let starter = thread::spawn(move || {
            privileges::keep(wanted);
            Looker::start("holders", 1, share, |question| who_has(&question))
        });
        Some(Self {
            looker: starter.join().ok()?.ok()?,
            asked: None,
            later: VecDeque::new(),
        })
    }

    /// Takes an answer, which is returned, too, and asks what is to be asked next, when all events up to `now` were applied.
    pub fn turn(
        &mut self,
        tracker: &mut Tracker,
        source: &mut impl Source,
        now: u64,
    ) -> Option<HolderAnswer> {
        let mut answer = None;
        if let Some((question, tries)) = self.asked
            && let Some(look) = self.looker.answer()
        {
            self.asked = None;
            match look {
                Look::Done(found) => {
                    tracker.found(&found);
                    answer = Some(found);
                    if let Some(pid) = found.owner.and_then(|it| it.process?.pid) {
                        source.note_holder(pid);
                    }
                }
                Look::Waits if tries < TRIES && self.later.len() < MOST_LATER => {
                    let due = now + (AGAIN_NS << tries);
                    self.later.push_back((due, question, tries + 1));
                }
                Look::Waits | Look::Gone => {}
            }
        }
        if self.asked.is_none() {
            let due = self.later.iter().position(|(due, ..)| *due <= now);
            let again = due.and_then(|index| self.later.remove(index));
            let next = again
                .map(|(_, question, tries)| (question, tries))
                .or_else(|| tracker.question(now).map(|question| (question, 0)));
            if let Some((question, tries)) = next
                && self.looker.ask(question).is_ok()
            {
                self.asked = Some((question, tries));
            }
        }
        answer
    }

    /// When there is something to do next, if no event comes before: CLOCK_MONOTONIC, ns, and 0 for
    /// as soon as may be.
    pub fn next(&self, tracker: &Tracker) -> Option<u64> {
        if self.asked.is_some() {
            return Some(0);
        }
        let later = self.later.iter().map(|(due, ..)| *due);
        later.chain(tracker.next_question()).min()
    }
}
