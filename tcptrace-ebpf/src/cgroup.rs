//! Control groups, as they are made.

use aya_ebpf::helpers::generated::{bpf_get_current_cgroup_id, bpf_probe_read_kernel_str};
use tcptrace_ebpf::wire::{CgroupMade, kind};

use crate::{
    head::HeadBuffer,
    kernel::{now, read, setting},
    ring,
};

/// `hierarchy_id` of `cgrp_dfl_root`, the hierarchy of cgroup v2: `cgroup_init()`,
/// kernel/cgroup/cgroup.c, sets it up first, and /proc/PID/cgroup shows it.
const V2: u32 = 0;

/// A control group was made: tells its id, its name and whose child it is.
#[inline(always)]
pub fn made(cgroup: *const u8) {
    // SAFETY: `cgroup` is the struct cgroup that the tracepoint passes, and all that is followed
    // from it are pointers whose types BTF knows.
    unsafe {
        let root: *const u8 = read(cgroup, setting!(offsets.cgroup_root));
        if read::<u32>(root, setting!(offsets.cgroup_root_hierarchy_id)) != V2 {
            return;
        }
        let node: *const u8 = read(cgroup, setting!(offsets.cgroup_kn));
        let above: *const u8 = read(cgroup, setting!(offsets.cgroup_self_parent));
        let above: *const u8 = read(above, setting!(offsets.cgroup_subsys_state_cgroup));
        let above: *const u8 = read(above, setting!(offsets.cgroup_kn));
        let name: u64 = read(node, setting!(offsets.kernfs_node_name));
        let mut buffer = HeadBuffer::new();
        let head = buffer.zeroed();
        head.kind = kind::CGROUP_MADE;
        head.time_ns = now();
        ring::send(0, |to: *mut CgroupMade| {
            (&raw mut (*to).head).write(*head);
            (&raw mut (*to).id).write(read(node, setting!(offsets.kernfs_node_id)));
            (&raw mut (*to).parent).write(read(above, setting!(offsets.kernfs_node_id)));
            let room = &raw mut (*to).name;
            if bpf_probe_read_kernel_str(room.cast(), size_of_val(&*room) as u32, name as *const _)
                <= 0
            {
                room.cast::<u8>().write(0);
            }
        });
    }
}

/// The id of the control group (v2) of the running task; 0 where that says nothing.
#[inline(always)]
pub fn current() -> u64 {
    // SAFETY: the helper has no arguments.
    match unsafe { bpf_get_current_cgroup_id() } {
        id if id == setting!(silent_cgroup) => 0,
        id => id,
    }
}
