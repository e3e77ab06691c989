//! The traced command and everything that comes from it.

use aya_ebpf::{
    bindings::bpf_pidns_info,
    helpers::{bpf_get_current_pid_tgid, generated::bpf_get_ns_current_pid_tgid},
    macros::map,
    maps::HashMap,
};

use crate::kernel::{read, setting};

/// Process ids (tgid) of the traced command and of everything that came from it.
#[map]
static FOLLOWED: HashMap<u32, u8> = HashMap::with_max_entries(65_536, 0);

/// Whether the running task belongs to the traced command.
#[inline(always)]
pub fn is_followed() -> bool {
    setting!(follow) != 0 && has(current())
}

/// The running task made another one: what a followed process makes is followed, and what
/// tcptrace itself does.
#[inline(always)]
pub fn forked(child: *const u8) {
    if has(current()) || is_tcptrace() {
        // SAFETY: `child` is the task_struct that the tracepoint passes.
        let tgid: u32 = unsafe { read(child, setting!(offsets.task_tgid)) };
        // A full map loses no event: 65,536 processes are followed already.
        let _ = FOLLOWED.insert(tgid, 1, 0);
    }
}

#[inline(always)]
fn has(tgid: u32) -> bool {
    // SAFETY: the value is not looked at.
    unsafe { FOLLOWED.get(tgid) }.is_some()
}

#[inline(always)]
fn current() -> u32 {
    (bpf_get_current_pid_tgid() >> 32) as u32
}

/// tcptrace knows its process id only as its own pid namespace has it.
#[inline(always)]
fn is_tcptrace() -> bool {
    let mut ids = bpf_pidns_info { pid: 0, tgid: 0 };
    // SAFETY: the helper writes `ids`, of the size that it is told.
    let failed = unsafe {
        bpf_get_ns_current_pid_tgid(
            setting!(pid_namespace_device),
            setting!(pid_namespace_inode),
            &raw mut ids,
            size_of::<bpf_pidns_info>() as u32,
        )
    };
    failed == 0 && ids.tgid == setting!(follow)
}
