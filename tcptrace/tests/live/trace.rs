//! tcptrace, running, and what it says.

use std::{
    ffi::{OsStr, OsString},
    fmt::Write as _,
    fs::File,
    io::{BufRead as _, BufReader, Read as _},
    os::unix::process::CommandExt as _,
    process::{Child, ChildStderr, ChildStdout, Command, ExitStatus, Stdio},
    sync::mpsc::{Receiver, RecvTimeoutError, channel},
    thread::{self, JoinHandle},
    time::{Duration, Instant},
};

pub use crate::told::{End, Transition};
use crate::{
    namespace::Namespace,
    patience::patient,
    schema,
    told::{Line, label, normal, render},
};
use nix::{
    sched::{CloneFlags, setns},
    sys::{
        prctl::set_pdeathsig,
        signal::{Signal, kill},
    },
    unistd::Pid,
};

/// How long a transition is waited for. What is waited for comes within milliseconds; the rest is
/// for a machine that has other things to do.
const LIMIT: Duration = Duration::from_secs(5);
/// How long tcptrace may take to start, and to end: the machine may be building something else.
const START_LIMIT: Duration = Duration::from_secs(30);

/// tcptrace, not started yet.
pub struct Trace {
    netns: u32,
    outside: File,
    outside_of_it: bool,
    subcommand: &'static str,
    output: &'static str,
    arguments: Vec<OsString>,
    command: Vec<OsString>,
    binary: OsString,
    under: Vec<OsString>,
}

/// The binary that is tested.
pub fn binary() -> OsString {
    std::env::var_os("TCPTRACE_BIN").unwrap_or_else(|| env!("CARGO_BIN_EXE_tcptrace").into())
}

impl Trace {
    /// Of one namespace, from within it.
    pub fn of(net: &Namespace) -> Self {
        Self {
            netns: net.inode(),
            outside: net.outside(),
            outside_of_it: false,
            subcommand: "watch",
            output: "json",
            arguments: Vec::new(),
            command: Vec::new(),
            binary: binary(),
            under: Vec::new(),
        }
    }

    /// It runs outside of the namespace.
    pub fn outside_of_it(mut self) -> Self {
        self.outside_of_it = true;
        self
    }

    /// With these arguments.
    pub fn with<S: ToString>(mut self, arguments: impl IntoIterator<Item = S>) -> Self {
        self.arguments
            .extend(arguments.into_iter().map(|each| each.to_string().into()));
        self
    }

    /// By another file of it.
    pub fn binary(mut self, binary: impl Into<OsString>) -> Self {
        self.binary = binary.into();
        self
    }

    /// Executed by this program, which makes its world another one before: `unshare -m`, say.
    pub fn under<S: AsRef<OsStr>>(mut self, words: impl IntoIterator<Item = S>) -> Self {
        self.under = words.into_iter().map(|word| word.as_ref().into()).collect();
        self
    }

    /// Of this command alone.
    pub fn command<const N: usize>(mut self, command: [&str; N]) -> Self {
        self.command = command.map(OsString::from).to_vec();
        self
    }

    /// Starts it, and returns at its `start` line.
    pub fn start(self) -> Tracing {
        let mut tracing = self.spawn();
        match tracing.receive(Instant::now() + patient(START_LIMIT)) {
            Some(Line::Start {}) => tracing,
            other => tracing.fail(&format!("the first line was to be `start`, not {other:?}")),
        }
    }

    /// Another command than `watch`.
    pub fn subcommand(mut self, subcommand: &'static str) -> Self {
        self.subcommand = subcommand;
        self
    }

    /// Starts it with CSV as output.
    pub fn start_csv(mut self) -> Raw {
        self.output = "csv";
        self.start_raw()
    }

    /// Starts it; its first line is read, and the others are left to the test.
    pub fn start_raw(self) -> Raw {
        let outside = self.outside.try_clone().expect("another descriptor");
        let json = self.output == "json";
        let mut child = self.spawn_child();
        drain(child.stderr.take().unwrap(), outside);
        let mut output = BufReader::new(child.stdout.take().unwrap());
        let mut first = String::new();
        output.read_line(&mut first).expect("a first line");
        Raw {
            child,
            output,
            first,
            json,
        }
    }

    fn spawn(self) -> Tracing {
        let outside = self.outside.try_clone().expect("another descriptor");
        let elsewhere = self.outside.try_clone().expect("another descriptor");
        let mut child = self.spawn_child();
        let (send, lines) = channel();
        let stdout = child.stdout.take().unwrap();
        thread::spawn(move || {
            leave(&outside);
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
        let stderr = drain(child.stderr.take().unwrap(), elsewhere);
        Tracing {
            child,
            lines,
            stderr: Some(stderr),
            transitions: Vec::new(),
            lost: Vec::new(),
            end: None,
            expected: Vec::new(),
        }
    }

    fn spawn_child(self) -> Child {
        let mut words = self.under;
        words.push(self.binary);
        let mut command = Command::new(&words[0]);
        command
            .args(&words[1..])
            .args([self.subcommand, "-o", self.output, "--netns"])
            .arg(self.netns.to_string());
        command.args(&self.arguments);
        if std::env::var_os("TCPTRACE_TEST_LOG").is_some() {
            command.arg("-vvv");
        }
        if !self.command.is_empty() {
            command.arg("--").args(&self.command);
        }
        let outside = self.outside_of_it.then_some(self.outside);
        // SAFETY: both are bare system calls: nothing that a fork could leave half done.
        unsafe {
            command.pre_exec(move || {
                // Nobody would end it if the tests were aborted.
                set_pdeathsig(Signal::SIGKILL)?;
                if let Some(outside) = &outside {
                    setns(outside, CloneFlags::CLONE_NEWNET)?;
                }
                Ok(())
            });
        }
        command
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .expect("tcptrace starts")
    }
}

/// Reads stderr, so that nobody waits for room in the pipe.
fn drain(mut stderr: ChildStderr, outside: File) -> JoinHandle<String> {
    thread::spawn(move || {
        leave(&outside);
        let mut text = Vec::new();
        let _ = stderr.read_to_end(&mut text);
        String::from_utf8_lossy(&text).into_owned()
    })
}

/// A thread that reads must not keep the namespace alive.
fn leave(outside: &File) {
    setns(outside, CloneFlags::CLONE_NEWNET).expect("back to the namespace outside");
}

/// tcptrace, running.
pub struct Tracing {
    child: Child,
    lines: Receiver<Result<Line, String>>,
    stderr: Option<JoinHandle<String>>,
    transitions: Vec<Transition>,
    lost: Vec<u64>,
    end: Option<Ended>,
    /// Paths that must still be exactly so when it ends.
    expected: Vec<(End, String)>,
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
}

impl Tracing {
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
                return self.transitions[looked + index].clone();
            }
            looked = self.transitions.len();
            if self.next(deadline).is_none() {
                self.fail("what was waited for did not come");
            }
        }
    }

    /// Reads on for some time.
    pub fn wait(&mut self, time: Duration) {
        let deadline = Instant::now() + time;
        while Instant::now() < deadline && self.next(deadline).is_some() {}
    }

    /// Ends it as service managers do; nothing may be lost, and every path must still be exactly
    /// as expected.
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
        assert_eq!(
            end.transitions,
            self.transitions.len() as u64,
            "transitions in the last line"
        );
        Seen {
            transitions: std::mem::take(&mut self.transitions),
            lost: std::mem::take(&mut self.lost),
            end,
            status,
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
    }
}

/// tcptrace, running, whose output is taken as it is.
pub struct Raw {
    child: Child,
    output: BufReader<ChildStdout>,
    /// The first line.
    pub first: String,
    json: bool,
}

impl Raw {
    /// What its first line says, which must be `start`.
    pub fn start(&self) -> serde_json::Value {
        let start = schema::read(&self.first).unwrap_or_else(|error| panic!("{error}"));
        assert_eq!(start["type"], "start", "the first line");
        start
    }

    /// The next line; `None` at the end of its output.
    pub fn line(&mut self) -> Option<String> {
        let mut line = String::new();
        let read = self.output.read_line(&mut line).expect("a line");
        (read > 0).then_some(line)
    }

    /// Ends it; returns what it had still to say. JSON must be as its schema says.
    pub fn stop(mut self) -> String {
        kill(Pid::from_raw(self.child.id() as i32), Signal::SIGTERM).expect("a signal");
        let mut rest = String::new();
        self.output
            .read_to_string(&mut rest)
            .expect("the rest of the output");
        let status = wait(&mut self.child, Instant::now() + patient(START_LIMIT));
        assert!(status.is_some_and(|status| status.success()), "{status:?}");
        if self.json {
            for line in self.first.lines().chain(rest.lines()) {
                schema::read(line).unwrap_or_else(|error| panic!("{error}"));
            }
        }
        rest
    }

    /// All that it says until it ends by itself.
    pub fn rest(&mut self) -> String {
        let mut rest = String::new();
        self.output
            .read_to_string(&mut rest)
            .expect("the rest of the output");
        rest
    }

    /// Waits until it ends by itself; returns what it had still to say.
    pub fn ended(mut self) -> String {
        let mut rest = String::new();
        self.output
            .read_to_string(&mut rest)
            .expect("the rest of the output");
        let status = wait(&mut self.child, Instant::now() + START_LIMIT);
        assert!(status.is_some_and(|status| status.success()), "{status:?}");
        rest
    }

    /// Nobody reads any more; the process is given back.
    pub fn hang_up(self) -> Child {
        self.child
    }
}

/// Waits for a process, but not for ever.
pub fn wait(child: &mut Child, deadline: Instant) -> Option<ExitStatus> {
    loop {
        if let Some(status) = child.try_wait().expect("wait") {
            return Some(status);
        }
        if Instant::now() > deadline {
            return None;
        }
        thread::sleep(Duration::from_millis(10));
    }
}
