//! The way of a record to userspace.

use aya_ebpf::{
    bindings::{BPF_RB_AVAIL_DATA, BPF_RB_FORCE_WAKEUP, BPF_RB_NO_WAKEUP},
    macros::map,
    maps::{Array, PerCpuArray, RingBuf},
};

use tcptrace_ebpf::wire::Head;

use crate::kernel::{count_one, setting};

/// All records, in the order in which they were reserved. Userspace sets the size.
#[map]
static EVENTS: RingBuf = RingBuf::with_byte_size(4096, 0);

/// Records that found no room, per CPU.
#[map]
static LOST: PerCpuArray<u64> = PerCpuArray::with_max_entries(1, 0);

/// 1 while the reader sleeps until it is woken.
#[map]
static SLEEPING: Array<u32> = Array::with_max_entries(1, 0);

/// Bytes around `wake_at` in which the reader is woken: several CPUs may step over it at once.
const WAKE_WINDOW: u64 = 1024;

/// Reserves a record, has it filled and hands it over; counts it as lost if there is no room.
#[inline(always)]
pub fn send<T: 'static>(fill: impl FnOnce(*mut T)) {
    let Some(mut record) = EVENTS.reserve::<T>(0) else {
        if let Some(lost) = LOST.get_ptr_mut(0) {
            // SAFETY: the value of this CPU; the verifier checked the address.
            unsafe { count_one(lost) };
        }
        return;
    };
    fill(record.as_mut_ptr());
    record.submit(wakeup());
}

/// Sends a record that is nothing but a head.
#[inline(always)]
pub fn send_head(head: &Head) {
    send(|to: *mut Head| {
        // SAFETY: `to` is a reserved record.
        unsafe { to.write(*head) };
    });
}

/// The reader looks by itself every few milliseconds, and sleeps when nothing happens. It is woken
/// from that by the first event, and otherwise when the buffer fills faster than it looks; then
/// once, not per event.
#[inline(always)]
fn wakeup() -> u64 {
    if let Some(sleeping) = SLEEPING.get_ptr_mut(0) {
        // SAFETY: the verifier checked the address. Two CPUs at once wake it twice.
        unsafe {
            if sleeping.read_volatile() != 0 {
                sleeping.write_volatile(0);
                return u64::from(BPF_RB_FORCE_WAKEUP);
            }
        }
    }
    let beyond = EVENTS
        .query(u64::from(BPF_RB_AVAIL_DATA))
        .wrapping_sub(setting!(wake_at));
    if beyond < WAKE_WINDOW {
        u64::from(BPF_RB_FORCE_WAKEUP)
    } else {
        u64::from(BPF_RB_NO_WAKEUP)
    }
}
