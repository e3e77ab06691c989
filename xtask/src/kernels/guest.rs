//! A kernel, running in QEMU.

use std::{
    fs::{self, File},
    path::Path,
    process::{Command, Stdio},
    thread::sleep,
    time::{Duration, Instant},
};

use anyhow::{Context as _, Result, ensure};

use super::disk::Disk;
use crate::architecture::Architecture;

/// Most of it is the file system, which is there twice while it is unpacked.
const MEGABYTES: &str = "1024";

/// What is booted.
#[derive(Debug)]
pub struct Machine<'a> {
    /// What its programs and its kernel are for.
    pub architecture: Architecture,
    /// The kernel.
    pub vmlinuz: &'a Path,
    /// Its file system.
    pub initramfs: &'a Path,
    /// How many CPUs it has.
    pub cpus: u32,
    /// The file that its console goes to.
    pub console: &'a Path,
    /// Its disk, if it has one.
    pub disk: Option<&'a Disk>,
}

impl Machine<'_> {
    /// Boots it, and waits until it is turned off. When it is enough, and after the limit, it is
    /// turned off, whatever it does.
    ///
    /// # Errors
    /// When QEMU can't be started, or fails.
    pub fn run(&self, limit: Duration, mut is_enough: impl FnMut() -> bool) -> Result<Run> {
        let complaints = self.console.with_extension("qemu");
        let began = Instant::now();
        let mut child = self
            .command()
            .stderr(File::create(&complaints)?)
            .spawn()
            .with_context(|| format!("{} can't be started", self.architecture.qemu()))?;
        let (mut timed_out, mut cut) = (false, false);
        let status = loop {
            if let Some(status) = child.try_wait()? {
                break status;
            }
            timed_out = began.elapsed() > limit;
            cut = is_enough();
            if timed_out || cut {
                child.kill()?;
                break child.wait()?;
            }
            sleep(Duration::from_millis(200));
        };
        let complained = fs::read_to_string(&complaints).unwrap_or_default();
        let _ = fs::remove_file(&complaints);
        ensure!(
            timed_out || cut || status.success(),
            "{} failed: {status}: {}",
            self.architecture.qemu(),
            complained.trim_end()
        );
        Ok(Run {
            console: said(self.console),
            timed_out,
        })
    }

    fn command(&self) -> Command {
        let architecture = self.architecture;
        let mut command = Command::new(architecture.qemu());
        command
            .args(["-machine", architecture.machine(), "-m", MEGABYTES])
            // Emulated, even where KVM seems to be there: a /dev/kvm may open and the guest hang.
            // All CPUs by one thread: QEMU 7.2 corrupts guests that have more.
            .args(["-accel", "tcg,thread=single", "-cpu", architecture.model()])
            .args(["-smp", &self.cpus.to_string()])
            .args(["-nodefaults", "-no-user-config", "-display", "none"])
            .args(["-monitor", "none", "-no-reboot", "-serial"])
            .arg(format!("file:{}", self.console.display()))
            .arg("-kernel")
            .arg(self.vmlinuz)
            .arg("-initrd")
            .arg(self.initramfs)
            .arg("-append")
            .arg(format!(
                "console={} quiet panic=-1 oops=panic random.trust_cpu=on",
                architecture.console()
            ))
            .stdin(Stdio::null())
            .stdout(Stdio::null());
        if let Some(disk) = self.disk {
            command.args(disk.arguments());
        }
        command
    }
}

/// What is on a console so far.
pub fn said(console: &Path) -> String {
    // Terminals end their lines by CR LF, and a program may write what is no text.
    let console = fs::read(console).unwrap_or_default();
    String::from_utf8_lossy(&console).replace('\r', "")
}

/// How a guest ran.
#[derive(Debug)]
pub struct Run {
    /// All that it wrote to its console.
    pub console: String,
    /// Whether it was turned off because its time was over.
    pub timed_out: bool,
}
