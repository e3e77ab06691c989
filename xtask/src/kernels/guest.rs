//! A kernel, running in QEMU.

use std::{
    fs::{self, File},
    path::Path,
    process::{Command, Stdio},
    thread::sleep,
    time::{Duration, Instant},
};

use anyhow::{Context as _, Result, ensure};

const QEMU: &str = "qemu-system-x86_64";
/// Most of it is the file system, which is there twice while it is unpacked.
const MEGABYTES: &str = "1024";

/// Boots a kernel with so many CPUs, and waits until it is turned off; what it writes to its console
/// goes to a file, and is returned. After the limit it is turned off, whatever it does.
///
/// # Errors
/// When QEMU can't be started, or fails.
pub fn run(
    vmlinuz: &Path,
    initramfs: &Path,
    cpus: u32,
    console: &Path,
    limit: Duration,
) -> Result<Run> {
    let complaints = console.with_extension("qemu");
    let mut command = Command::new(QEMU);
    command
        .args(["-machine", "q35", "-m", MEGABYTES])
        // Emulated, even where KVM seems to be there: a /dev/kvm may open and the guest hang.
        // No cx16, and all CPUs by one thread: QEMU 7.2 corrupts guests that have more.
        .args(["-accel", "tcg,thread=single", "-cpu", "max,-cx16"])
        .args(["-smp", &cpus.to_string()])
        .args(["-nodefaults", "-no-user-config", "-display", "none"])
        .args(["-monitor", "none", "-no-reboot", "-serial"])
        .arg(format!("file:{}", console.display()))
        .arg("-kernel")
        .arg(vmlinuz)
        .arg("-initrd")
        .arg(initramfs)
        .args([
            "-append",
            "console=ttyS0 quiet panic=-1 oops=panic random.trust_cpu=on",
        ])
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(File::create(&complaints)?);
    let began = Instant::now();
    let mut child = command
        .spawn()
        .with_context(|| format!("{QEMU} can't be started"))?;
    let mut timed_out = false;
    let status = loop {
        if let Some(status) = child.try_wait()? {
            break status;
        }
        if began.elapsed() > limit {
            timed_out = true;
            child.kill()?;
            break child.wait()?;
        }
        sleep(Duration::from_millis(200));
    };
    let complained = fs::read_to_string(&complaints).unwrap_or_default();
    let _ = fs::remove_file(&complaints);
    ensure!(
        timed_out || status.success(),
        "{QEMU} failed: {status}: {}",
        complained.trim_end()
    );
    // Terminals end their lines by CR LF, and a program may write what is no text.
    let console = fs::read(console).unwrap_or_default();
    Ok(Run {
        console: String::from_utf8_lossy(&console).replace('\r', ""),
        timed_out,
    })
}

/// How a guest ran.
#[derive(Debug)]
pub struct Run {
    /// All that it wrote to its console.
    pub console: String,
    /// Whether it was turned off because its time was over.
    pub timed_out: bool,
}
