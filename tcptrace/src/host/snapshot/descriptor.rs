//! A socket of another process, by a copy of its descriptor, as a debugger would have it:
//! pidfd_getfd(), Linux 5.6. That takes CAP_SYS_PTRACE.
//!
//! A copy keeps the socket alive: if its process closes it meanwhile, it is closed together with
//! the copy. So it is had for some system calls that do not wait, and no longer.

use std::{
    io,
    os::fd::{AsRawFd as _, FromRawFd as _, OwnedFd},
};

use nix::sys::stat::fstat;

/// A process, by a handle that no other process can come by.
#[derive(Debug)]
pub(super) struct Handle(OwnedFd);

impl Handle {
    /// Of the process with that id.
    pub fn open(pid: u32) -> io::Result<Self> {
        open(libc::SYS_pidfd_open, i64::from(pid), 0).map(Self)
    }

    /// Copies a descriptor of it, if it still stands for the socket with that inode.
    pub fn socket(&self, descriptor: u32, inode: u32) -> io::Result<OwnedFd> {
        let process = self.0.as_raw_fd().into();
        let socket = open(libc::SYS_pidfd_getfd, process, descriptor.into())?;
        if fstat(&socket)?.st_ino != u64::from(inode) {
            return Err(io::Error::from(io::ErrorKind::NotFound));
        }
        Ok(socket)
    }
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

/// A socket option that is a number.
pub(super) fn number(
    socket: &OwnedFd,
    level: libc::c_int,
    name: libc::c_int,
) -> io::Result<libc::c_int> {
    let mut value = [0; size_of::<libc::c_int>()];
    option(socket, level, name, &mut value)?;
    Ok(libc::c_int::from_ne_bytes(value))
}

/// TCP_USER_TIMEOUT of a connection, in ms; 0: it is not set.
///
/// # Errors
/// When the process or the descriptor is gone, or may not be had.
pub fn user_timeout(pid: u32, descriptor: u32, inode: u32) -> io::Result<u32> {
    let socket = Handle::open(pid)?.socket(descriptor, inode)?;
    let ms = number(&socket, libc::IPPROTO_TCP, libc::TCP_USER_TIMEOUT)?;
    Ok(ms.cast_unsigned())
}
