//! Reading kernel memory at offsets that are settings.

use core::intrinsics::{AtomicOrdering, atomic_xadd};

use aya_ebpf::{Global, helpers::generated};
use tcptrace_ebpf::settings::Settings;

/// Set by userspace when it loads the programs.
#[unsafe(no_mangle)]
pub static SETTINGS: Global<Settings> = Global::new(
    // SAFETY: `Settings` is integers throughout, for which zero is a value.
    unsafe { core::mem::zeroed() },
);

/// Reads one field of the settings, not all of them as `Global::load` would.
macro_rules! setting {
    ($($field:tt)+) => {
        crate::kernel::load(&crate::kernel::settings().$($field)+)
    };
}
pub(crate) use setting;

/// Where the settings are.
#[inline(always)]
pub fn settings() -> &'static Settings {
    // SAFETY: `Global<T>` is a transparent wrapper of `T`, and initialised.
    unsafe { &*(&raw const SETTINGS).cast() }
}

/// Loads a setting; volatile, as the compiler must not take the value that is compiled in.
#[inline(always)]
pub fn load<T: Copy>(field: &'static T) -> T {
    // SAFETY: a reference is valid to read.
    unsafe { (&raw const *field).read_volatile() }
}

/// Reads a field of memory that the verifier lets the program read: a kernel struct that BTF
/// knows the pointer's type of (a fault reads zero), or the stack.
///
/// # Safety
/// `base` points to such a struct, and a `T` lies at `offset`.
#[inline(always)]
pub unsafe fn read<T: Copy>(base: *const u8, offset: u32) -> T {
    // SAFETY: see above; the kernel aligns its fields.
    unsafe { base.add(offset as usize).cast::<T>().read_volatile() }
}

/// Reads any kernel address; zero where there is nothing to read.
#[inline(always)]
pub fn peek<T: Copy>(address: u64, offset: u32) -> T {
    // SAFETY: all `T` used are integers, and the helper writes the whole of it, zero on a fault.
    unsafe {
        let mut value = core::mem::MaybeUninit::<T>::zeroed();
        peek_into(
            value.as_mut_ptr().cast(),
            size_of::<T>() as u32,
            address + offset as u64,
        );
        value.assume_init()
    }
}

/// Reads `size` bytes at a kernel address into `to`.
///
/// # Safety
/// `to` has room for `size` bytes.
#[inline(always)]
pub unsafe fn peek_into(to: *mut u8, size: u32, address: u64) {
    // SAFETY: the caller's; the helper checks the address.
    unsafe { generated::bpf_probe_read_kernel(to.cast(), size, address as *const _) };
}

/// Zeroes what is made of 64-bit words, a word at a time: the compiler would call a loop that goes
/// byte by byte.
///
/// # Safety
/// `to` is aligned for a `u64`, and zero is a `T`.
#[inline(always)]
pub unsafe fn zero<T>(to: *mut T) {
    for word in 0..size_of::<T>() / 8 {
        // SAFETY: the caller's.
        unsafe { to.cast::<u64>().add(word).write_volatile(0) };
    }
}

/// CLOCK_MONOTONIC, ns.
#[inline(always)]
pub fn now() -> u64 {
    // SAFETY: the helper has no arguments.
    unsafe { generated::bpf_ktime_get_ns() }
}

/// Adds one to a counter of this CPU, of which another task may take the CPU in the middle, since
/// tracepoints don't disable preemption (7.0).
///
/// # Safety
/// `counter` is the value of a map; the verifier checked the address.
#[inline(always)]
pub unsafe fn count_one(counter: *mut u64) {
    // SAFETY: the caller's.
    unsafe { atomic_xadd::<_, _, { AtomicOrdering::Relaxed }>(counter, 1_u64) };
}
