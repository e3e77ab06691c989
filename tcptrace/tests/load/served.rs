//! `tcptrace serve` beside another trace, asked over a Unix socket: it makes no connection of its
//! own.

use std::{
    collections::HashMap,
    io::{Read as _, Write as _},
    os::unix::net::UnixStream,
    path::PathBuf,
    process::{Child, Command, Stdio},
    thread,
    time::{Duration, Instant},
};

use tempfile::TempDir;

/// It runs.
pub struct Served {
    child: Child,
    folder: TempDir,
}

impl Served {
    /// Starts it in the namespace that this thread is in, and waits until it traces.
    pub fn start() -> Self {
        let folder = TempDir::new().expect("a folder");
        let binary = std::env::var_os("TCPTRACE_BIN")
            .unwrap_or_else(|| env!("CARGO_BIN_EXE_tcptrace").into());
        let listen = format!("unix:{}", folder.path().join("s").display());
        let child = Command::new(binary)
            .args(["serve", "--netns", "self", "--buffer-size", "64M"])
            .args(["--listen", &listen])
            .stderr(Stdio::null())
            .spawn()
            .expect("tcptrace starts");
        let it = Self { child, folder };
        let deadline = Instant::now() + Duration::from_secs(30);
        while it.ask().is_none() {
            assert!(Instant::now() < deadline, "it does not serve");
            thread::sleep(Duration::from_millis(20));
        }
        it
    }

    fn socket(&self) -> PathBuf {
        self.folder.path().join("s")
    }

    fn ask(&self) -> Option<String> {
        let mut stream = UnixStream::connect(self.socket()).ok()?;
        let request = b"GET /metrics HTTP/1.1\r\nhost: x\r\n\r\n";
        stream.write_all(request).ok()?;
        let mut answer = String::new();
        stream.read_to_string(&mut answer).ok()?;
        answer.starts_with("HTTP/1.1 200 ").then_some(answer)
    }

    /// Transitions by `FROM TO reason`, and the events that were lost.
    pub fn transitions(&self) -> (HashMap<String, u64>, u64) {
        let answer = self.ask().expect("figures");
        let number = |line: &str| {
            let (_, number) = line.rsplit_once(' ').expect("a number");
            number.trim().parse().expect("a count")
        };
        let mut counts = HashMap::new();
        let mut lost = 0;
        for line in answer.lines() {
            if line.starts_with("tcptrace_transitions_total{") {
                let words: Vec<&str> = line.split('"').collect();
                let label = format!("{} {} {}", words[1], words[3], words[5]);
                counts.insert(label, number(line));
            } else if line.starts_with("tcptrace_events_lost_total ") {
                lost = number(line);
            }
        }
        (counts, lost)
    }
}

impl Drop for Served {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
