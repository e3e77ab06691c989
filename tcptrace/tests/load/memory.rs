//! What a process uses, from /proc.

use std::fs;

/// A mebibyte, bytes.
pub const MIB: u64 = 1 << 20;

/// Memory that is there, and has been there at the most, bytes.
pub fn resident(pid: u32) -> (u64, u64) {
    (status(pid, "VmRSS:") * 1024, status(pid, "VmHWM:") * 1024)
}

/// Threads.
pub fn threads(pid: u32) -> u64 {
    status(pid, "Threads:")
}

/// Open descriptors.
pub fn descriptors(pid: u32) -> usize {
    fs::read_dir(format!("/proc/{pid}/fd"))
        .expect("/proc/PID/fd")
        .count()
}

/// How often the kernel did not run a program of the process, as it ran already.
pub fn missed(pid: u32) -> u64 {
    let entries = fs::read_dir(format!("/proc/{pid}/fdinfo")).expect("/proc/PID/fdinfo");
    entries
        .flatten()
        .filter_map(|entry| fs::read_to_string(entry.path()).ok())
        .filter_map(|text| {
            let line = text
                .lines()
                .find_map(|line| line.strip_prefix("recursion_misses:"));
            line?.trim().parse::<u64>().ok()
        })
        .sum()
}

/// For people.
pub fn mib(bytes: u64) -> String {
    format!("{}.{} MiB", bytes / MIB, bytes % MIB * 10 / MIB)
}

/// Memory may jitter, not grow.
pub fn assert_flat(before: u64, after: u64) {
    let most = before + before / 10 + 4 * MIB;
    assert!(
        after <= most,
        "memory grew from {} to {}",
        mib(before),
        mib(after)
    );
}

fn status(pid: u32, name: &str) -> u64 {
    let text = fs::read_to_string(format!("/proc/{pid}/status")).expect("/proc/PID/status");
    text.lines()
        .find_map(|line| line.strip_prefix(name))
        .and_then(|rest| rest.split_whitespace().next()?.parse().ok())
        .unwrap_or_else(|| panic!("no {name} of process {pid}"))
}
