//! Which machine and kernel this is.

/// The release of the running kernel, as `uname -r` prints it. For showing, never for deciding
/// what the kernel can do.
#[must_use]
pub fn kernel_release() -> String {
    rustix::system::uname()
        .release()
        .to_string_lossy()
        .into_owned()
}

/// The name of this machine, as `uname -n` prints it.
#[must_use]
pub fn host_name() -> String {
    let uname = rustix::system::uname();
    uname.nodename().to_string_lossy().into_owned()
}

/// Which of its boots this is; empty if that can't be told.
#[must_use]
pub fn boot_id() -> String {
    std::fs::read_to_string("/proc/sys/kernel/random/boot_id")
        .map(|id| id.trim().to_owned())
        .unwrap_or_default()
}
