//! How keepalive is set for a socket of another process. sock_diag does not tell; the socket does.

use std::{
    io,
    os::fd::{AsRawFd as _, FromRawFd as _, OwnedFd},
};

use nix::sys::{
    socket::{getsockopt, sockopt},
    stat::fstat,
};

use super::settings::KeepaliveSettings;

/// Keepalive of a socket.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Keepalive {
    /// Its peer is never asked.
    Off,
    /// It is on: the socket's own settings, and the namespace's where it has none.
    On(KeepaliveSettings),
}

/// Asks a socket by a descriptor of its process, as a debugger would: the descriptor is copied
/// (pidfd_getfd(), Linux 5.6) and closed again.
///
/// # Errors
/// When the process or the descriptor is gone, stands for another socket by now, or may not be
/// had: that takes CAP_SYS_PTRACE.
pub(super) fn ask(pid: u32, descriptor: u32, inode: u32) -> io::Result<Keepalive> {
    let process = open(libc::SYS_pidfd_open, i64::from(pid), 0)?;
    let socket = open(
        libc::SYS_pidfd_getfd,
        process.as_raw_fd().into(),
        descriptor.into(),
    )?;
    if fstat(&socket)?.st_ino != u64::from(inode) {
        return Err(io::Error::from(io::ErrorKind::NotFound));
    }
    if !getsockopt(&socket, sockopt::KeepAlive)? {
        return Ok(Keepalive::Off);
    }
    Ok(Keepalive::On(KeepaliveSettings {
        time_s: getsockopt(&socket, sockopt::TcpKeepIdle)?,
        interval_s: getsockopt(&socket, sockopt::TcpKeepInterval)?,
        probes: getsockopt(&socket, sockopt::TcpKeepCount)?,
    }))
}

/// A system call of two numbers (and no flags) that makes a descriptor.
fn open(call: libc::c_long, first: i64, second: i64) -> io::Result<OwnedFd> {
    // SAFETY: the calls take integers, and what they return is nobody else's.
    unsafe {
        let descriptor = libc::syscall(call, first, second, 0);
        match i32::try_from(descriptor) {
            Ok(descriptor) if descriptor >= 0 => Ok(OwnedFd::from_raw_fd(descriptor)),
            _ => Err(io::Error::last_os_error()),
        }
    }
}
