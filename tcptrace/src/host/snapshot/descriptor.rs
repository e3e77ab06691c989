//! A socket of another process, by a copy of its descriptor, as a debugger would have it:
//! pidfd_getfd(), Linux 5.6. That takes CAP_SYS_PTRACE.
//!
//! A copy keeps the socket alive: if its process closes it meanwhile, it is closed together with
//! the copy. So it is had for some system calls that do not wait, and no longer.

use std::{
    io,
    os::fd::{AsRawFd as _, OwnedFd},
};

use rustix::{
    fs::fstat,
    io::Errno,
    net::sockopt,
    process::{Pid, PidfdFlags, PidfdGetfdFlags, pidfd_getfd, pidfd_open},
};

/// A process, by a handle that no other process can come by.
#[derive(Debug)]
pub(super) struct Handle(pub OwnedFd);

impl Handle {
    /// Of the process with that id.
    pub fn open(pid: u32) -> io::Result<Self> {
        let pid = i32::try_from(pid).ok().and_then(Pid::from_raw);
        let process = pidfd_open(pid.ok_or(Errno::SRCH)?, PidfdFlags::empty())?;
        Ok(Self(process))
    }

    /// Copies a descriptor of it, if it still stands for the socket with that inode.
    pub fn socket(&self, descriptor: u32, inode: u32) -> io::Result<OwnedFd> {
        let descriptor = i32::try_from(descriptor).map_err(|_| Errno::BADF)?;
        let socket = pidfd_getfd(&self.0, descriptor, PidfdGetfdFlags::empty())?;
        if fstat(&socket)?.st_ino != u64::from(inode) {
            return Err(io::Error::from(io::ErrorKind::NotFound));
        }
        Ok(socket)
    }
}

/// Reads a socket option into `value`: how many bytes of it were written.
pub(super) fn option(
    socket: &OwnedFd,
    level: libc::c_int,
    name: libc::c_int,
    value: &mut [u8],
) -> io::Result<usize> {
    let mut length = libc::socklen_t::try_from(value.len()).unwrap_or(libc::socklen_t::MAX);
    // SAFETY: the kernel writes no more than `length` bytes, which are there.
    let result = unsafe {
        libc::getsockopt(
            socket.as_raw_fd(),
            level,
            name,
            value.as_mut_ptr().cast(),
            &raw mut length,
        )
    };
    match result {
        0 => Ok(length as usize),
        _ => Err(io::Error::last_os_error()),
    }
}

/// TCP_USER_TIMEOUT of a connection, in ms; 0: it is not set.
///
/// # Errors
/// When the process or the descriptor is gone, or may not be had.
pub fn user_timeout(pid: u32, descriptor: u32, inode: u32) -> io::Result<u32> {
    let socket = Handle::open(pid)?.socket(descriptor, inode)?;
    Ok(sockopt::tcp_user_timeout(&socket)?)
}
