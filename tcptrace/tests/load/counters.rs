//! What the kernel counts itself, in the network namespace of this thread.

use std::fs;

/// A number of /proc/net/snmp (`Tcp`) or /proc/net/netstat (`TcpExt`).
pub fn counter(name: &str) -> u64 {
    // Not /proc/net, which is the main thread's.
    ["snmp", "netstat"]
        .iter()
        .find_map(|file| {
            let text = fs::read_to_string(format!("/proc/thread-self/net/{file}")).expect(file);
            ["Tcp:", "TcpExt:"]
                .iter()
                .find_map(|prefix| numbered(&text, prefix, name))
        })
        .unwrap_or_else(|| panic!("no {name}"))
}

/// Two lines of that prefix: the names, and the numbers.
fn numbered(text: &str, prefix: &str, name: &str) -> Option<u64> {
    let mut lines = text.lines().filter_map(|line| line.strip_prefix(prefix));
    let (names, numbers) = (lines.next()?, lines.next()?);
    names
        .split_whitespace()
        .zip(numbers.split_whitespace())
        .find(|(each, _)| *each == name)
        .and_then(|(_, number)| number.parse().ok())
}
