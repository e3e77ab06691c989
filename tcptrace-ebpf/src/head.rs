//! The head that every record begins with, before it is sent.

use core::mem::MaybeUninit;

use tcptrace_ebpf::wire::Head;

use crate::kernel::zero;

/// Room for a head. It is written where it is: copies cost more than what they copy.
pub struct HeadBuffer(MaybeUninit<Head>);

impl HeadBuffer {
    #[inline(always)]
    pub fn new() -> Self {
        Self(MaybeUninit::uninit())
    }

    #[inline(always)]
    pub fn zeroed(&mut self) -> &mut Head {
        // SAFETY: a head is of words, whose zeroes make one.
        unsafe {
            zero(self.0.as_mut_ptr());
            self.0.assume_init_mut()
        }
    }
}

/// What fits into a byte.
#[inline(always)]
pub fn at_most_255(count: u32) -> u8 {
    if count > 255 { 255 } else { count as u8 }
}
