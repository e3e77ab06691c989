//! Whether the kernel hides who has which socket, in spite of all capabilities.

use std::{
    fs,
    io::{self, ErrorKind},
    process,
};

use super::owners::pids;

/// So many processes that have a descriptor are asked for one.
const MOST: usize = 64;

/// Whether most processes' descriptors are hidden from this one. A security module does that: AppArmor
/// with the profile that a container has by default, SELinux, Landlock (`security_ptrace_access_check()`,
/// from `ptrace_may_access()`, kernel/ptrace.c). Processes of the same profile are shown, and a few may be
/// hidden from everybody.
#[must_use]
pub fn are_descriptors_hidden() -> bool {
    let others = pids().into_iter().rev();
    let asked = others.filter(|pid| *pid != process::id()).filter_map(shows);
    let asked: Vec<bool> = asked.take(MOST).collect();
    let shown = asked.iter().filter(|shown| **shown).count();
    asked.len() > 2 * shown
}

/// Whether a process shows its descriptors; `None`: it has none, or is gone.
fn shows(pid: u32) -> Option<bool> {
    let first = fs::read_dir(format!("/proc/{pid}/fd")).and_then(|mut all| all.next().transpose());
    let read = first.and_then(|first| first.map(|it| fs::read_link(it.path())).transpose());
    match read {
        Ok(read) => read.map(|_| true),
        Err(error) => is_refusal(&error).then_some(false),
    }
}

fn is_refusal(error: &io::Error) -> bool {
    error.kind() == ErrorKind::PermissionDenied
}
