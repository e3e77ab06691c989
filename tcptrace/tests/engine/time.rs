//! Time is what a source tells, not that of this machine: it passes as fast as it is told, and what
//! is due is done at its time.

use std::{
    cell::RefCell,
    io,
    ops::ControlFlow,
    rc::Rc,
    time::{Duration, Instant},
};

use tcptrace::{
    engine::Consumer,
    host::Clock,
    model::Transition,
    output::{Context, End, Start},
    track::Tracker,
};

use crate::commands::Run;

/// Three connections are refused: in the first second, in the third, and in the fourth.
const REFUSED: &str = "\
    500.00 socket sk:1 10.0.0.1:40000 10.0.0.2:80 SYN_SENT -> CLOSED err=ECONNREFUSED rst\n\
    2400.00 socket sk:2 10.0.0.1:40001 10.0.0.2:80 SYN_SENT -> CLOSED err=ECONNREFUSED rst\n\
    3100.00 socket sk:3 10.0.0.1:40002 10.0.0.2:80 SYN_SENT -> CLOSED err=ECONNREFUSED rst\n\
    60000.00 passed\n";

#[test]
fn intervals_end_at_the_times_of_the_source() {
    let ran = Run::of(REFUSED).stats(Some(Duration::from_secs(1)));
    let reports = ran.of_type("stats");
    let refused = |index: usize| reports[index]["ends"]["refused"].as_u64().unwrap_or(0);
    assert_eq!([0, 1, 2, 3, 4].map(refused), [1, 0, 1, 1, 0]);
    for (index, it) in reports.iter().take(5).enumerate() {
        let to = format!("2026-11-22T10:39:{}.000000000Z", 12 + index);
        assert_eq!(it["time"], to);
        assert_eq!(it["period"]["ns"], 1_000_000_000);
    }
    // A minute of them, and the sum.
    assert_eq!(reports.len(), 61);
    assert_eq!(reports[60]["span"], "run");
    assert_eq!(refused(60), 3);
}

#[test]
fn a_minute_does_not_take_a_minute() {
    let began = Instant::now();
    let ran = Run::of(REFUSED).watch();
    assert_eq!(ran.end()["duration_ns"], 60_000_000_000_u64);
    assert!(began.elapsed() < Duration::from_secs(10));
}

#[test]
fn it_stops_after_as_many_reports_as_are_asked_for() {
    let ran = Run::of(REFUSED)
        .count(2)
        .stats(Some(Duration::from_secs(1)));
    let spans: Vec<_> = ran.of_type("stats").iter().map(|it| &it["span"]).collect();
    assert_eq!(spans, ["interval", "interval", "run"]);
    assert_eq!(ran.end()["duration_ns"], 2_000_000_000);
}

/// Notes when it is told of what.
struct Notes {
    reviewed: u64,
    told: Rc<RefCell<Vec<u64>>>,
}

impl Consumer for Notes {
    fn start(&mut self, _: &Start, _: &Clock) -> io::Result<()> {
        Ok(())
    }

    fn transition(&mut self, _: &Transition, _: &mut Context<'_>) -> io::Result<ControlFlow<()>> {
        self.told.borrow_mut().push(self.reviewed);
        Ok(ControlFlow::Continue(()))
    }

    fn lost(&mut self, _: u64) -> io::Result<()> {
        Ok(())
    }

    fn review_due(&self) -> Option<u64> {
        Some(self.reviewed + 1_000_000)
    }

    fn review(
        &mut self,
        _: &Tracker,
        now: u64,
        _: &mut Context<'_>,
    ) -> io::Result<ControlFlow<()>> {
        self.reviewed = now;
        Ok(ControlFlow::Continue(()))
    }

    fn asks_for_owners(&self) -> bool {
        false
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }

    fn shown(&self) -> u64 {
        0
    }

    fn close(&mut self, _: &End) -> io::Result<()> {
        Ok(())
    }
}

#[test]
fn what_waits_is_told_at_its_time_though_nothing_happens() {
    // connect() is put off: its SYN is waited for until 100 ms. The other is told at once.
    let lines = "\
        10.00 socket sk:1 10.0.0.1:0 10.0.0.2:80 CLOSED -> SYN_SENT by=curl/100\n\
        5000.00 socket sk:2 10.0.0.1:40001 10.0.0.2:80 SYN_SENT -> CLOSED err=ECONNREFUSED rst\n\
        5005.00 passed\n";
    let told = Rc::<RefCell<Vec<u64>>>::default();
    let notes = Notes {
        reviewed: 0,
        told: Rc::clone(&told),
    };
    Run::of(lines).with(notes).expect("nothing that can fail");
    assert_eq!(*told.borrow(), [99_000_000, 4_999_000_000]);
}
