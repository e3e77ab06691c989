//! tcptrace, running, and what it says.

use std::{
    fmt::Write as _,
    fs::File,
    io::{BufRead as _, BufReader},
    process::{Child, ExitStatus},
    sync::mpsc::{Receiver, RecvTimeoutError, channel},
    thread::{self, JoinHandle},
    time::{Duration, Instant},
};

use nix::{
    sys::signal::{Signal, kill},
    unistd::Pid,
};

use super::{End, START_LIMIT, Transition, drain, leave, wait};
use crate::{
    namespace::Listeners,
    patience::patient,
    schema,
    told::{Line, label, normal, render},
};

/// How long a transition is waited for. What is waited for comes within milliseconds; the rest is
/// for a machine that has other things to do.
const LIMIT: Duration = Duration::from_secs(5);

/// Nothing comes later than that but by a timer: softirqs and tcptrace's poll take less.
const QUIET: Duration = Duration::from_millis(300);

/// What becomes of a listener of the tests' helpers; a part of it where tracing begins later or ends
/// before, and nothing where a filter hides it.
const LISTENER: &str = "CLOSED -listen-> LISTEN -listener_closed-> CLOSED";

/// tcptrace, running. Every transition that it shows must be named by the test: by the path of its
/// end ([`expect`](Self::expect)), or alone ([`until`](Self::until)); any other fails the test at
/// its end. What the tests' helpers listen on, they name themselves.
pub struct Tracing {
    child: Child,
    lines: Receiver<Result<Line, String>>,
    stderr: Option<JoinHandle<String>>,
    transitions: Vec<Transition>,
    lost: Vec<u64>,
    end: Option<Ended>,
    /// Paths that must still be exactly so when it ends.
    expected: Vec<(End, String)>,
    /// Transitions that are named one by one.
    named: Vec<usize>,
    listeners: Listeners,
    /// It was killed.
    dead: bool,
    /// Why the test need not name every transition.
    only_counted: Option<&'static str>,
}

/// What the last line says.
#[derive(Clone, Copy, Debug)]
pub struct Ended {
    pub transitions: u64,
    pub lost: u64,
    pub duration: Duration,
}

/// All that was seen, once tcptrace has ended.
#[derive(Debug)]
pub struct Seen {
    pub transitions: Vec<Transition>,
    /// The events of each `lost` line.
    pub lost: Vec<u64>,
    pub end: Ended,
    pub status: ExitStatus,
    pub stderr: String,
}

impl Tracing {
    /// Reads its output; returns at its `start` line.
    pub(super) fn of(mut child: Child, outside: &File, listeners: Listeners) -> Self {
        let (send, lines) = channel();
        let stdout = child.stdout.take().unwrap();
        let elsewhere = outside.try_clone().expect("another descriptor");
        thread::spawn(move || {
            leave(&elsewhere);
            for line in BufReader::new(stdout).lines() {
                let Ok(line) = line else { break };
                let parsed = schema::read(&line).and_then(|value| {
                    serde_json::from_value(value).map_err(|error| format!("{error}: {line}"))
                });
                if send.send(parsed).is_err() {
                    break;
                }
            }
        });
        let stderr = drain(child.stderr.take().unwrap(), outside);
        let mut tracing = Self {
            child,
            lines,
            stderr: Some(stderr),
            transitions: Vec::new(),
            lost: Vec::new(),
            end: None,
            expected: Vec::new(),
            named: Vec::new(),
            listeners,
            dead: false,
            only_counted: None,
        };
        match tracing.receive(Instant::now() + patient(START_LIMIT)) {
            Some(Line::Start {}) => tracing,
            other => tracing.fail(&format!("the first line was to be `start`, not {other:?}")),
        }
    }

    /// The test makes a crowd, and counts what becomes of it, or looks at each transition of it by
    /// itself: the reason says which.
    pub fn only_counted(&mut self, why: &'static str) {
        assert!(!why.is_empty(), "a reason is needed");
        self.only_counted = Some(why);
    }

    /// Its process id.
    pub fn pid(&self) -> u32 {
        self.child.id()
    }

    /// Sends it a signal.
    pub fn signal(&self, signal: Signal) {
        kill(Pid::from_raw(self.child.id() as i32), signal).expect("a signal to tcptrace");
    }

    /// Waits until the path of an end is as expected; it must be exactly so at the end of the run,
    /// too. Returns its transitions. A path is written
    /// `CLOSED -connect-> SYN_SENT -refused-> CLOSED`, with `-reason:detail->` where there is a
    /// detail, and `CLOSED | LISTEN` where the next line does not begin where the one before ended.
    pub fn expect(&mut self, end: End, path: &str) -> Vec<Transition> {
        self.expect_within(LIMIT, end, path)
    }

    /// The same with a limit of its own.
    pub fn expect_within(&mut self, limit: Duration, end: End, path: &str) -> Vec<Transition> {
        let path = normal(path);
        let count = path.matches("->").count();
        let deadline = Instant::now() + patient(limit);
        while self.path(end).len() < count {
            if self.next(deadline).is_none() {
                self.fail(&format!(
                    "{end:?} was expected to go\n  {path}\nwithin {limit:?}, and went\n  {}",
                    render(&self.path(end))
                ));
            }
        }
        let transitions: Vec<_> = self.path(end).into_iter().cloned().collect();
        self.expected.push((end, path));
        self.check(end);
        transitions
    }

    /// Waits for a transition of any end.
    pub fn until(&mut self, wanted: impl Fn(&Transition) -> bool) -> Transition {
        let deadline = Instant::now() + patient(LIMIT);
        let mut looked = 0;
        loop {
            if let Some(index) = self.transitions[looked..].iter().position(&wanted) {
                self.named.push(looked + index);
                return self.transitions[looked + index].clone();
            }
            looked = self.transitions.len();
            if self.next(deadline).is_none() {
                self.fail("what was waited for did not come");
            }
        }
    }

    /// All transitions so far.
    pub fn transitions(&self) -> &[Transition] {
        &self.transitions
    }

    /// As if it had told that, too: for the tests' own test.
    pub fn pretend(&mut self, transition: Transition) {
        self.transitions.push(transition);
    }

    /// Reads on until nothing more comes.
    pub fn settle(&mut self) {
        while self.next(Instant::now() + patient(QUIET)).is_some() {}
    }

    /// Reads on for some time.
    pub fn wait(&mut self, time: Duration) {
        let deadline = Instant::now() + time;
        while Instant::now() < deadline && self.next(deadline).is_some() {}
    }

    /// Ends it as service managers do; nothing may be lost, every path must still be exactly as
    /// expected, and there must not be others.
    pub fn stop(self) -> Seen {
        self.stop_by(Signal::SIGTERM)
    }

    /// The same with another signal.
    pub fn stop_by(self, signal: Signal) -> Seen {
        self.signal(signal);
        let seen = self.ended();
        assert!(seen.status.success(), "{}", seen.status);
        assert_eq!(seen.end.lost, 0, "events were lost");
        assert!(seen.lost.is_empty(), "events were lost: {:?}", seen.lost);
        seen
    }

    /// Ends it without any warning: there is no last line.
    pub fn killed(mut self) {
        self.signal(Signal::SIGKILL);
        self.child.wait().expect("wait");
        self.dead = true;
    }

    /// Waits until it ends by itself, or by what was done to it before.
    pub fn ended(mut self) -> Seen {
        let deadline = Instant::now() + patient(START_LIMIT);
        while self.next(deadline).is_some() {}
        let Some(end) = self.end else {
            self.fail("there was no `end` line")
        };
        let Some(status) = wait(&mut self.child, deadline) else {
            self.fail("it does not end")
        };
        for (each, _) in self.expected.clone() {
            self.check(each);
        }
        self.check_surplus();
        assert_eq!(
            end.transitions,
            self.transitions.len() as u64,
            "transitions in the last line"
        );
        let stderr = self.stderr.take().and_then(|it| it.join().ok());
        Seen {
            transitions: std::mem::take(&mut self.transitions),
            lost: std::mem::take(&mut self.lost),
            end,
            status,
            stderr: stderr.unwrap_or_default(),
        }
    }

    /// All expectations of an end were of the whole path up to then: the last one holds.
    fn check(&mut self, end: End) {
        let Some((_, path)) = self.expected.iter().rev().find(|(each, _)| *each == end) else {
            return;
        };
        let went = render(&self.path(end));
        if went != *path {
            let text = format!("{end:?} was expected to go\n  {path}\nand went\n  {went}");
            self.fail(&text);
        }
    }

    /// Lines that the test did not name.
    fn check_surplus(&mut self) {
        if self.only_counted.is_some() {
            return;
        }
        let mut ends: Vec<End> = Vec::new();
        for (index, each) in self.transitions.iter().enumerate() {
            let end = each.end();
            let known = self.expected.iter().any(|(other, _)| *other == end);
            if !known && !self.named.contains(&index) && !ends.contains(&end) {
                ends.push(end);
            }
        }
        let surplus: Vec<_> = ends
            .into_iter()
            .map(|end| (end, render(&self.path(end))))
            .filter(|(end, path)| {
                !(end.remote == 0 && self.listeners.have(end.local) && LISTENER.contains(path))
            })
            .map(|(end, path)| format!("{end:?}\n  {path}\n"))
            .collect();
        if !surplus.is_empty() {
            self.fail(&format!("nobody expected\n{}", surplus.concat()));
        }
    }

    fn path(&self, end: End) -> Vec<&Transition> {
        self.transitions
            .iter()
            .filter(|each| each.end() == end)
            .collect()
    }

    /// Takes one more line. `None` at the deadline, and at the end of the output.
    fn next(&mut self, deadline: Instant) -> Option<()> {
        match self.receive(deadline)? {
            Line::Start {} => self.fail("a second `start` line"),
            _ if self.end.is_some() => self.fail("a line behind `end`"),
            Line::Transition(transition) => self.transitions.push(*transition),
            Line::Lost { events } => self.lost.push(events),
            Line::End {
                transitions,
                lost,
                duration_ns,
            } => {
                let duration = Duration::from_nanos(duration_ns);
                self.end = Some(Ended {
                    transitions,
                    lost,
                    duration,
                });
            }
        }
        Some(())
    }

    fn receive(&mut self, deadline: Instant) -> Option<Line> {
        match self
            .lines
            .recv_timeout(deadline.saturating_duration_since(Instant::now()))
        {
            Ok(Ok(line)) => Some(line),
            Ok(Err(wrong)) => self.fail(&format!("no line of the interface: {wrong}")),
            Err(RecvTimeoutError::Timeout | RecvTimeoutError::Disconnected) => None,
        }
    }

    /// Fails the test with all that is known.
    fn fail(&mut self, why: &str) -> ! {
        // Its output so far is not all read when a path is wrong.
        while let Ok(Ok(line)) = self.lines.recv_timeout(Duration::from_millis(100)) {
            if let Line::Transition(transition) = line {
                self.transitions.push(*transition);
            }
        }
        let _ = self.child.kill();
        let mut text = format!("{why}\nAll that tcptrace showed:\n");
        for it in &self.transitions {
            let End { local, remote } = it.end();
            let _ = writeln!(
                text,
                "  {} {local:5} {remote:5}  {} -{}-> {}  held {:?} cookie {:?} opener {:?} \
                 closer {:?} pid {:?} comm {:?}",
                it.mono_ns,
                it.from,
                label(it),
                it.to,
                it.held(),
                it.cookie,
                it.opener,
                it.closer,
                it.pid,
                it.comm
            );
        }
        if let Some(stderr) = self.stderr.take().and_then(|stderr| stderr.join().ok()) {
            let _ = write!(text, "stderr:\n{stderr}");
        }
        panic!("{text}");
    }
}

impl Drop for Tracing {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
        assert!(
            self.end.is_some() || self.dead || thread::panicking(),
            "the test does not look at the end: stop() or ended()"
        );
    }
}
