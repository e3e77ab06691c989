//! `tcptrace ship`, started by a test.

use std::{
    ffi::OsString,
    fs,
    io::Read as _,
    os::unix::process::CommandExt as _,
    path::{Path, PathBuf},
    process::{Child, Command, Stdio},
    thread::{self, JoinHandle, sleep},
    time::{Duration, Instant},
};

use nix::sys::{
    prctl::set_pdeathsig,
    signal::{Signal, kill},
};
use nix::unistd::Pid;
use serde_json::Value;
use tempfile::TempDir;

use crate::patience::patient;

/// How long it may take.
const LIMIT: Duration = Duration::from_secs(150);

/// The binary that is tested.
pub fn binary() -> OsString {
    std::env::var_os("TCPTRACE_BIN").unwrap_or_else(|| env!("CARGO_BIN_EXE_tcptrace").into())
}

/// A recording, and where it is shipped to.
pub struct Ship {
    pub folder: PathBuf,
    pub to: String,
    pub state: TempDir,
    /// Where it is kept how far it is; `None`: in `state`.
    pub state_at: Option<PathBuf>,
    arguments: Vec<String>,
    environment: Vec<(&'static str, String)>,
}

/// How it ended.
#[derive(Debug)]
pub struct Ended {
    /// `None`: by a signal.
    pub code: Option<i32>,
    pub stderr: String,
}

impl Ended {
    /// It went well, and said nothing that is a failure.
    #[track_caller]
    pub fn done(self) -> String {
        assert_eq!(self.code, Some(0), "{self:?}");
        self.stderr
    }

    /// It failed with this status, and one line on stderr that has these words.
    #[track_caller]
    pub fn failed(self, code: i32, words: &[&str]) {
        assert_eq!(self.code, Some(code), "{self:?}");
        assert_eq!(self.stderr.lines().count(), 1, "{self:?}");
        for word in words {
            assert!(self.stderr.contains(word), "no {word:?} in {self:?}");
        }
    }
}

impl Ship {
    pub fn new(folder: &Path, to: impl Into<String>) -> Self {
        Self {
            folder: folder.to_owned(),
            to: to.into(),
            state: TempDir::new().expect("a folder"),
            state_at: None,
            arguments: Vec::new(),
            environment: Vec::new(),
        }
    }

    pub fn with(mut self, arguments: &[&str]) -> Self {
        self.arguments
            .extend(arguments.iter().map(|&it| it.to_owned()));
        self
    }

    pub fn password(self, password: &str) -> Self {
        self.env("TCPTRACE_SHIP_PASSWORD", password)
    }

    pub fn env(mut self, variable: &'static str, value: &str) -> Self {
        self.environment.push((variable, value.to_owned()));
        self
    }

    /// Starts it.
    pub fn start(&self) -> Shipping {
        let mut command = Command::new(binary());
        command
            .args(["ship", "--to", &self.to, "-r"])
            .arg(&self.folder)
            .arg("--state")
            .arg(self.state_at.as_deref().unwrap_or(self.state.path()))
            .args(&self.arguments)
            .env_remove("TCPTRACE_SHIP_PASSWORD")
            .envs(self.environment.iter().map(|(name, value)| (name, value)));
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
            .stdout(Stdio::null())
            .stderr(Stdio::piped())
            .spawn()
            .expect("tcptrace starts");
        let mut said = child.stderr.take().expect("a pipe");
        let stderr = thread::spawn(move || {
            let mut text = Vec::new();
            let _ = said.read_to_end(&mut text);
            String::from_utf8_lossy(&text).into_owned()
        });
        Shipping { child, stderr }
    }

    /// The segment that it has reached, by what it keeps of that.
    pub fn segment(&self) -> u64 {
        let files = fs::read_dir(self.state.path()).expect("a folder");
        let mut paths = files.map(|it| it.expect("a file").path());
        let kept = paths.find(|it| it.extension() == Some("shipped".as_ref()));
        let Some(kept) = kept else { return 0 };
        let text = String::from_utf8_lossy(&fs::read(kept).expect("a file")).into_owned();
        let head: Value = serde_json::from_str(text.lines().next().expect("a line")).expect("JSON");
        head["position"]["segment"].as_u64().unwrap_or(0)
    }

    /// Runs it to its end.
    pub fn run(&self) -> Ended {
        self.start().end()
    }
}

/// It runs.
pub struct Shipping {
    child: Child,
    stderr: JoinHandle<String>,
}

impl Shipping {
    pub fn is_over(&mut self) -> bool {
        self.child.try_wait().expect("its status").is_some()
    }

    /// Waits until it ends by itself.
    pub fn end(mut self) -> Ended {
        let deadline = Instant::now() + patient(LIMIT);
        while !self.is_over() {
            if Instant::now() >= deadline {
                let _ = self.child.kill();
                panic!("it does not end: {}", self.stderr.join().expect("its text"));
            }
            sleep(Duration::from_millis(10));
        }
        Ended {
            code: self.child.wait().expect("its status").code(),
            stderr: self.stderr.join().expect("its text"),
        }
    }

    /// Sends it SIGTERM, and waits for its end.
    pub fn stop(self) -> Ended {
        let pid = Pid::from_raw(self.child.id() as i32);
        kill(pid, Signal::SIGTERM).expect("a signal");
        self.end()
    }

    /// Kills it.
    pub fn kill(mut self) -> Ended {
        let _ = self.child.kill();
        self.end()
    }
}
