//! What the kernel counts itself, in the network namespace of this thread.
//!
//! Which transitions each counter stands for, by the functions of net/ipv4 that count (Linux 6.1 to
//! 7.3):
//!
//! | counter | counted by | is |
//! |---|---|---|
//! | ActiveOpens | `tcp_connect()`, once the SYN is on its way | CLOSED -> SYN_SENT, without those that found no port: `tcp_v4_connect()` sets SYN_SENT before it looks for one |
//! | PassiveOpens | `tcp_create_openreq_child()`, at the third segment | SYN_RECV -> ESTABLISHED, without those whose SYNs crossed |
//! | AttemptFails | `tcp_done()` of a socket in SYN_SENT or SYN_RECV; `tcp_check_req()` of a request that an RST, or a SYN in its window, ends | ActiveOpens without those that got an answer (SYN_SENT -> ESTABLISHED or SYN_RECV) and those that their process gave up, as `close()` does not come to `tcp_done()`; and SYN_RECV -> CLOSED by RST |
//! | EstabResets | `tcp_set_state()`, from ESTABLISHED or CLOSE_WAIT to CLOSE | ESTABLISHED -> CLOSED and CLOSE_WAIT -> CLOSED, whatever the reason |
//! | TW, TWKilled | `__inet_twsk_schedule()`, when a minisock begins: TWKilled where its time is 4 s or less, TW else | each connection that came to FIN_WAIT1 has one, for FIN_WAIT2 or for TIME_WAIT or for both, but for those that were over before and those without room; a half-closed one, when it comes to TIME_WAIT |
//! | TWRecycled | `__inet_check_established()`, of connect() | TIME_WAIT -> CLOSED, `reused_by_connect`; a SYN that takes a TIME_WAIT's place is not counted |
//! | TCPTimeWaitOverflow | `tcp_time_wait()`, where there is no room for a minisock | `overflow` |

use std::{fmt, fs};

use crate::traced::Told;

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

/// The counters, or what was told of them.
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct Counts(pub [u64; NAMES.len()]);

pub const NAMES: [&str; 7] = [
    "ActiveOpens",
    "PassiveOpens",
    "AttemptFails",
    "EstabResets",
    "TW + TWKilled",
    "TWRecycled",
    "TCPTimeWaitOverflow",
];

/// Where PassiveOpens and AttemptFails are in them.
pub const PASSIVE: usize = 1;
pub const FAILED: usize = 2;

impl fmt::Debug for Counts {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter
            .debug_map()
            .entries(NAMES.iter().zip(self.0))
            .finish()
    }
}

impl Counts {
    pub fn of_kernel() -> Self {
        Self(NAMES.map(|name| name.split(" + ").map(counter).sum()))
    }

    pub fn since(&self, before: &Self) -> Self {
        Self(std::array::from_fn(|index| self.0[index] - before.0[index]))
    }

    /// By the table at the head of this file.
    pub fn of_told(told: &Told) -> Self {
        let sum = |from, to, reason| told.sum(from, to, reason);
        let portless = ["unknown:no_free_port", "unknown:address_in_use"]
            .map(|reason| sum("SYN_SENT", "CLOSED", reason))
            .iter()
            .sum::<u64>();
        let opens = sum("CLOSED", "SYN_SENT", "*") - portless;
        let given_up = sum("SYN_SENT", "CLOSED", "unknown:given_up");
        let crossed = sum("SYN_SENT", "SYN_RECV", "*");
        let answered = sum("SYN_SENT", "ESTABLISHED", "*") + crossed;
        let half_open_reset =
            sum("SYN_RECV", "CLOSED", "reset_by_peer") + sum("SYN_RECV", "CLOSED", "reset_by_us");
        let overflow = sum("*", "CLOSED", "overflow");
        // Those that overflow are full sockets, too. The rest were busy when their FIN was
        // acknowledged, and stay so: "bad case" in tcp_rcv_state_process(), net/ipv4/tcp_input.c.
        let full = told.without_minisock - sum("FIN_WAIT2", "CLOSED", "overflow");
        Self([
            opens,
            sum("SYN_RECV", "ESTABLISHED", "*") - crossed,
            opens - given_up - answered + half_open_reset,
            sum("ESTABLISHED", "CLOSED", "*") + sum("CLOSE_WAIT", "CLOSED", "*"),
            sum("*", "FIN_WAIT1", "*") - sum("FIN_WAIT1", "CLOSED", "*") - overflow - full,
            sum("TIME_WAIT", "CLOSED", "reused_by_connect"),
            overflow,
        ])
    }
}
