//! tcptrace, started by a test.

mod raw;
pub mod tracing;

use std::{
    ffi::{OsStr, OsString},
    fs::File,
    io::{BufRead as _, BufReader, Read as _},
    os::unix::process::CommandExt as _,
    process::{Child, ChildStderr, Command, ExitStatus, Stdio},
    thread::{self, JoinHandle},
    time::{Duration, Instant},
};

use nix::{
    sched::{CloneFlags, setns},
    sys::{prctl::set_pdeathsig, signal::Signal},
};

pub use self::{raw::Raw, tracing::Tracing};
use crate::namespace::{Listeners, Namespace};
pub use crate::told::{End, Transition};

/// How long tcptrace may take to start, and to end: the machine may be building something else.
const START_LIMIT: Duration = Duration::from_secs(30);

/// tcptrace, not started yet.
pub struct Trace {
    netns: String,
    listeners: Listeners,
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
            netns: net.inode().to_string(),
            listeners: net.listeners().clone(),
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

    /// The namespace is called so, rather than by its inode number.
    pub fn called(mut self, name: impl ToString) -> Self {
        self.netns = name.to_string();
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

    /// The same, by another program that the ones before execute.
    pub fn under_too<S: AsRef<OsStr>>(mut self, words: impl IntoIterator<Item = S>) -> Self {
        let words = words.into_iter().map(|word| word.as_ref().into());
        self.under.extend(words);
        self
    }

    /// Of this command alone.
    pub fn command<const N: usize>(mut self, command: [&str; N]) -> Self {
        self.command = command.map(OsString::from).to_vec();
        self
    }

    /// The same of one whose words are not known beforehand.
    pub fn command_of(mut self, command: Vec<String>) -> Self {
        self.command = command.into_iter().map(OsString::from).collect();
        self
    }

    /// Starts it, and returns at its `start` line.
    pub fn start(self) -> Tracing {
        let outside = self.outside.try_clone().expect("another descriptor");
        let listeners = self.listeners.clone();
        Tracing::of(self.spawn(), &outside, listeners)
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
        Raw::of(self.spawn(), &outside, json)
    }

    /// Starts it with a table as output, and returns when nothing is missed any more.
    pub fn start_table(mut self) -> Child {
        self.output = "table";
        self.arguments.push("-v".into());
        let outside = self.outside.try_clone().expect("another descriptor");
        let mut child = self.spawn();
        let mut said = BufReader::new(child.stderr.take().expect("a pipe")).lines();
        assert!(said.any(|line| line.expect("UTF-8").contains("attached; ")));
        thread::spawn(move || {
            leave(&outside);
            said.for_each(drop);
        });
        child
    }

    fn spawn(self) -> Child {
        let mut words = self.under;
        words.push(self.binary);
        let mut command = Command::new(&words[0]);
        command
            .args(&words[1..])
            .args([self.subcommand, "-o", self.output, "--netns"])
            .arg(&self.netns);
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
fn drain(mut stderr: ChildStderr, outside: &File) -> JoinHandle<String> {
    let outside = outside.try_clone().expect("another descriptor");
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
