//! Which process has what a listener accepted.
//!
//! accept() is no transition. Where a program can be attached to it, it says who accepted.
//! Elsewhere, a connection is its listener's process's, as long as that has made no other process,
//! which has copies of its descriptors: either may accept it then, or let go of it. So that is
//! told.

use aya_ebpf::{macros::map, maps::LruHashMap};
use tcptrace_ebpf::wire::{Forked, kind};

use crate::{
    kernel::{now, read, setting, zero},
    ring, task,
};

/// Tables of descriptors that have a listener or what it accepted, by their address; and processes
/// that are known to have one, by their id. Of processes that make thousands, none matters.
#[map]
static HOLDING: LruHashMap<u64, u8> = LruHashMap::with_max_entries(8192, 0);

/// The running task has a listener, or accepted a connection.
#[inline(always)]
pub fn holds() {
    let _ = HOLDING.insert(descriptors(task::current()), 1, 0);
}

/// The running task made another one, with a copy of its descriptors unless it is a thread.
#[inline(always)]
pub fn forked(child: *const u8) {
    let parent = task::current();
    let table = descriptors(parent);
    if descriptors(child) == table {
        return;
    }
    // SAFETY: `parent` is a task_struct, and BTF knows the type of its leader.
    let leader: *const u8 = unsafe { read(parent, setting!(offsets.task_group_leader)) };
    let pid = task::process_id(leader);
    if !has(table) && !has(u64::from(pid)) {
        return;
    }
    ring::send(0, |to: *mut Forked| {
        // SAFETY: `to` is a reserved record.
        unsafe {
            zero(to);
            (&raw mut (*to).head.time_ns).write(now());
            (&raw mut (*to).head.kind).write(kind::FORKED);
            (&raw mut (*to).pid).write(pid);
        }
    });
}

#[inline(always)]
fn has(key: u64) -> bool {
    // SAFETY: the value is not looked at.
    unsafe { HOLDING.get(key) }.is_some()
}

/// The address of a task's table of descriptors (`files_struct`), which its threads share.
#[inline(always)]
fn descriptors(task: *const u8) -> u64 {
    // SAFETY: `task` is a task_struct.
    unsafe { read(task, setting!(offsets.task_files)) }
}
