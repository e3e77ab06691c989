//! What it takes of the machine while nothing happens.

use std::fs;

use crate::{namespace::Namespace, trace::Trace};

/// KiB of its own that a process has.
fn own_memory(pid: u32) -> u64 {
    let status = fs::read_to_string(format!("/proc/{pid}/status")).expect("/proc");
    let line = status.lines().find_map(|it| it.strip_prefix("RssAnon:"));
    let kib = line.and_then(|it| it.trim().strip_suffix(" kB"));
    kib.and_then(|it| it.parse().ok()).expect("KiB")
}

#[test]
fn what_the_start_takes_is_given_back() {
    let net = Namespace::new();
    let trace = Trace::of(&net).start();
    // The kernel's types alone are five megabytes, and what is made of them as much again.
    let kib = own_memory(trace.pid());
    assert!(kib < 14 * 1024, "{kib} KiB");
    trace.stop();
}
