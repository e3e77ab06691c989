//! Transitions within transitions.
//!
//! The kernel does not run a program within itself (`__bpf_trace_run()`,
//! kernel/trace/bpf_trace.c). What changes the state of a socket while the program of full sockets
//! tells of another one, on the same CPU, would be told by nobody: an interrupt whose segments are
//! dealt with at once, or another task, where programs can be preempted. So there are several
//! programs at that tracepoint, one after the other: each tells what those before it did not. Two
//! are enough for interrupts, as those do not interrupt each other. Any number of tasks may lose
//! the CPU, but the more, the more seldom: a third is there for them.

use aya_ebpf::{macros::map, maps::PerCpuArray};
use tcptrace_ebpf::wire::flag;

use crate::kernel::count_one;

/// Transitions of one CPU that a program has begun to tell and the last has not seen.
/// Mostly one; another for each that an interrupt makes between the two, and for each task that
/// lost the CPU between them. Were there more, or went such a task on on another CPU, one would be
/// told twice: the second time with [`flag::STOOD_IN`], so that userspace can tell.
const KEPT: usize = 8;

/// What was told last, on one CPU.
#[repr(C)]
struct Told {
    /// Which is overwritten if none is free; counts on.
    next: u64,
    kept: [Change; KEPT],
}

#[map]
static TOLD: PerCpuArray<Told> = PerCpuArray::with_max_entries(1, 0);

/// How often another program than the first was needed, per CPU.
#[map]
static STOOD_IN: PerCpuArray<u64> = PerCpuArray::with_max_entries(1, 0);

/// A transition that is under way on this CPU.
#[derive(Clone, Copy)]
#[repr(C)]
pub struct Change {
    /// The address of the socket. The verifier lets nobody calculate with it.
    pub sk: u64,
    pub from: u32,
    pub to: u32,
}

/// Tells a transition. Old kernels do run this within itself, which does no harm.
#[inline(always)]
pub fn first(change: Change, tell: impl FnOnce(u8)) {
    if let Some(told) = TOLD.get_ptr_mut(0) {
        keep(told, change);
    }
    tell(0);
}

/// Tells a transition that the first program could not; between it and the last.
#[inline(always)]
pub fn between(change: Change, tell: impl FnOnce(u8)) {
    let Some(told) = TOLD.get_ptr_mut(0) else {
        return;
    };
    if find(told, change).is_none() {
        keep(told, change);
        stand_in(tell);
    }
}

/// Tells a transition that no program before could.
#[inline(always)]
pub fn last(change: Change, tell: impl FnOnce(u8)) {
    let Some(told) = TOLD.get_ptr_mut(0) else {
        return;
    };
    match find(told, change) {
        // SAFETY: as below.
        Some(kept) => unsafe { (*kept).sk = 0 },
        None => stand_in(tell),
    }
}

#[inline(always)]
fn stand_in(tell: impl FnOnce(u8)) {
    if let Some(stood_in) = STOOD_IN.get_ptr_mut(0) {
        // SAFETY: the value of this CPU; the verifier checked the address.
        unsafe { count_one(stood_in) };
    }
    tell(flag::STOOD_IN);
}

/// Where it is kept, if a program before has told it.
#[inline(always)]
fn find(told: *mut Told, change: Change) -> Option<*mut Change> {
    for index in 0..KEPT {
        // SAFETY: as below.
        unsafe {
            let kept = &raw mut (*told).kept[index];
            if (*kept).sk == change.sk && (*kept).from == change.from && (*kept).to == change.to {
                return Some(kept);
            }
        }
    }
    None
}

/// Keeps it where nothing is, or what is of the same socket: that is over, as whoever changes a
/// socket's state has its lock.
#[inline(always)]
fn keep(told: *mut Told, change: Change) {
    // SAFETY: the value of this CPU, which programs do not leave; the verifier checked the
    // address.
    unsafe {
        for index in 0..KEPT {
            let kept = &raw mut (*told).kept[index];
            if (*kept).sk == 0 || (*kept).sk == change.sk {
                kept.write(change);
                return;
            }
        }
        let next = (*told).next;
        (*told).next = next.wrapping_add(1);
        (*told).kept[next as usize % KEPT] = change;
    }
}
