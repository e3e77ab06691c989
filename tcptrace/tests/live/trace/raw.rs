//! tcptrace, running, whose output is taken as it is.

use std::{
    fs::File,
    io::{BufRead as _, BufReader, Read as _},
    process::{Child, ChildStdout},
    time::Instant,
};

use nix::{
    sys::signal::{Signal, kill},
    unistd::Pid,
};

use super::{START_LIMIT, drain, wait};
use crate::{patience::patient, schema};

/// tcptrace, running, whose output is taken as it is.
pub struct Raw {
    child: Child,
    output: BufReader<ChildStdout>,
    /// The first line.
    pub first: String,
    json: bool,
}

impl Raw {
    /// Reads its first line.
    pub(super) fn of(mut child: Child, outside: &File, json: bool) -> Self {
        drain(child.stderr.take().unwrap(), outside);
        let mut output = BufReader::new(child.stdout.take().unwrap());
        let mut first = String::new();
        output.read_line(&mut first).expect("a first line");
        Self {
            child,
            output,
            first,
            json,
        }
    }

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

    /// Sends it a signal.
    pub fn signal(&self, signal: Signal) {
        kill(Pid::from_raw(self.child.id() as i32), signal).expect("a signal");
    }

    /// Ends it; returns what it had still to say. JSON must be as its schema says.
    pub fn stop(self) -> String {
        self.signal(Signal::SIGTERM);
        let (first, json) = (self.first.clone(), self.json);
        let rest = self.ended();
        if json {
            for line in first.lines().chain(rest.lines()) {
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
        let rest = self.rest();
        let status = wait(&mut self.child, Instant::now() + patient(START_LIMIT));
        assert!(status.is_some_and(|status| status.success()), "{status:?}");
        rest
    }

    /// Nobody reads any more; the process is given back.
    pub fn hang_up(self) -> Child {
        self.child
    }
}
