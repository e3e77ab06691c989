//! How many instructions an event takes in userspace: callgrind counts them while the recording of a
//! load is read. Unlike seconds, they are the same on every host.

use std::{
    path::Path,
    process::{Command, Stdio},
    thread,
    time::Duration,
};

use anyhow::{Context as _, Result, ensure};
use serde::Deserialize;
use tempfile::TempDir;

use super::{
    attached::die_with_parent,
    load, peers,
    results::{Configuration, Instructions},
};

/// Those whose work on an event is counted.
const COMMANDS: [&str; 3] = ["watch", "flows", "stats"];
/// Seconds of load in two recordings: what only the start takes is the same in both.
const LOADS: [Duration; 2] = [Duration::from_secs(1), Duration::from_secs(3)];
/// After a recorder was started, and before it ends.
const SETTLE: Duration = Duration::from_secs(2);

/// Counts them.
///
/// # Errors
/// When there is no valgrind and it can't be had, or a recording can't be made or read.
pub fn count(binary: &Path) -> Result<Vec<Instructions>> {
    let valgrind = peers::obtain("valgrind", "valgrind")?;
    let [short, long] = LOADS.map(|load| Recorded::of(binary, load));
    let (short, long) = (short?, long?);
    COMMANDS
        .into_iter()
        .map(|command| {
            let count = |it: &Recorded| it.instructions(&valgrind, binary, command);
            let more = count(&long)?.saturating_sub(count(&short)?);
            Ok(Instructions {
                command: command.to_owned(),
                per_event: more as f64 / (long.events - short.events) as f64,
            })
        })
        .collect()
}

/// A recording of a load.
struct Recorded {
    folder: TempDir,
    events: u64,
}

/// What `info` says of it.
#[derive(Deserialize)]
struct Info {
    events: u64,
}

impl Recorded {
    fn of(binary: &Path, load: Duration) -> Result<Self> {
        let folder = tempfile::tempdir().context("no folder for a recording")?;
        let mut record = Command::new(binary);
        let all = SETTLE + load + SETTLE;
        record.arg("record").arg("-o").arg(folder.path());
        record.args(["-d", &format!("{}s", all.as_secs())]);
        record.stderr(Stdio::null());
        die_with_parent(&mut record);
        let mut record = record.spawn().context("tcptrace can't be started")?;
        thread::sleep(SETTLE);
        load::connections(Configuration { threads: 1 }, load)?;
        ensure!(record.wait()?.success(), "nothing was recorded");
        let info = Command::new(binary)
            .args(["info", "-o", "json"])
            .arg(folder.path())
            .output()?;
        let told = info.stdout.split(|byte| *byte == b'\n').next();
        let told: Info = serde_json::from_slice(told.unwrap_or_default())
            .context("what is in the recording can't be told")?;
        Ok(Self {
            folder,
            events: told.events,
        })
    }

    fn instructions(&self, valgrind: &Path, binary: &Path, command: &str) -> Result<u64> {
        let output = Command::new(valgrind)
            .args(["--tool=callgrind", "--callgrind-out-file=/dev/null"])
            .arg(binary)
            .args([command, "-o", "json", "-r"])
            .arg(self.folder.path())
            .stdout(Stdio::null())
            .output()?;
        let told = String::from_utf8_lossy(&output.stderr);
        counted(&told).with_context(|| format!("callgrind has not counted: {told}"))
    }
}

/// `==19455== Collected : 9636142`
fn counted(told: &str) -> Option<u64> {
    let line = told.lines().find(|line| line.contains("Collected : "))?;
    line.rsplit(' ').next()?.parse().ok()
}

#[cfg(test)]
mod tests {
    #[test]
    fn what_callgrind_counted_is_read() {
        let told = "==3839== Events    : Ir\n==3839== Collected : 534842768\n==3839== \n";
        assert_eq!(super::counted(told), Some(534_842_768));
        assert_eq!(super::counted("==1== valgrind: no such file"), None);
    }
}
