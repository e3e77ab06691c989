//! Standard output, written to in whole frames.

use std::{
    io::{self, Write},
    os::fd::AsFd as _,
};

use nix::{
    errno::Errno,
    poll::{PollFd, PollFlags, PollTimeout, poll},
};

/// Standard output, which is waited for where it takes no more: whoever has the same terminal may
/// have made it non-blocking, and half a frame would be left on it.
#[derive(Debug, Default)]
pub struct Written;

impl Written {
    fn retried<T>(
        mut write: impl FnMut(&mut io::StdoutLock<'_>) -> io::Result<T>,
    ) -> io::Result<T> {
        let mut stdout = io::stdout().lock();
        loop {
            match write(&mut stdout) {
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => {
                    let mut waits = [PollFd::new(stdout.as_fd(), PollFlags::POLLOUT)];
                    match poll(&mut waits, PollTimeout::NONE) {
                        Ok(_) | Err(Errno::EINTR) => {}
                        Err(error) => return Err(error.into()),
                    }
                }
                done => return done,
            }
        }
    }
}

impl Write for Written {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        Self::retried(|stdout| stdout.write(bytes))
    }

    fn flush(&mut self) -> io::Result<()> {
        Self::retried(|stdout| stdout.flush())
    }
}
