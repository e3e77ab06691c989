//! What a reader must know before the first event.

use std::io;

use serde::{Deserialize, Serialize};

use crate::model::{Coverage, Degraded, NamespaceSettings, Workload};

/// What a keyframe begins with, as JSON. Fields that are added later have a default.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Beginning {
    /// The version of tcptrace that wrote it.
    pub tcptrace: String,
    /// The name of the machine.
    pub host: String,
    /// Which of its boots: /proc/sys/kernel/random/boot_id.
    pub boot: String,
    /// Its kernel's release, as `uname -r` prints it.
    pub kernel: String,
    /// Inode number of the network namespace that it was traced from; null if it could not be told.
    pub netns: Option<u32>,
    /// The kernel's HZ.
    pub jiffies_per_second: u32,
    /// A name by chance that all segments of one run have.
    pub run: String,
    /// The number of the segment in its folder, from 1 on.
    pub number: u64,
    /// The segment that it goes on from, of the same run, with nothing missing in between; null:
    /// none.
    pub follows: Option<u64>,
    /// So many events were lost before it, as they could not be written, and no other segment says
    /// so. What is remembered is right nonetheless.
    #[serde(default)]
    pub lost_before: u64,
    /// CLOCK_MONOTONIC then, ns.
    pub mono_ns: u64,
    /// How far the wall clock was ahead of it, ns.
    pub wall_ahead_ns: i64,
    /// When this run of the recording began: CLOCK_MONOTONIC, ns.
    pub began_ns: u64,
    /// What can be seen on that machine.
    pub coverage: Coverage,
    /// What can't, and why.
    pub degraded: Vec<Degraded>,
    /// What was asked for: options of the command line, each with its value.
    pub filter: Vec<(String, String)>,
    /// So many connections were remembered at the most.
    pub max_connections: u32,
    /// Events had been lost, and the sockets not looked at since.
    pub unsure: bool,
    /// Addresses and names are not the real ones.
    #[serde(default)]
    pub anonymized: bool,
    /// Network namespaces: how they are set up.
    pub namespaces: Vec<Namespace>,
    /// Paths of control groups, by their ids.
    pub cgroups: Vec<(u64, String)>,
    /// What runs in those of which more is known than their paths tell.
    #[serde(default)]
    pub workloads: Vec<(u64, Workload)>,
    /// Names of network interfaces: inode number of the namespace, index, name.
    pub links: Vec<(u32, u32, String)>,
}

impl Beginning {
    /// Its bytes.
    ///
    /// # Errors
    /// None that is known.
    pub fn to_json(&self) -> io::Result<Vec<u8>> {
        Ok(serde_json::to_vec(self)?)
    }

    /// Reads one.
    ///
    /// # Errors
    /// For bytes that are none.
    pub fn from_json(bytes: &[u8]) -> io::Result<Self> {
        Ok(serde_json::from_slice(bytes)?)
    }
}

/// A network namespace.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Namespace {
    /// Its inode number.
    pub netns: u32,
    /// How it is set up.
    #[serde(flatten)]
    pub settings: NamespaceSettings,
}
