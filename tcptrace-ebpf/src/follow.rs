//! The traced command and everything that comes from it.

use aya_ebpf::{
    bindings::{BPF_F_NO_PREALLOC, BPF_LOCAL_STORAGE_GET_F_CREATE, bpf_map_type},
    helpers::generated::bpf_task_storage_get,
    macros::{btf_map, map},
    maps::PerCpuArray,
};

use crate::{
    kernel::{count_one, read, setting},
    task,
};

/// A map whose values are the tasks' own, and go with them: an id may be another's the moment
/// after. aya-ebpf has none. Since 5.11.
#[repr(C)]
struct TaskStorage {
    r#type: *const [i32; bpf_map_type::BPF_MAP_TYPE_TASK_STORAGE as usize],
    key: *const i32,
    value: *const u8,
    max_entries: *const [i32; 0],
    map_flags: *const [i32; BPF_F_NO_PREALLOC as usize],
}

// SAFETY: the loader reads what the pointers point to the types of; nothing is behind them.
unsafe impl Sync for TaskStorage {}

/// The threads of the traced command and of everything that came from it.
#[btf_map]
static FOLLOWED: TaskStorage = TaskStorage {
    r#type: core::ptr::null(),
    key: core::ptr::null(),
    value: core::ptr::null(),
    max_entries: core::ptr::null(),
    map_flags: core::ptr::null(),
};

/// Tasks that should be followed and are not, as the kernel had no memory to mark them, per CPU.
#[map]
static NOT_FOLLOWED: PerCpuArray<u64> = PerCpuArray::with_max_entries(1, 0);

/// Whether the running task belongs to the traced command.
#[inline(always)]
pub fn is_followed() -> bool {
    setting!(follow) != 0 && has(task::current(), 0)
}

/// The running task made another one: what a followed task makes is followed, and processes that
/// tcptrace itself makes.
#[inline(always)]
pub fn forked(child: *const u8) {
    let parent = task::current();
    if !has(parent, 0) && !is_made_by_tcptrace(parent, child) {
        return;
    }
    if !has(child, BPF_LOCAL_STORAGE_GET_F_CREATE)
        && let Some(count) = NOT_FOLLOWED.get_ptr_mut(0)
    {
        // SAFETY: the value of this CPU; the verifier checked the address.
        unsafe { count_one(count) };
    }
}

/// Whether a task is marked, or could be.
#[inline(always)]
fn has(task: *const u8, flags: u32) -> bool {
    let map = (&raw const FOLLOWED).cast_mut().cast();
    // SAFETY: `task` is a task_struct; the value begins as zero, and is not looked at.
    let value = unsafe {
        bpf_task_storage_get(
            map,
            task.cast_mut().cast(),
            core::ptr::null_mut(),
            flags.into(),
        )
    };
    !value.is_null()
}

/// Threads of tcptrace are none of it.
#[inline(always)]
fn is_made_by_tcptrace(parent: *const u8, child: *const u8) -> bool {
    // SAFETY: both are task_structs, and BTF knows the type of their leaders.
    unsafe {
        let leader: *const u8 = read(parent, setting!(offsets.task_group_leader));
        let tgid = setting!(offsets.task_tgid);
        task::process_id(leader) == setting!(follow)
            && read::<u32>(child, tgid) != read::<u32>(parent, tgid)
    }
}
