//! BTF that is broken, or of a kernel that nobody has seen: offsets, or why there are none.

#![no_main]

use libfuzzer_sys::fuzz_target;
use tcptrace::source::live::offsets::look_up;

fuzz_target!(|bytes: &[u8]| {
    if let Err(error) = look_up(bytes) {
        assert!(!error.to_string().is_empty());
    }
});
