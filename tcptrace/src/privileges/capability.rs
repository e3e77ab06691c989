//! Which capabilities there is a use for.

use aya::util::KernelVersion;
use rustix::thread::CapabilitySet;

/// Loads and attaches the kernel half.
const LOAD: CapabilitySet = CapabilitySet::BPF
    .union(CapabilitySet::PERFMON)
    .union(CapabilitySet::SYSLOG);
/// Lets BPF maps be larger than RLIMIT_MEMLOCK, which counts them before Linux 5.11
/// (`bpf_charge_memlock()`, kernel/bpf/syscall.c). Without it, such a kernel is not told to be too
/// old, but to permit nothing.
const LOCK_MEMORY: CapabilitySet = CapabilitySet::SYS_RESOURCE;

/// What loading and attaching the kernel half takes, on this kernel. Not needed once that is done.
#[must_use]
pub fn load() -> CapabilitySet {
    let counts_memory =
        KernelVersion::current().is_ok_and(|version| version < KernelVersion::new(5, 11, 0));
    if counts_memory {
        LOAD | LOCK_MEMORY
    } else {
        LOAD
    }
}

/// Sees which process has a socket.
pub const OWNERS: CapabilitySet = CapabilitySet::SYS_PTRACE.union(CapabilitySet::DAC_READ_SEARCH);
/// Reads what container runtimes keep of their containers, in folders that are root's alone.
pub const CONTAINERS: CapabilitySet = CapabilitySet::DAC_READ_SEARCH;
/// Looks into other network namespaces: the way into one is a file of a process that lives there,
/// or one in a folder that others may not read.
pub const ELSEWHERE: CapabilitySet = CapabilitySet::SYS_ADMIN.union(OWNERS);
/// Passes a signal on to a traced command that became another user.
pub const SIGNAL: CapabilitySet = CapabilitySet::KILL;

/// A capability, and what there is without it.
#[derive(Clone, Copy, Debug)]
pub struct Capability {
    /// As capabilities(7) calls it.
    pub name: &'static str,
    /// It, alone.
    pub flag: CapabilitySet,
    /// What it is used for.
    pub used_for: &'static str,
    /// What can't be done without it.
    pub without: &'static str,
}

/// All that tracing needs. docs/limits.md has the same table.
pub const CAPABILITIES: [Capability; 6] = [
    Capability {
        name: "CAP_BPF",
        flag: CapabilitySet::BPF,
        used_for: "loading the kernel half",
        without: "nothing can be traced",
    },
    Capability {
        name: "CAP_PERFMON",
        flag: CapabilitySet::PERFMON,
        used_for: "attaching it to tracepoints, and reading the kernel's structs",
        without: "nothing can be traced",
    },
    Capability {
        name: "CAP_SYSLOG",
        flag: CapabilitySet::SYSLOG,
        used_for: "addresses in /proc/kallsyms",
        without: "TIME_WAIT, orphaned FIN_WAIT2 and half-open SYN_RECV can't be seen",
    },
    Capability {
        name: "CAP_SYS_ADMIN",
        flag: CapabilitySet::SYS_ADMIN,
        used_for: "looking into other network namespaces (setns)",
        without: "the sockets that other network namespaces have already can't be seen",
    },
    Capability {
        name: "CAP_SYS_PTRACE",
        flag: CapabilitySet::SYS_PTRACE,
        used_for: "the network namespaces of other users' processes, and their sockets",
        without: "whose sockets there are already can't be seen of other users' processes, nor \
                  the network namespaces that only they are in",
    },
    Capability {
        name: "CAP_DAC_READ_SEARCH",
        flag: CapabilitySet::DAC_READ_SEARCH,
        used_for: "reading /proc/PID/fd of other users' processes, and names of containers",
        without: "whose sockets there are already can't be seen of other users' processes, nor \
                  the names of containers",
    },
];

impl Capability {
    /// Whether one of these capabilities will do. CAP_SYS_ADMIN includes CAP_BPF and CAP_PERFMON,
    /// which were split off from it (`bpf_capable()` and `perfmon_capable()`,
    /// include/linux/capability.h).
    #[must_use]
    pub fn is_among(&self, held: CapabilitySet) -> bool {
        let split_off = CapabilitySet::BPF | CapabilitySet::PERFMON;
        held.contains(self.flag)
            || (split_off.contains(self.flag) && held.contains(CapabilitySet::SYS_ADMIN))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_documents_say_which_capabilities_are_needed_and_why() {
        let limits = include_str!("../../../docs/limits.md");
        for it in CAPABILITIES {
            let row = format!("| {} | {} |", it.name, it.used_for);
            assert!(limits.contains(&row), "docs/limits.md lacks: {row}");
        }
        let names = CAPABILITIES.map(|it| it.name.to_lowercase()).join(",");
        assert!(
            limits.contains(&format!("setcap {names}=ep")),
            "docs/limits.md lacks: setcap {names}=ep"
        );
        let names = CAPABILITIES.map(|it| it.name).join(" ");
        for set in ["AmbientCapabilities", "CapabilityBoundingSet"] {
            assert!(
                limits.contains(&format!("{set}={names}\n")),
                "docs/limits.md lacks: {set}={names}"
            );
        }
    }

    #[test]
    fn all_that_is_kept_is_told_of() {
        let told = CAPABILITIES
            .iter()
            .fold(CapabilitySet::empty(), |all, it| all | it.flag);
        assert_eq!(told, LOAD | ELSEWHERE | OWNERS);
    }

    #[test]
    fn sys_admin_includes_what_was_split_off_from_it() {
        let names = |held: CapabilitySet| -> Vec<&str> {
            let missing = CAPABILITIES.iter().filter(|it| !it.is_among(held));
            missing.map(|it| it.name).collect()
        };
        assert_eq!(
            names(CapabilitySet::SYS_ADMIN),
            ["CAP_SYSLOG", "CAP_SYS_PTRACE", "CAP_DAC_READ_SEARCH"]
        );
        assert!(names(CapabilitySet::all()).is_empty());
        assert_eq!(names(CapabilitySet::empty()).len(), CAPABILITIES.len());
    }
}
