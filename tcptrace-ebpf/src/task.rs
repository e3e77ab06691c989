//! The running task, and the process that it is a thread of.

use aya_ebpf::helpers::generated::bpf_get_current_task_btf;
use tcptrace_ebpf::{settings::ANY_PID_NAMESPACE, wire::Owner};

use crate::{
    cgroup,
    kernel::{peek, read, setting},
};

/// A thread that belongs to no process, but to the kernel (include/linux/sched.h; the same since
/// ever). Those that io_uring and vhost make are threads of their process, and not such ones.
const PF_KTHREAD: u32 = 0x0020_0000;

/// Pid namespaces within each other at the most: MAX_PID_NS_LEVEL, include/linux/pid_namespace.h.
const LEVELS: u32 = 32;

/// The running task.
#[inline(always)]
pub fn current() -> *const u8 {
    // SAFETY: the helper has no arguments; tracing programs have it since 5.11.
    unsafe { bpf_get_current_task_btf() }.cast()
}

/// Writes all of an owner but its uid: the process by its first thread, which keeps its name for
/// it even when it has ended and others go on.
///
/// # Safety
/// `to` has room for an owner.
#[inline(always)]
pub unsafe fn describe(to: *mut Owner) {
    let task = current();
    // SAFETY: the caller's; `task` is a task_struct, and BTF knows the type of its leader.
    unsafe {
        let leader: *const u8 = read(task, setting!(offsets.task_group_leader));
        (&raw mut (*to).cgroup).write(cgroup::current());
        (&raw mut (*to).pid).write(process_id(leader));
        let comm = setting!(offsets.task_comm);
        copy_name(leader, comm, (&raw mut (*to).comm).cast());
        copy_name(task, comm, (&raw mut (*to).thread).cast());
        // In place of the zero byte that every name ends with.
        let flags: u32 = read(task, setting!(offsets.task_flags));
        (&raw mut (*to).kernel).write(u8::from(flags & PF_KTHREAD != 0));
    }
}

/// The id of a process, by its first thread, in the pid namespace of tcptrace; 0 where it is not
/// in it.
///
/// `struct pid`, include/linux/pid.h: the ids that it has in its namespace and in those around it,
/// outermost first.
#[inline(always)]
pub fn process_id(leader: *const u8) -> u32 {
    let ours = setting!(pid_namespace);
    if ours == ANY_PID_NAMESPACE {
        // SAFETY: `leader` is a task_struct.
        return unsafe { read(leader, setting!(offsets.task_tgid)) };
    }
    let pid: u64 = peek(leader as u64, setting!(offsets.task_thread_pid));
    let innermost: u32 = peek(pid, setting!(offsets.pid_level));
    let mut id = pid + u64::from(setting!(offsets.pid_numbers));
    for level in 0..LEVELS {
        if level > innermost {
            break;
        }
        let namespace: u64 = peek(id, setting!(offsets.upid_ns));
        if peek::<u32>(namespace, setting!(offsets.pid_namespace_inum)) == ours {
            return peek(id, setting!(offsets.upid_nr));
        }
        id += u64::from(setting!(offsets.upid_size));
    }
    0
}

/// # Safety
/// A task_struct is at `task`, and `to` has room for a name.
#[inline(always)]
unsafe fn copy_name(task: *const u8, offset: u32, to: *mut u64) {
    // SAFETY: the caller's. It is written to while it is read, rarely.
    unsafe {
        to.write(read(task, offset));
        to.add(1).write(read(task, offset + 8));
    }
}
