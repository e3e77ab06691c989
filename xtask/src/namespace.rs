//! A network namespace of its own, so that nothing of the machine is touched.

use std::{fs, os::fd::AsRawFd as _, path::PathBuf};

use anyhow::{Context as _, Result, bail};
use nix::{
    errno::Errno,
    libc,
    sched::{CloneFlags, unshare},
};
use socket2::{Domain, Socket, Type};

nix::ioctl_write_ptr_bad!(
    /// Sets the flags of a network device.
    set_device_flags,
    libc::SIOCSIFFLAGS,
    libc::ifreq
);

/// Enters a new one, with this thread and those it will start, and brings its loopback up.
///
/// # Errors
/// When the kernel refuses, as it does unless root asks.
pub fn enter() -> Result<()> {
    let before = own_netns()?;
    match unshare(CloneFlags::CLONE_NEWNET) {
        Ok(()) => {}
        Err(Errno::EPERM) => bail!(
            "a network namespace needs root: start it as `cargo xtask run --demo` or \
             `cargo xtask bench`, which use sudo"
        ),
        Err(error) => return Err(error).context("no network namespace can be made"),
    }
    if own_netns()? == before {
        bail!("this is still the machine's network namespace; nothing was changed");
    }
    bring_up_loopback().context("the device lo can't be brought up")
}

/// Which network namespace this thread is in, as in `net:[4026531840]`.
fn own_netns() -> Result<PathBuf> {
    fs::read_link("/proc/thread-self/ns/net")
        .context("the network namespace can't be told: is /proc mounted?")
}

/// The kernel then gives it 127.0.0.1 and, unless IPv6 is switched off, ::1.
fn bring_up_loopback() -> Result<()> {
    let socket = Socket::new(Domain::IPV4, Type::DGRAM, None)?;
    // SAFETY: an ifreq is integers and unions of such; zeroes are valid.
    let mut request: libc::ifreq = unsafe { std::mem::zeroed() };
    for (to, from) in request.ifr_name.iter_mut().zip(b"lo") {
        *to = libc::c_char::try_from(*from)?;
    }
    request.ifr_ifru.ifru_flags = libc::c_short::try_from(libc::IFF_UP | libc::IFF_RUNNING)?;
    // SAFETY: the request is an ifreq, as SIOCSIFFLAGS takes, and outlives the call.
    unsafe { set_device_flags(socket.as_raw_fd(), &raw const request) }?;
    Ok(())
}
