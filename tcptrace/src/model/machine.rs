//! The machine that a run is about.

use std::collections::HashMap;

use serde::{Deserialize, Serialize};

use super::{DropLook, PortRange};

/// What a run has to know of the machine that its events happen on, beside them.
#[derive(Clone, Debug, Default)]
pub struct Machine {
    /// Its kernel's release, as `uname -r` prints it.
    pub kernel: String,
    /// Inode number of the network namespace that it is traced from; `None` if it can't be told.
    pub netns: Option<u32>,
    /// The kernel's HZ.
    pub jiffies_per_second: u32,
    /// How its network namespaces are set up, by their inode numbers. `None`: it is this machine,
    /// and can be asked.
    pub namespaces: Option<HashMap<u32, NamespaceSettings>>,
    /// What listeners had dropped at the last look before the run. `None`: it is not known, or this
    /// machine can be asked.
    pub drops: Option<DropLook>,
}

/// How a network namespace is set up; `None` for what is not known of it.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct NamespaceSettings {
    /// Keepalive of sockets that don't say so themselves.
    pub keepalive: Option<KeepaliveSettings>,
    /// The ports that connect() chooses from.
    pub ports: Option<PortRange>,
}

/// How keepalive is set in a namespace (net.ipv4.tcp_keepalive_*), or for a socket.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct KeepaliveSettings {
    /// tcp_keepalive_time, s.
    pub time_s: u32,
    /// tcp_keepalive_intvl, s.
    pub interval_s: u32,
    /// tcp_keepalive_probes.
    pub probes: u32,
}

impl KeepaliveSettings {
    /// After how long without a sign of life a dead peer is found, s: 2 h 11 min 15 s where
    /// nothing else is set.
    #[must_use]
    pub fn dead_peer_s(self) -> u64 {
        u64::from(self.time_s) + u64::from(self.interval_s) * u64::from(self.probes)
    }
}
