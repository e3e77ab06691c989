//! `tcptrace serve`, running.

use std::{
    io::Read as _,
    os::unix::process::CommandExt as _,
    process::{Child, Command, ExitStatus, Stdio},
    thread::{self, JoinHandle, sleep},
    time::{Duration, Instant},
};

use nix::{
    sys::{
        prctl::set_pdeathsig,
        signal::{Signal, kill},
    },
    unistd::Pid,
};

use crate::{
    http::{self, Answer},
    namespace::Namespace,
    patience::patient,
    trace,
};

/// Where it is asked.
pub const PORT: u16 = 9465;
/// How long it may take to begin, and to end.
const LIMIT: Duration = Duration::from_secs(30);

/// `tcptrace serve` in the namespace of the test.
pub struct Serving {
    child: Child,
    stderr: Option<JoinHandle<String>>,
}

/// How it ended.
#[derive(Debug)]
pub struct Ended {
    pub status: ExitStatus,
    /// How long that took from the signal on.
    pub took: Duration,
    pub stderr: String,
}

impl Serving {
    /// Starts it with these arguments and variables, and returns when it traces.
    pub fn start(_: &Namespace, arguments: &[&str], variables: &[(&str, &str)]) -> Self {
        let mut command = Command::new(trace::binary());
        command
            .args(["serve", "--netns", "self", "--listen"])
            .arg(format!("127.0.0.1:{PORT}"))
            .args(arguments)
            .envs(variables.iter().copied());
        // SAFETY: a bare system call: nothing that a fork could leave half done.
        unsafe {
            command.pre_exec(|| {
                // Nobody would end it if the tests were aborted.
                set_pdeathsig(Signal::SIGKILL)?;
                Ok(())
            });
        }
        let mut child = command
            .stdin(Stdio::null())
            .stderr(Stdio::piped())
            .spawn()
            .expect("tcptrace starts");
        let mut said = child.stderr.take().expect("a pipe");
        let stderr = thread::spawn(move || {
            let mut text = Vec::new();
            let _ = said.read_to_end(&mut text);
            String::from_utf8_lossy(&text).into_owned()
        });
        let mut serving = Self {
            child,
            stderr: Some(stderr),
        };
        let deadline = Instant::now() + patient(LIMIT);
        while http::get(PORT, "/-/ready").is_none_or(|it| it.status != 200) {
            let ended = serving.child.try_wait().expect("wait");
            if ended.is_some() || Instant::now() > deadline {
                let stderr = serving.kill();
                panic!("tcptrace serve does not trace ({ended:?}): {stderr}");
            }
            sleep(Duration::from_millis(20));
        }
        serving
    }

    /// What it tells, as text.
    pub fn metrics(&self) -> String {
        match http::get(PORT, "/metrics") {
            Some(Answer { status: 200, body }) => body,
            other => panic!("no metrics: {other:?}"),
        }
    }

    /// The sum of a metric over all labels that have these words; 0 where there is none.
    pub fn sum(&self, name: &str, words: &[&str]) -> f64 {
        sum(&self.metrics(), name, words)
    }

    /// Waits until that holds of a metric's sum.
    pub fn until(&self, name: &str, words: &[&str], holds: impl Fn(f64) -> bool) {
        let deadline = Instant::now() + patient(LIMIT);
        loop {
            let metrics = self.metrics();
            if holds(sum(&metrics, name, words)) {
                return;
            }
            assert!(Instant::now() < deadline, "{name} {words:?} in\n{metrics}");
            sleep(Duration::from_millis(50));
        }
    }

    /// Ends it by Ctrl-C.
    pub fn stop(mut self) -> Ended {
        let asked = Instant::now();
        kill(Pid::from_raw(self.child.id() as i32), Signal::SIGINT).expect("a signal");
        let status = trace::wait(&mut self.child, asked + patient(LIMIT));
        let took = asked.elapsed();
        let stderr = self.kill();
        Ended {
            status: status.unwrap_or_else(|| panic!("it does not end: {stderr}")),
            took,
            stderr,
        }
    }

    /// What it said on stderr.
    fn kill(&mut self) -> String {
        let _ = self.child.kill();
        let _ = self.child.wait();
        let stderr = self.stderr.take().and_then(|it| it.join().ok());
        stderr.unwrap_or_default()
    }
}

impl Drop for Serving {
    fn drop(&mut self) {
        let stderr = self.kill();
        if thread::panicking() {
            eprintln!("tcptrace serve said:\n{stderr}");
        }
    }
}

/// The sum of a metric over all labels that have these words.
pub fn sum(metrics: &str, name: &str, words: &[&str]) -> f64 {
    let lines = metrics.lines().filter_map(|line| {
        let rest = line.strip_prefix(name)?;
        let (labels, value) = rest.rsplit_once(' ')?;
        let its = labels.is_empty() || labels.starts_with('{');
        let has_all = words.iter().all(|word| labels.contains(word));
        (its && has_all).then(|| value.parse::<f64>().expect("a number"))
    });
    lines.sum()
}
