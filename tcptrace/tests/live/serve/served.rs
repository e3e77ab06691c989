//! A `tcptrace serve` at work, and what it answers.

use std::{
    collections::BTreeMap,
    os::unix::net::UnixStream,
    path::PathBuf,
    process::{Child, Command, Output, Stdio},
    thread::sleep,
    time::{Duration, Instant},
};

use nix::{
    sys::signal::{Signal, kill},
    unistd::Pid,
};
use tempfile::TempDir;

use crate::{namespace::Namespace, trace::binary};

/// A `tcptrace serve` at work. It is asked over a Unix socket, so that what is traced has no
/// connections of its own.
pub struct Served {
    child: Option<Child>,
    folder: TempDir,
}

impl Drop for Served {
    fn drop(&mut self) {
        if let Some(mut child) = self.child.take() {
            let _ = child.kill();
            let _ = child.wait();
        }
    }
}

impl Served {
    pub fn of(net: &Namespace, arguments: &[&str]) -> Self {
        Self::run(net, arguments, |_| {})
    }

    pub fn run(net: &Namespace, arguments: &[&str], more: impl FnOnce(&mut Command)) -> Self {
        let folder = TempDir::new().expect("a folder");
        let mut command = serve(&format!("unix:{}", folder.path().join("s").display()));
        command
            .args(["--netns", &net.inode().to_string()])
            .args(arguments);
        more(&mut command);
        let child = command.stderr(Stdio::piped()).spawn().expect("tcptrace");
        let it = Self {
            child: Some(child),
            folder,
        };
        until("it is ready", || {
            it.try_ask("/-/ready", "")
                .is_some_and(|it| it.status == 200)
        });
        it
    }

    pub fn socket(&self) -> PathBuf {
        self.folder.path().join("s")
    }

    pub fn pid(&self) -> u32 {
        self.child.as_ref().expect("it was started").id()
    }

    pub fn signal(&self, signal: Signal) {
        kill(Pid::from_raw(self.pid() as i32), signal).expect("it is there");
    }

    pub fn try_ask(&self, path: &str, accept: &str) -> Option<Answer> {
        let stream = UnixStream::connect(self.socket()).ok()?;
        ask(stream, path, accept)
    }

    pub fn ask(&self, accept: &str) -> Answer {
        let answer = self.try_ask("/metrics", accept).expect("an answer");
        assert_eq!(answer.status, 200, "{}", answer.text());
        answer
    }

    pub fn figures(&self) -> Figures {
        Figures::read(&self.ask("text/plain").text())
    }

    pub fn stop(mut self) -> Output {
        self.signal(Signal::SIGINT);
        let child = self.child.take().expect("it was started");
        let output = child.wait_with_output().expect("its end");
        assert!(!self.socket().exists(), "its socket goes with it");
        output
    }
}

fn serve(listen: &str) -> Command {
    let mut command = Command::new(binary());
    command.args(["serve", "--listen", listen]);
    command
}

pub fn until(what: &str, mut is_so: impl FnMut() -> bool) {
    let began = Instant::now();
    while !is_so() {
        assert!(began.elapsed() < Duration::from_secs(30), "{what}");
        sleep(Duration::from_millis(20));
    }
}

/// What HTTP answered.
pub struct Answer {
    pub status: u16,
    pub head: String,
    pub body: Vec<u8>,
}

impl Answer {
    pub fn text(&self) -> String {
        String::from_utf8_lossy(&self.body).into_owned()
    }
}

pub fn ask(
    mut stream: impl std::io::Read + std::io::Write,
    path: &str,
    accept: &str,
) -> Option<Answer> {
    let request = format!("GET {path} HTTP/1.1\r\nhost: x\r\naccept: {accept}\r\n\r\n");
    stream.write_all(request.as_bytes()).ok()?;
    let mut answer = Vec::new();
    stream.read_to_end(&mut answer).ok()?;
    let at = answer.windows(4).position(|it| it == b"\r\n\r\n")?;
    let head = String::from_utf8_lossy(&answer[..at]).into_owned();
    Some(Answer {
        status: head.split(' ').nth(1)?.parse().ok()?,
        head,
        body: answer[at + 4..].to_vec(),
    })
}

/// Time series by their names with labels.
pub struct Figures(pub BTreeMap<String, f64>);

impl Figures {
    pub fn read(text: &str) -> Self {
        let lines = text.lines().filter(|it| !it.starts_with('#'));
        let all = lines.map(|line| {
            let (name, value) = line.rsplit_once(' ').expect("a name and a value");
            (name.to_owned(), value.parse().expect("a number"))
        });
        Self(all.collect())
    }

    pub fn of(&self, name: &str) -> Option<f64> {
        self.0.get(name).copied()
    }

    /// The sum of all that begin so, of those that have that label.
    pub fn sum(&self, metric: &str, label: &str) -> f64 {
        let all = self.0.iter();
        let some =
            all.filter(|(name, _)| name.split('{').next() == Some(metric) && name.contains(label));
        some.map(|(_, value)| value).sum()
    }

    pub fn in_state(&self, state: &str) -> Option<f64> {
        self.of(&format!("tcptrace_connections{{state=\"{state}\"}}"))
    }
}
