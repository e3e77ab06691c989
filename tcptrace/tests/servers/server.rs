//! A server program, running.

use std::{
    fs::{self, File, Permissions},
    os::unix::{fs::PermissionsExt as _, process::CommandExt as _},
    path::{Path, PathBuf},
    process::{Child, Command, Stdio},
    thread::sleep,
    time::{Duration, Instant},
};

use nix::{
    sys::{
        prctl::set_pdeathsig,
        signal::{Signal, killpg},
    },
    unistd::Pid,
};
use tempfile::TempDir;

pub use crate::program::Program;

/// How long a server may take to listen: the machine may be building something else.
const START_LIMIT: Duration = Duration::from_secs(30);

/// A folder for a server's files, which those of any user can read.
pub fn folder() -> TempDir {
    let folder = tempfile::tempdir().expect("a folder");
    fs::set_permissions(folder.path(), Permissions::from_mode(0o755)).expect("permissions");
    folder
}

/// A server in the foreground, in the namespace of the test. It ends with the test.
pub struct Server {
    child: Child,
    log: PathBuf,
    _folder: TempDir,
}

impl Server {
    /// Starts it with these arguments, and returns when it listens at the port of loopback.
    pub fn start<const N: usize>(
        program: Program,
        folder: TempDir,
        arguments: [&str; N],
        port: u16,
    ) -> Self {
        Self::start_file(&program.path(), folder, arguments, port)
    }

    /// The same of a program that is anywhere.
    pub fn start_file<const N: usize>(
        path: &Path,
        folder: TempDir,
        arguments: [&str; N],
        port: u16,
    ) -> Self {
        let log = folder.path().join("output");
        let output = File::create(&log).expect("a file for its output");
        let mut command = Command::new(path);
        // SAFETY: a bare system call: nothing that a fork could leave half done.
        unsafe {
            command.pre_exec(|| {
                // Nobody would end it if the tests were aborted. It tells its workers.
                set_pdeathsig(Signal::SIGTERM)?;
                Ok(())
            });
        }
        let child = command
            .args(arguments)
            .process_group(0)
            .stdin(Stdio::null())
            .stdout(output.try_clone().expect("another descriptor"))
            .stderr(output)
            .spawn()
            .unwrap_or_else(|error| panic!("{}: {error}", path.display()));
        let mut server = Self {
            child,
            log,
            _folder: folder,
        };
        server.await_port(path, port);
        server
    }

    /// What it wrote so far.
    pub fn output(&self) -> String {
        fs::read_to_string(&self.log).unwrap_or_default()
    }

    fn await_port(&mut self, path: &Path, port: u16) {
        let deadline = Instant::now() + START_LIMIT;
        while !is_listening(port) {
            let ended = self.child.try_wait().expect("wait");
            if ended.is_some() || Instant::now() > deadline {
                let said = self.output();
                panic!("{} does not listen ({ended:?}): {said}", path.display());
            }
            sleep(Duration::from_millis(10));
        }
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        // Its workers with it.
        let _ = killpg(Pid::from_raw(self.child.id() as i32), Signal::SIGKILL);
        let _ = self.child.wait();
    }
}

/// Whether anybody listens at that port, in the namespace of this thread. A connection would tell,
/// too, but be traced.
fn is_listening(port: u16) -> bool {
    /// TCP_LISTEN, as `/proc/net/tcp` writes it.
    const LISTEN: &str = "0A";
    let sockets = fs::read_to_string("/proc/thread-self/net/tcp").expect("sockets");
    let at_port = format!(":{port:04X}");
    sockets.lines().any(|line| {
        let words: Vec<&str> = line.split_whitespace().collect();
        words.get(1).is_some_and(|local| local.ends_with(&at_port)) && words[3] == LISTEN
    })
}
