//! What this process may do.

use super::{Check, Status};

/// CAP_SYS_ADMIN, which includes CAP_BPF and CAP_PERFMON (include/uapi/linux/capability.h).
const SYS_ADMIN: u32 = 21;

/// Name, bit, and what needs it.
const NEEDED: [(&str, u32, &str); 5] = [
    ("CAP_BPF", 39, "loading the kernel half takes it"),
    ("CAP_PERFMON", 38, "attaching the kernel half takes it"),
    (
        "CAP_SYSLOG",
        34,
        "the addresses in /proc/kallsyms, for TIME_WAIT and SYN_RECV, take it",
    ),
    (
        "CAP_SYS_ADMIN",
        SYS_ADMIN,
        "the sockets that other network namespaces have already can't be seen",
    ),
    (
        "CAP_SYS_PTRACE",
        19,
        "whose sockets there are already can't be seen of other users' processes",
    ),
];

/// Judges the effective capabilities of a process, as a set of bits; `None` if they can't be told.
pub(super) fn checks(effective: Option<u64>) -> Vec<Check> {
    NEEDED
        .iter()
        .map(|(name, bit, without)| {
            let Some(effective) = effective else {
                return Check::new(name, Status::Unknown, None);
            };
            let has = |bit: u32| effective >> bit & 1 == 1;
            if has(*bit) || (*bit >= 38 && has(SYS_ADMIN)) {
                Check::ok(name)
            } else {
                Check::new(name, Status::Degraded, Some((*without).to_owned()))
            }
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn missing(effective: u64) -> Vec<String> {
        checks(Some(effective))
            .into_iter()
            .filter(|check| check.status != Status::Ok)
            .map(|check| check.name)
            .collect()
    }

    #[test]
    fn what_is_missing_is_named() {
        assert!(missing(0x1ff_ffff_ffff).is_empty());
        assert_eq!(missing(0).len(), 5);
        assert_eq!(
            missing(1 << 39 | 1 << 38),
            ["CAP_SYSLOG", "CAP_SYS_ADMIN", "CAP_SYS_PTRACE"]
        );
        // The old way to be allowed everything of BPF.
        assert_eq!(missing(1 << 21), ["CAP_SYSLOG", "CAP_SYS_PTRACE"]);
    }

    #[test]
    fn unknown_capabilities_are_neither_there_nor_missing() {
        assert!(
            checks(None)
                .iter()
                .all(|check| check.status == Status::Unknown)
        );
    }
}
