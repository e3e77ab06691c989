//! A container engine, in namespaces of its own.

use std::{
    fs::{self, File},
    os::unix::process::CommandExt as _,
    path::{Path, PathBuf},
    process::{Child, Command, Stdio},
    thread::sleep,
    time::{Duration, Instant},
};

use nix::{
    mount::{MsFlags, mount},
    sched::{CloneFlags, unshare},
    sys::{prctl::set_pdeathsig, signal::Signal},
};
use tempfile::TempDir;

use crate::{namespace::Namespace, patience::patient};

/// How long an engine may take to answer.
const START_LIMIT: Duration = Duration::from_secs(60);

/// The network and the file systems that this thread, and what it starts, have for themselves.
pub struct Room {
    pub net: Namespace,
    pub folder: TempDir,
    /// The name of a control group that all of the test's are in.
    pub cgroup: String,
}

impl Room {
    /// Makes one. /run and /var/lib are empty, and in memory.
    pub fn new(name: &str) -> Self {
        let net = Namespace::new();
        let folder = tempfile::tempdir().expect("a folder");
        unshare(CloneFlags::CLONE_NEWNS).expect("a mount namespace");
        let none: Option<&str> = None;
        let private = MsFlags::MS_REC | MsFlags::MS_PRIVATE;
        mount(none, "/", none, private, none).expect("mounts of its own");
        for place in ["/run", "/var/lib"] {
            mount(Some("tmpfs"), place, Some("tmpfs"), MsFlags::empty(), none).expect("tmpfs");
        }
        let cgroup = format!("tcptrace-{name}-{}", std::process::id());
        Self {
            net,
            folder,
            cgroup,
        }
    }

    pub fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }
}

impl Drop for Room {
    /// What an engine that was killed left.
    fn drop(&mut self) {
        let mounts = fs::read_to_string("/proc/self/mounts").unwrap_or_default();
        for mount in mounts.lines() {
            let words: Vec<&str> = mount.split(' ').collect();
            if words[2] == "cgroup" || words[2] == "cgroup2" {
                remove(&Path::new(words[1]).join(&self.cgroup));
            }
        }
    }
}

/// Removes a control group, and those in it.
fn remove(cgroup: &Path) {
    for entry in fs::read_dir(cgroup).into_iter().flatten().flatten() {
        if entry.path().is_dir() {
            remove(&entry.path());
        }
    }
    let deadline = Instant::now() + Duration::from_secs(2);
    while cgroup.exists() && fs::remove_dir(cgroup).is_err() && Instant::now() < deadline {
        sleep(Duration::from_millis(5));
    }
}

/// An engine, running. It ends with the test, and all that it has started.
pub struct Engine {
    child: Child,
    log: PathBuf,
}

impl Engine {
    /// Starts it as the first process of a namespace, and returns when `answers` is true.
    pub fn start(
        room: &Room,
        program: &Path,
        arguments: &[&str],
        answers: impl Fn() -> bool,
    ) -> Self {
        let log = room.path("engine.log");
        let output = File::create(&log).expect("a file for its output");
        let mut command = Command::new("unshare");
        command
            .args(["--pid", "--fork", "--kill-child", "--mount-proc", "--"])
            .arg(program)
            .args(arguments)
            .stdin(Stdio::null())
            .stdout(output.try_clone().expect("another descriptor"))
            .stderr(output);
        // SAFETY: a bare system call: nothing that a fork could leave half done.
        unsafe {
            command.pre_exec(|| {
                // Nobody would end it if the tests were aborted.
                set_pdeathsig(Signal::SIGKILL)?;
                Ok(())
            });
        }
        let mut engine = Self {
            child: command.spawn().expect("unshare"),
            log,
        };
        let deadline = Instant::now() + patient(START_LIMIT);
        while !answers() {
            let ended = engine.child.try_wait().expect("wait");
            if ended.is_some() || Instant::now() > deadline {
                panic!("it does not answer ({ended:?}): {}", engine.said());
            }
            sleep(Duration::from_millis(50));
        }
        engine
    }

    /// What it said so far.
    pub fn said(&self) -> String {
        fs::read_to_string(&self.log).unwrap_or_default()
    }
}

impl Drop for Engine {
    fn drop(&mut self) {
        if std::thread::panicking() {
            eprintln!("{}", self.said());
        }
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
