//! tcptrace, run to its end.

use std::{
    ffi::OsStr,
    io::Read,
    process::{Child, Command, Stdio},
    thread,
    time::{Duration, Instant},
};

use crate::{
    patience::patient,
    trace::{binary, wait},
};

/// How long it may take: the machine may be building something else.
const LIMIT: Duration = Duration::from_secs(30);

/// What it said, and its status.
#[derive(Debug)]
pub struct Ran {
    pub status: Option<i32>,
    pub stdout: String,
    pub stderr: String,
}

impl Ran {
    /// The one line that says why it did nothing.
    #[track_caller]
    pub fn refusal(&self, status: i32) -> &str {
        assert_eq!(self.status, Some(status), "{self:?}");
        assert_eq!(self.stdout, "", "{self:?}");
        assert_eq!(self.stderr.lines().count(), 1, "{self:?}");
        assert!(self.stderr.starts_with("tcptrace: "), "{self:?}");
        assert!(!self.stderr.contains("panicked"), "{self:?}");
        self.stderr.trim_end()
    }

    /// Nothing went wrong, and nothing was said of it.
    #[track_caller]
    pub fn succeeded(&self) -> &str {
        assert_eq!((self.status, &*self.stderr), (Some(0), ""), "{self:?}");
        &self.stdout
    }
}

/// Runs it.
pub fn run<S: AsRef<OsStr>>(arguments: impl IntoIterator<Item = S>) -> Ran {
    run_under::<&str, S>([], arguments)
}

/// The same, executed by another program, which makes its world another one before.
pub fn run_under<U: AsRef<OsStr>, S: AsRef<OsStr>>(
    words: impl IntoIterator<Item = U>,
    arguments: impl IntoIterator<Item = S>,
) -> Ran {
    let mut words: Vec<_> = words.into_iter().map(|it| it.as_ref().to_owned()).collect();
    words.push(binary());
    let mut command = Command::new(&words[0]);
    command.args(&words[1..]).args(arguments);
    ended(
        command
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap_or_else(|error| panic!("{}: {error}", words[0].display())),
    )
}

/// Waits for its end.
pub fn ended(mut child: Child) -> Ran {
    let stdout = child.stdout.take().map(reader);
    let stderr = child.stderr.take().map(reader);
    let status = wait(&mut child, Instant::now() + patient(LIMIT));
    if status.is_none() {
        let _ = child.kill();
        let _ = child.wait();
    }
    let text = |reader: Option<thread::JoinHandle<String>>| {
        reader.map_or_else(String::new, |it| it.join().expect("its output"))
    };
    let ran = Ran {
        status: status.and_then(|it| it.code()),
        stdout: text(stdout),
        stderr: text(stderr),
    };
    assert!(status.is_some(), "it does not end: {ran:?}");
    ran
}

fn reader(mut from: impl Read + Send + 'static) -> thread::JoinHandle<String> {
    thread::spawn(move || {
        let mut text = Vec::new();
        let _ = from.read_to_end(&mut text);
        String::from_utf8_lossy(&text).into_owned()
    })
}

/// A shell that does `script` in a mount namespace of its own, and then becomes tcptrace.
pub fn after_mounting(script: &str) -> Vec<String> {
    let script = format!("set -e; {script}; exec \"$@\"");
    ["unshare", "--mount", "sh", "-c", &script, "sh"]
        .map(str::to_owned)
        .to_vec()
}
