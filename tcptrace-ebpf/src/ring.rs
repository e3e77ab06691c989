//! The way of a record to userspace.

use core::arch::asm;

use aya_ebpf::{
    bindings::{BPF_RB_AVAIL_DATA, BPF_RB_FORCE_WAKEUP, BPF_RB_NO_WAKEUP},
    helpers::generated::{bpf_ringbuf_reserve, bpf_ringbuf_submit},
    macros::map,
    maps::{Array, PerCpuArray, RingBuf},
};

use tcptrace_ebpf::wire::{Head, Link, kind};

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
/// `link`: the index of the network interface that is a part of the identity; 0: none is.
#[inline(always)]
pub fn send<T: 'static>(link: u32, fill: impl FnOnce(*mut T)) {
    // Either is a constant to the verifier (aya-ebpf reserves one size for a type).
    let mut size = match link {
        0 => size_of::<T>(),
        _ => size_of::<T>() + size_of::<Link>(),
    };
    // Lest the compiler looks at `link` in place of the size below: before 6.8 the verifier forgets
    // that it was compared with 0 where it was put on the stack, while a constant stays one.
    // SAFETY: one instruction, that changes nothing.
    unsafe { asm!("{0} = {0}", inout(reg) size, options(nomem, nostack)) };
    let events = (&raw const EVENTS).cast_mut().cast();
    // SAFETY: EVENTS is a ring buffer, which aya-ebpf's type is nothing but.
    let record: *mut T = unsafe { bpf_ringbuf_reserve(events, size as u64, 0) }.cast();
    if record.is_null() {
        if let Some(lost) = LOST.get_ptr_mut(0) {
            // SAFETY: the value of this CPU; the verifier checked the address.
            unsafe { count_one(lost) };
        }
        return;
    }
    fill(record);
    // SAFETY: every record begins with a head, and this one has room for a link behind it.
    unsafe {
        if size != size_of::<T>() {
            (*record.cast::<Head>()).kind |= kind::LINKED;
            let behind = record.add(1).cast::<Link>();
            behind.write(Link {
                index: link,
                reserved: 0,
            });
        }
        bpf_ringbuf_submit(record.cast(), wakeup());
    }
}

/// Sends a record that is nothing but a head; `link` as above.
#[inline(always)]
pub fn send_head(head: &Head, link: u32) {
    send(link, |to: *mut Head| {
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
