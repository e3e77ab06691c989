//! A power cut: a guest records on a disk of its own and is ended as if somebody pulled the plug. What
//! was flushed to the disk until then is compared with what `watch` told on the console.

use std::{
    path::Path,
    process::{Command, ExitCode},
    time::{Duration, Instant},
};

use anyhow::{Context as _, Result, bail, ensure};
use serde_json::Value;

use super::{
    LIMIT, binaries,
    choice::{self, Expected},
    disk::Disk,
    folders, guest,
    initramfs::Initramfs,
    modules, unpacked, verdict,
};
use crate::{architecture::Architecture, cargo::shown, packages, repository::Repository};

/// What the guest runs: one trace to the disk, one to the console, and connections until the end.
/// What tcptrace says beside that goes through pipes: to a terminal it would say how far it is.
const SCRIPT: &str = r#"say run power-cut
await() {
    for _ in $(seq 120); do eval "$1" && return; sleep 1; done
    echo "in vain: $1"
    return 1
}
await '[ -b /dev/vda ]' && mkdir /disk && mount -t ext4 /dev/vda /disk && {
    /tcptrace record -o /disk/rec --sync 1s --netns self 2>&1 | cat &
    /tcptrace watch -o json --netns self 2>&1 | tee /tmp/told &
    await 'grep -q start /tmp/told && ls /disk/rec/*.tcptrace' && /capture connections
}
say status $?
"#;
/// What has a disk as QEMU shows it to a guest, and the driver that it takes.
const DRIVERS: [&str; 2] = ["virtio_pci", "virtio_blk"];
/// For how long connections are made before the cut.
const TRACED: Duration = Duration::from_secs(30);
/// What was told so long before the cut must be on the disk: it is written after a second, and
/// synced after another, on an emulated CPU.
const SYNCED: Duration = Duration::from_secs(5);

/// What two traces tell alike, each with clock readings of its own.
const COMPARED: [&str; 10] = [
    "cookie",
    "family",
    "from",
    "to",
    "reason",
    "closer",
    "pid",
    "comm",
    "local_port",
    "remote_port",
];

/// Records on the kernel that is asked for, or the newest, cuts it off, and reads the disk.
///
/// # Errors
/// When something can't be built or run, and when the recording lacks what it must have, or tells
/// something else.
pub fn power_cut(repository: &Repository, asked: &[String]) -> Result<ExitCode> {
    let mut kernels = choice::chosen(asked)?;
    kernels.retain(|kernel| kernel.expected == Expected::Passes);
    let kernel = kernels.last().context("tcptrace can't trace there")?;
    packages::install(packages::OF_KERNELS)?;
    packages::install(packages::OF_DISKS)?;
    let folders = folders(repository)?;
    let capture = binaries::capture(repository, &folders.binaries)?;
    let tcptrace = binaries::tcptrace(repository, &folders.binaries)?;
    let (busybox, image) = unpacked(kernel, &folders.downloads)?;
    let mut initramfs = Initramfs::new(&busybox)?;
    initramfs.copy(&capture, "capture")?;
    initramfs.copy(&tcptrace, "tcptrace")?;
    initramfs.modules(modules::to_load(&image.modules, &DRIVERS)?);
    initramfs.run(SCRIPT);
    let place = tempfile::tempdir().context("a folder for the disk can't be made")?;
    let archive = place.path().join("initramfs");
    initramfs.write(&archive)?;
    let disk = Disk::new(place.path())?;
    let console = folders
        .logs
        .join(format!("{}-power-cut.log", kernel.series));
    eprintln!("\n==> {}: console in {}", image.release, console.display());
    let machine = guest::Machine {
        architecture: Architecture::X86_64,
        vmlinuz: &image.vmlinuz,
        initramfs: &archive,
        cpus: 1,
        console: &console,
        disk: Some(&disk),
    };
    let mut since = None;
    let run = machine.run(LIMIT, || {
        if since.is_none() && !told(&guest::said(&console)).is_empty() {
            since = Some(Instant::now());
        }
        since.is_some_and(|since| since.elapsed() > TRACED)
    })?;
    if since.is_none() || run.timed_out {
        let programs = verdict::programs(&run.console);
        let said = programs.first().map(|it| it.lines.join("\n"));
        bail!(
            "the guest told of no connection, see {}: {}",
            console.display(),
            said.unwrap_or_default()
        );
    }
    disk.after_power_cut("/rec", place.path())?;
    let recording = place.path().join("rec");
    ensure!(recording.exists(), "there is no recording on the disk");
    let json = |arguments: &[&str]| said_by(&tcptrace, arguments, &recording);
    let info = json(&["info", "-o", "json"])?;
    let read = json(&["watch", "-o", "json", "-r"])?;
    let (told, read) = (told(&run.console), transitions(&read));
    let info = info.first().context("info says nothing")?;
    let lacking = judge(&told, &read, info)?;
    println!(
        "{}: {} transitions were told before the cut; the recording lacks the last {} of them, of {:.1} s",
        image.release,
        told.len(),
        lacking.transitions,
        lacking.time.as_secs_f64(),
    );
    Ok(ExitCode::SUCCESS)
}

/// What a recording lacks.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Lacking {
    /// How many of the last transitions.
    transitions: usize,
    /// How long before the cut the first of them happened.
    time: Duration,
}

/// What the recording lacks of what was told.
///
/// # Errors
/// When that must have been on the disk, when it tells something else, and when it is not said to be
/// cut.
fn judge(told: &[Value], read: &[Value], info: &Value) -> Result<Lacking> {
    for (told, read) in told.iter().zip(read) {
        let differs = |name: &str| {
            // An emulated CPU may be too late for `watch` to learn the port, and a recording be cut
            // before it is told.
            let is_unknown = name == "local_port" && (told[name].is_null() || read[name].is_null());
            told[name] != read[name] && !is_unknown
        };
        if let Some(name) = COMPARED.iter().find(|name| differs(name)) {
            bail!("{name} is another one in the recording: {read} instead of {told}");
        }
    }
    let ns = |line: &Value| line["mono_ns"].as_u64().context("a time is missing");
    let last = ns(told.last().context("nothing was told")?)?;
    let lacking = told.get(read.len()..).unwrap_or_default();
    let mut time = Duration::ZERO;
    for line in lacking {
        let before = Duration::from_nanos(last.saturating_sub(ns(line)?));
        ensure!(
            before < SYNCED,
            "the recording has {} of {} transitions, and lacks one that was to be on the disk: {line}",
            read.len(),
            told.len()
        );
        time = time.max(before);
    }
    ensure!(
        info["complete"] == false,
        "info does not say that it is cut: {info}"
    );
    ensure!(info["lost"] == 0, "info says that events were lost: {info}");
    Ok(Lacking {
        transitions: lacking.len(),
        time,
    })
}

/// The transitions that a console shows; its last line may be cut.
fn told(console: &str) -> Vec<Value> {
    let lines = console.lines().filter(|line| line.starts_with('{'));
    let read: Vec<Value> = lines
        .filter_map(|line| serde_json::from_str(line).ok())
        .collect();
    transitions(&read)
}

fn transitions(lines: &[Value]) -> Vec<Value> {
    let is_one = |line: &&Value| line["type"] == "transition";
    lines.iter().filter(is_one).cloned().collect()
}

/// The lines of JSON that tcptrace writes of a recording.
fn said_by(tcptrace: &Path, arguments: &[&str], recording: &Path) -> Result<Vec<Value>> {
    let mut command = Command::new(tcptrace);
    command.args(arguments).arg(recording);
    let output = command
        .output()
        .with_context(|| format!("`{}` can't be started", shown(&command)))?;
    ensure!(
        output.status.success(),
        "`{}` failed: {}",
        shown(&command),
        String::from_utf8_lossy(&output.stderr).trim_end()
    );
    let text = String::from_utf8_lossy(&output.stdout);
    let lines = text.lines().map(serde_json::from_str);
    lines
        .collect::<Result<_, _>>()
        .with_context(|| format!("`{}` wrote no JSON", shown(&command)))
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::{judge, told};

    fn lines(count: u64) -> Vec<Value> {
        let line = |second| json!({"type": "transition", "mono_ns": second * 1_000_000_000_u64, "cookie": format!("{second:x}")});
        (0..count).map(line).collect()
    }

    fn judged(told: &[Value], read: &[Value], complete: bool) -> Result<usize, String> {
        let info = json!({"complete": complete, "lost": 0});
        let judged = judge(told, read, &info).map(|it| it.transitions);
        judged.map_err(|error| error.to_string())
    }

    #[test]
    fn what_happened_just_before_the_cut_may_be_missing_and_no_more() {
        let told = lines(20);
        assert_eq!(judged(&told, &told[..20], false), Ok(0));
        assert_eq!(judged(&told, &told[..16], false), Ok(4));
        assert_eq!(judged(&told[..19], &told, false), Ok(0));
        let error = judged(&told, &told[..14], false).unwrap_err();
        assert!(error.contains("has 14 of 20"), "{error}");
    }

    #[test]
    fn a_recording_that_tells_something_else_fails() {
        let told = lines(20);
        let mut other = told.clone();
        other.remove(3);
        let error = judged(&told, &other, false).unwrap_err();
        assert!(error.contains("cookie is another one"), "{error}");
        let error = judged(&told, &told, true).unwrap_err();
        assert!(error.contains("does not say that it is cut"), "{error}");
    }

    #[test]
    fn the_last_line_of_a_console_may_be_cut() {
        let console =
            "[ 1.0] a word\n{\"type\":\"start\"}\n{\"type\":\"transition\"}\n{\"type\":\"tr";
        assert_eq!(told(console).len(), 1);
    }
}
