//! tcptrace, running, and its lines counted: there are too many to keep.

use std::{
    collections::HashMap,
    ffi::OsString,
    fs::File,
    io::{self, BufRead as _, BufReader, Read as _},
    os::unix::process::CommandExt as _,
    process::{Child, Command, Stdio},
    sync::{
        Arc,
        atomic::{AtomicI64, AtomicU64, Ordering},
        mpsc,
    },
    thread::{self, JoinHandle},
    time::{Duration, Instant},
};

use nix::{
    sched::{CloneFlags, setns},
    sys::{
        prctl::set_pdeathsig,
        signal::{Signal, kill},
    },
    unistd::Pid,
};
use serde_json::Value;

use crate::memory;

/// Nothing takes that long, but on a machine that has other things to do.
const LIMIT: Duration = Duration::from_secs(120);

/// A transition whose segments that were sent again are not known.
const UNCOUNTED: &[u8] = b"\"retransmits\":null";
/// How a detail is written that is not null.
const DETAIL: &[u8] = b"\"detail\":\"";
/// A transition's detail comes within so many bytes behind its reason.
const DETAIL_WITHIN: usize = 64;

/// What a flow has whose end was not seen.
const UNENDED: &[u8] = b"\"end\":null";

/// tcptrace, running.
pub struct Traced {
    child: Child,
    /// Lines so far, of the kind that is asked for.
    lines: Arc<AtomicU64>,
    /// Events that it said are lost, so far.
    lost: Arc<AtomicU64>,
    /// TIME_WAITs that began and have not ended, so far.
    time_waits: Arc<AtomicI64>,
    reader: Option<JoinHandle<Told>>,
    logged: Option<JoinHandle<u64>>,
    /// From its start to its `start` line.
    pub took: Duration,
}

/// All that it said, counted.
#[derive(Debug, Default)]
pub struct Told {
    /// Transitions by `FROM TO reason`, or `reason:detail`; flows by their end, or `unended`.
    pub counts: HashMap<String, u64>,
    /// Transitions from FIN_WAIT2 to CLOSED of full sockets: only those count what they sent again.
    pub without_minisock: u64,
    /// The events of all `lost` lines.
    pub lost: u64,
    /// The last `stats` line of the whole run.
    pub run: Option<Value>,
    /// The `end` line.
    pub end: Option<Value>,
    /// Records of the kernel half that were received, where they are logged (-vvv).
    pub records: u64,
    /// Events of the whole machine for which the kernel did not run the kernel half, as it ran
    /// already: they count as lost, whosever they were.
    pub missed: u64,
}

impl Traced {
    /// Starts it in the namespace that this thread is in; its lines are read, and counted, by a
    /// thread, which is not to keep that namespace alive.
    pub fn start(outside: &File, arguments: &[&str]) -> Self {
        let mut traced = Self::start_unread(arguments);
        traced.read_on(outside);
        traced
    }

    /// The same, but nobody reads its lines behind the first: see [`read_on`](Self::read_on).
    pub fn start_unread(arguments: &[&str]) -> Self {
        let began = Instant::now();
        let binary = std::env::var_os("TCPTRACE_BIN")
            .unwrap_or_else(|| env!("CARGO_BIN_EXE_tcptrace").into());
        let mut command = Command::new(binary);
        command.args(arguments.iter().map(OsString::from));
        // SAFETY: a bare system call: nothing that a fork could leave half done.
        unsafe {
            command.pre_exec(|| Ok(set_pdeathsig(Signal::SIGKILL)?));
        }
        let mut child = command
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .expect("tcptrace starts");
        // Byte by byte: what comes behind the line is for another reader.
        let output = child.stdout.as_mut().expect("its output");
        let mut first = Vec::new();
        while first.last() != Some(&b'\n') {
            let mut byte = [0];
            if output.read(&mut byte).expect("a byte") == 0 {
                let mut why = String::new();
                let _ = child
                    .stderr
                    .take()
                    .expect("stderr")
                    .read_to_string(&mut why);
                panic!("tcptrace did not start: {why}");
            }
            first.push(byte[0]);
        }
        assert!(first.starts_with(br#"{"type":"start""#), "{first:?}");
        Self {
            child,
            lines: Arc::default(),
            lost: Arc::default(),
            time_waits: Arc::default(),
            reader: None,
            logged: None,
            took: began.elapsed(),
        }
    }

    /// Reads on, by a thread.
    pub fn read_on(&mut self, outside: &File) {
        self.read_on_with(outside, Duration::ZERO);
    }

    /// The same, with a pause before each 64 KiB.
    pub fn read_on_with(&mut self, outside: &File, pause: Duration) {
        let (ready, is_ready) = mpsc::channel();
        let spawn = |outside: File, ready: mpsc::Sender<()>| {
            move || {
                setns(outside, CloneFlags::CLONE_NEWNET).expect("the namespace outside");
                ready.send(()).expect("the test waits");
            }
        };
        let output = Slow(self.child.stdout.take().expect("its output"), pause);
        let leave = spawn(outside.try_clone().expect("a descriptor"), ready.clone());
        let so_far = SoFar {
            lines: Arc::clone(&self.lines),
            lost: Arc::clone(&self.lost),
            time_waits: Arc::clone(&self.time_waits),
        };
        self.reader = Some(thread::spawn(move || {
            leave();
            read(BufReader::with_capacity(1 << 16, output), &so_far)
        }));
        let log = self.child.stderr.take().expect("stderr");
        let leave = spawn(outside.try_clone().expect("a descriptor"), ready);
        self.logged = Some(thread::spawn(move || {
            leave();
            let log = BufReader::with_capacity(1 << 16, log);
            let lines = log.split(b'\n').map_while(Result::ok);
            // The kernel half logs, too.
            lines.filter(|line| line.ends_with(b"})")).count() as u64
        }));
        for _ in 0..2 {
            is_ready.recv().expect("a reader");
        }
    }

    /// Its process id.
    pub fn pid(&self) -> u32 {
        self.child.id()
    }

    /// Lines of transitions or flows so far; of `stats`, ESTABLISHED entered.
    pub fn lines(&self) -> u64 {
        self.lines.load(Ordering::Relaxed)
    }

    /// TIME_WAITs that began since it was started, and have not ended, so far.
    pub fn time_waits(&self) -> i64 {
        self.time_waits.load(Ordering::Relaxed)
    }

    /// Waits until there are so many lines.
    pub fn wait_for(&mut self, lines: u64) {
        let deadline = Instant::now() + LIMIT;
        while self.lines() < lines {
            assert!(
                Instant::now() < deadline,
                "{} lines of {lines} within {LIMIT:?}, {} events lost so far",
                self.lines(),
                self.lost.load(Ordering::Relaxed)
            );
            if let Some(status) = self.child.try_wait().expect("wait") {
                panic!("tcptrace ended by itself: {status}");
            }
            thread::sleep(Duration::from_millis(2));
        }
    }

    /// Sends it a signal.
    pub fn signal(&self, signal: Signal) {
        kill(Pid::from_raw(self.child.id() as i32), signal).expect("a signal");
    }

    /// Ends it; what it said is complete then.
    pub fn stop(mut self) -> Told {
        // What is missed later on is none of the test's.
        let missed = memory::missed(self.pid());
        self.signal(Signal::SIGTERM);
        let mut told = self.reader.take().expect("a reader").join().expect("lines");
        told.records = self.logged.take().expect("a reader").join().expect("lines");
        told.missed = missed;
        let status = self.child.wait().expect("wait");
        assert!(status.success(), "{status}");
        assert_eq!(told.lost, told.last("lost"), "the last line has the sum");
        told
    }
}

impl Drop for Traced {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

impl Told {
    /// How many there were of these.
    pub fn of(&self, what: &str) -> u64 {
        self.counts.get(what).copied().unwrap_or_default()
    }

    /// A number of the last line.
    pub fn last(&self, field: &str) -> u64 {
        let end = self.end.as_ref().expect("an `end` line");
        end[field]
            .as_u64()
            .unwrap_or_else(|| panic!("no {field} in {end}"))
    }

    /// Nothing was lost.
    pub fn assert_whole(&self) {
        assert!(self.lost <= self.missed, "{} events were lost", self.lost);
        assert_eq!(self.last("forgotten"), 0, "connections were forgotten");
    }

    /// How many transitions are like this; `*` stands for any state, reason or reason's detail.
    pub fn sum(&self, from: &str, to: &str, reason: &str) -> u64 {
        let like = |word: Option<&str>, wanted: &str| {
            wanted == "*" || word.is_some_and(|word| word == wanted)
        };
        self.counts
            .iter()
            .filter(|(label, _)| {
                let mut words = label.split(' ');
                like(words.next(), from) && like(words.next(), to) && like(words.next(), reason)
            })
            .map(|(_, count)| count)
            .sum()
    }

    /// There is exactly this.
    pub fn assert_counts(&self, wanted: &[(&str, u64)]) {
        let wanted: HashMap<String, u64> = wanted
            .iter()
            .filter(|(_, count)| *count > 0)
            .map(|(what, count)| ((*what).to_owned(), *count))
            .collect();
        assert_eq!(self.counts, wanted);
    }
}

/// A reader that takes its time.
struct Slow<R>(R, Duration);

impl<R: io::Read> io::Read for Slow<R> {
    fn read(&mut self, bytes: &mut [u8]) -> io::Result<usize> {
        thread::sleep(self.1);
        self.0.read(bytes)
    }
}

/// What is known while it still runs.
struct SoFar {
    lines: Arc<AtomicU64>,
    lost: Arc<AtomicU64>,
    time_waits: Arc<AtomicI64>,
}

fn read(mut output: BufReader<impl std::io::Read>, so_far: &SoFar) -> Told {
    let SoFar {
        lines,
        lost,
        time_waits,
    } = so_far;
    let mut told = Told::default();
    let mut counts: HashMap<Vec<u8>, u64> = HashMap::new();
    let mut line = Vec::new();
    loop {
        line.clear();
        if output.read_until(b'\n', &mut line).expect("a line") == 0 {
            break;
        }
        if line.starts_with(br#"{"type":"transition""#) {
            let label = label(&line, &[b"\"from\":\"", b"\"to\":\"", b"\"reason\":\""]);
            if label.starts_with(b"TIME_WAIT ") {
                time_waits.fetch_sub(1, Ordering::Relaxed);
            } else if label.starts_with(b"FIN_WAIT2 CLOSED ")
                && !line.windows(UNCOUNTED.len()).any(|it| it == UNCOUNTED)
            {
                told.without_minisock += 1;
            } else if label.windows(11).any(|word| word == b" TIME_WAIT ") {
                time_waits.fetch_add(1, Ordering::Relaxed);
            }
            count(&mut counts, label);
            lines.fetch_add(1, Ordering::Relaxed);
        } else if line.starts_with(br#"{"type":"flow""#) {
            let unended = line.windows(UNENDED.len()).any(|it| it == UNENDED);
            let label = match unended {
                true => b"unended".to_vec(),
                false => label(&line, &[b"\"end\":\""]),
            };
            count(&mut counts, label);
            lines.fetch_add(1, Ordering::Relaxed);
        } else {
            let value: Value = serde_json::from_slice(&line).expect("JSON");
            match value["type"].as_str() {
                Some("stats") => {
                    let entered = &value["states"]["ESTABLISHED"]["entered"];
                    if value["span"] == "run" {
                        told.run = Some(value);
                    } else {
                        let entered = entered.as_u64().expect("a number");
                        lines.fetch_add(entered, Ordering::Relaxed);
                    }
                }
                Some("lost") => {
                    told.lost += value["events"].as_u64().expect("a number");
                    lost.store(told.lost, Ordering::Relaxed);
                }
                Some("end") => told.end = Some(value),
                _ => panic!("{value}"),
            }
        }
    }
    told.counts = counts
        .into_iter()
        .map(|(label, count)| (String::from_utf8(label).expect("UTF-8"), count))
        .collect();
    told
}

/// The values of these fields, which are in that order, with spaces between, and the detail that
/// follows them.
fn label(line: &[u8], fields: &[&[u8]]) -> Vec<u8> {
    let mut rest = line;
    let mut label = Vec::new();
    for field in fields {
        let at = rest
            .windows(field.len())
            .position(|window| window == *field)
            .unwrap_or_else(|| panic!("{}", String::from_utf8_lossy(line)));
        rest = &rest[at + field.len()..];
        let end = rest.iter().position(|byte| *byte == b'"').expect("a value");
        if !label.is_empty() {
            label.push(b' ');
        }
        label.extend_from_slice(&rest[..end]);
    }
    let behind = &rest[..rest.len().min(DETAIL_WITHIN)];
    if let Some(at) = behind.windows(DETAIL.len()).position(|it| it == DETAIL) {
        let detail = &rest[at + DETAIL.len()..];
        let end = detail.iter().position(|byte| *byte == b'"');
        label.push(b':');
        label.extend_from_slice(&detail[..end.expect("a value")]);
    }
    label
}

fn count(counts: &mut HashMap<Vec<u8>, u64>, label: Vec<u8>) {
    *counts.entry(label).or_default() += 1;
}
