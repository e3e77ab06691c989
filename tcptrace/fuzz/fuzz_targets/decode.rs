//! Any bytes are an event, or refused.

#![no_main]

use std::sync::LazyLock;

use libfuzzer_sys::fuzz_target;
use tcptrace::source::{decode, live::Symbols};

/// Functions as close together as a fuzzer's numbers are.
static SYMBOLS: LazyLock<Symbols> = LazyLock::new(|| {
    Symbols::parse(
        &b"10 T tcp_abort\n20 t x\n30 T tcp_check_req\n40 T tcp_v4_rcv\n50 T tcp_req_err\n60 t y\n"
            [..],
    )
});

fuzz_target!(|bytes: &[u8]| {
    if let Ok(event) = decode(bytes, &SYMBOLS) {
        assert_eq!(event.time_ns().to_ne_bytes(), bytes[..8]);
    }
});
