//! A recording of standard situations, and what `watch` told of them at the same time.

use std::{
    fs::{self, File},
    path::Path,
    process::{Child, Command, Stdio},
    thread::sleep,
    time::{Duration, Instant},
};

use anyhow::{Context as _, Result, ensure};
use nix::{
    sched::{CloneFlags, unshare},
    sys::signal::{Signal, kill},
    unistd::Pid,
};

use crate::{
    Family,
    namespace::Namespace,
    situations::{folder_of_kernel, make, until_time_waits_are_over},
};

/// What is recorded, in this order, over IPv4 and IPv6. Files that are kept are to be small.
const SITUATIONS: [&str; 6] = [
    "client_closes_first",
    "server_closes_first",
    "reset_by_linger",
    "refused",
    "half_open_completes",
    "half_open_times_out",
];
/// One of them after which there is nothing that could be remembered.
const NOTHING_REMAINS: &str = "reset_by_linger";
/// How long an emulated CPU may take to start tcptrace, or to end it.
const LIMIT: Duration = Duration::from_secs(300);
/// What was told is written after so long, on an emulated CPU, too.
const QUIET: Duration = Duration::from_secs(3);
/// The name of the machine in the recording.
const HOST: &str = "recorded";

/// Writes both to the folder of this kernel, in place of what was there.
pub fn capture(tcptrace: &Path, folder: &Path) -> Result<()> {
    let folder = folder_of_kernel(folder)?;
    for name in segments(&folder) {
        fs::remove_file(folder.join(name))?;
    }
    // Not the name of a developer's machine.
    unshare(CloneFlags::CLONE_NEWUTS)?;
    fs::write("/proc/sys/kernel/hostname", HOST)?;
    // Not new(), which closes whatever is open.
    let net = Namespace::of_process();
    let netns = net.inode().to_string();
    let told = folder.join("watch.json");
    let watch = || -> Result<Tracing> {
        let mut watch = Command::new(tcptrace);
        watch.args(["watch", "-o", "json", "--netns", &netns]);
        watch.stdout(File::create(&told)?);
        Tracing::start(watch, || fs::metadata(&told).is_ok_and(|it| it.len() > 0))
    };
    // What an emulated CPU does for the first time may take longer than tcptrace waits for a port.
    let first = watch()?;
    make(NOTHING_REMAINS, &net, Family::V4)?;
    first.end()?;
    let watch = watch()?;
    let mut record = Command::new(tcptrace);
    record
        .args(["record", "--netns", &netns, "-o"])
        .arg(&folder);
    let record = Tracing::start(record, || !segments(&folder).is_empty())?;
    for name in SITUATIONS {
        for family in [Family::V4, Family::V6] {
            make(name, &net, family)?;
        }
    }
    until_time_waits_are_over();
    sleep(QUIET);
    record.end()?;
    watch.end()?;
    let segments = segments(&folder);
    ensure!(
        segments.len() == 1,
        "one segment was expected: {segments:?}"
    );
    eprintln!("capture: {} and {}", told.display(), segments[0]);
    Ok(())
}

/// The segments in a folder.
fn segments(folder: &Path) -> Vec<String> {
    let files = fs::read_dir(folder).into_iter().flatten().flatten();
    let names = files.map(|it| it.file_name().to_string_lossy().into_owned());
    names.filter(|it| it.ends_with(".tcptrace")).collect()
}

/// tcptrace at work.
struct Tracing {
    child: Child,
    shown: String,
}

impl Tracing {
    /// Starts it, and waits until it traces.
    fn start(mut command: Command, traces: impl Fn() -> bool) -> Result<Self> {
        let shown = format!("{command:?}");
        let child = command.stdin(Stdio::null()).spawn();
        let child = child.with_context(|| format!("{shown} can't be started"))?;
        let mut it = Self { child, shown };
        it.until("does not trace", |child| {
            Ok(traces() || child.try_wait()?.is_some())
        })?;
        Ok(it)
    }

    /// Ends it as Ctrl-C does.
    fn end(mut self) -> Result<()> {
        kill(Pid::from_raw(self.child.id() as i32), Signal::SIGINT)?;
        self.until("does not end", |child| Ok(child.try_wait()?.is_some()))?;
        let status = self.child.wait()?;
        ensure!(status.success(), "{} failed: {status}", self.shown);
        Ok(())
    }

    fn until(&mut self, what: &str, is_so: impl Fn(&mut Child) -> Result<bool>) -> Result<()> {
        let deadline = Instant::now() + LIMIT;
        while !is_so(&mut self.child)? {
            ensure!(Instant::now() < deadline, "{} {what}", self.shown);
            sleep(Duration::from_millis(20));
        }
        Ok(())
    }
}

impl Drop for Tracing {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
