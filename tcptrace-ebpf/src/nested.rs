//! Transitions within transitions.
//!
//! The kernel does not run a program within itself (`__bpf_trace_run()`,
//! kernel/trace/bpf_trace.c). What changes the state of a socket while the program of full sockets
//! tells of another one, on the same CPU, would be told by nobody: an interrupt whose segments are
//! dealt with at once, or another task, where programs can be preempted. So there are two programs
//! at that tracepoint, one after the other: the second tells what comes while the first is busy.

use aya_ebpf::{macros::map, maps::PerCpuArray};

/// 1 while the first program is at work on this CPU.
#[map]
static BUSY: PerCpuArray<u32> = PerCpuArray::with_max_entries(1, 0);

/// How often the second program was needed, per CPU.
#[map]
static STOOD_IN: PerCpuArray<u64> = PerCpuArray::with_max_entries(1, 0);

/// Does the first program's work, unless it is at work already: old kernels do run it within
/// itself, and leave it to the second all the same.
#[inline(always)]
pub fn first(work: impl FnOnce()) {
    let Some(busy) = BUSY.get_ptr_mut(0) else {
        return;
    };
    // SAFETY: the value of this CPU, which programs do not leave; the verifier checked the address.
    unsafe {
        if busy.read_volatile() != 0 {
            return;
        }
        busy.write_volatile(1);
    }
    work();
    // SAFETY: as above.
    unsafe { busy.write_volatile(0) };
}

/// Does the same work if the first program could not.
#[inline(always)]
pub fn second(work: impl FnOnce()) {
    let Some(busy) = BUSY.get_ptr(0) else {
        return;
    };
    // SAFETY: as above.
    if unsafe { busy.read_volatile() } == 0 {
        return;
    }
    if let Some(stood_in) = STOOD_IN.get_ptr_mut(0) {
        // SAFETY: as above.
        unsafe { *stood_in += 1 };
    }
    work();
}
