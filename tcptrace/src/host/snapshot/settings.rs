//! Settings of a network namespace that govern how long TCP waits.

use std::{fs, io};

use serde::{Deserialize, Serialize};

use crate::model::KeepaliveSettings;

/// Reads how keepalive is set in the namespace that this thread is in.
pub(super) fn keepalive() -> io::Result<KeepaliveSettings> {
    Ok(KeepaliveSettings {
        time_s: read("ipv4/tcp_keepalive_time")?,
        interval_s: read("ipv4/tcp_keepalive_intvl")?,
        probes: read("ipv4/tcp_keepalive_probes")?,
    })
}

/// What governs how long a connection stays in a state that it should leave; `None` where the
/// kernel has no such setting, or does not tell.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct WaitSettings {
    /// tcp_fin_timeout, s.
    pub fin_timeout_s: Option<u32>,
    /// tcp_orphan_retries.
    pub orphan_retries: Option<u32>,
    /// tcp_retries2.
    pub retries2: Option<u32>,
    /// tcp_syn_retries.
    pub syn_retries: Option<u32>,
    /// tcp_syn_linear_timeouts (since Linux 6.5).
    pub syn_linear_timeouts: Option<u32>,
    /// tcp_synack_retries.
    pub synack_retries: Option<u32>,
    /// tcp_syncookies.
    pub syncookies: Option<u32>,
    /// somaxconn.
    pub somaxconn: Option<u32>,
    /// tcp_rto_max_ms (since Linux 6.15); 120 s before.
    pub rto_max_ms: Option<u32>,
}

impl WaitSettings {
    /// Of the namespace that this thread is in.
    pub(super) fn read() -> Self {
        Self {
            fin_timeout_s: read("ipv4/tcp_fin_timeout").ok(),
            orphan_retries: read("ipv4/tcp_orphan_retries").ok(),
            retries2: read("ipv4/tcp_retries2").ok(),
            syn_retries: read("ipv4/tcp_syn_retries").ok(),
            syn_linear_timeouts: read("ipv4/tcp_syn_linear_timeouts").ok(),
            synack_retries: read("ipv4/tcp_synack_retries").ok(),
            syncookies: read("ipv4/tcp_syncookies").ok(),
            somaxconn: read("core/somaxconn").ok(),
            rto_max_ms: read("ipv4/tcp_rto_max_ms").ok(),
        }
    }
}

/// /proc/sys/net shows the namespace of the thread that opens it.
fn read(name: &str) -> io::Result<u32> {
    fs::read_to_string(format!("/proc/sys/net/{name}"))?
        .trim()
        .parse()
        .map_err(io::Error::other)
}
