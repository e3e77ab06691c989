//! A listener that drops what comes to it, and looks that find out how much.

use tcptrace::{
    model::{DropCounts, DropLook, ListenerDrops, Reach},
    source::Beginning,
};

use crate::script::{self, Script, Tell};

/// Where it listens.
pub const PORT: u16 = 80;
const SECOND_NS: u64 = 1_000_000_000;

/// What happens.
#[derive(Clone, Copy, Debug)]
pub struct Dropping {
    /// It drops one a second for so long.
    pub seconds: u32,
    /// It had dropped so many before.
    pub before: u32,
    /// How often it is looked at.
    pub every_s: u32,
    /// After that, it drops nothing for so long.
    pub then_none_s: u32,
}

impl Dropping {
    /// It is looked at every second.
    pub fn of(seconds: u32, before: u32) -> Self {
        Self {
            seconds,
            before,
            every_s: 1,
            then_none_s: 0,
        }
    }

    /// The same, as a source tells it.
    pub fn script(self) -> (Script, Beginning) {
        let there = format!("existing socket sk:1 10.1.2.3:{PORT} 0.0.0.0:0 LISTEN");
        let (_, mut beginning) = script::read(&there).unwrap_or_else(|error| panic!("{error}"));
        let listener = beginning.sockets[0];
        let counts = |dropped| {
            let mut counts = DropCounts::default();
            counts.add(ListenerDrops {
                cookie: listener.cookie.expect("a full socket"),
                tuple: listener.tuple,
                reach: Reach::default(),
                dropped: Some(dropped),
            });
            counts
        };
        beginning.machine.drops = Some(DropLook {
            at_ns: 0,
            counts: counts(self.before),
        });
        let mut steps = Vec::new();
        for second in 1..=self.seconds + self.then_none_s {
            let now = u64::from(second) * SECOND_NS;
            steps.push(Tell::Passed(now));
            if second % self.every_s == 0 {
                let more = second <= self.seconds;
                steps.push(Tell::Dropped(
                    now,
                    more.then(|| counts(self.before + second)),
                ));
            }
        }
        // All of the last look is told before it ends.
        let end = u64::from(self.seconds + self.then_none_s) * SECOND_NS + 10_000_000;
        steps.push(Tell::Passed(end));
        (Script::of(steps.into_iter()), beginning)
    }
}
