//! When the traffic ends: with whoever started it.

use std::{
    io::{self, Read as _},
    os::fd::AsFd as _,
    process, thread,
};

use anyhow::{Context as _, Result};
use nix::sys::{
    prctl,
    signal::Signal,
    stat::{SFlag, fstat},
};

/// Ends this process with its parent, and when its standard input is a pipe that is closed.
///
/// # Errors
/// When the kernel refuses.
pub fn arrange() -> Result<()> {
    prctl::set_pdeathsig(Signal::SIGTERM).context("the end of the parent can't be watched")?;
    // A pipe alone: from /dev/null nothing is to be read from the beginning.
    let standard_input = fstat(io::stdin().as_fd()).context("the standard input is closed")?;
    if standard_input.st_mode & SFlag::S_IFMT.bits() == SFlag::S_IFIFO.bits() {
        thread::Builder::new()
            .name("demo-ending".to_owned())
            .spawn(end_with_input)
            .context("no thread can be started")?;
    }
    Ok(())
}

/// Ends the process, and so its sockets and its network namespace.
fn end_with_input() {
    let mut ignored = [0; 64];
    while io::stdin().read(&mut ignored).is_ok_and(|read| read > 0) {}
    process::exit(0);
}
