//! How keepalive is set for a socket of another process. sock_diag does not tell; the socket does.

use std::{io, time::Duration};

use rustix::net::sockopt;

use super::descriptor::Handle;
use crate::model::KeepaliveSettings;

/// Keepalive of a socket.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Keepalive {
    /// Its peer is never asked.
    Off,
    /// It is on: the socket's own settings, and the namespace's where it has none.
    On(KeepaliveSettings),
}

/// Asks a socket by a descriptor of its process.
///
/// # Errors
/// When the process or the descriptor is gone, stands for another socket by now, or may not be
/// had: that takes CAP_SYS_PTRACE.
pub(super) fn ask(pid: u32, descriptor: u32, inode: u32) -> io::Result<Keepalive> {
    let socket = Handle::open(pid)?.socket(descriptor, inode)?;
    if !sockopt::socket_keepalive(&socket)? {
        return Ok(Keepalive::Off);
    }
    let seconds = |time: Duration| u32::try_from(time.as_secs()).unwrap_or(u32::MAX);
    Ok(Keepalive::On(KeepaliveSettings {
        time_s: seconds(sockopt::tcp_keepidle(&socket)?),
        interval_s: seconds(sockopt::tcp_keepintvl(&socket)?),
        probes: sockopt::tcp_keepcnt(&socket)?,
    }))
}
