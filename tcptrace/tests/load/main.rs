//! tcptrace under load: as many connections, half-open connections, TIME_WAITs and network
//! namespaces as a busy server has. Counts must be exact, and memory bounded.
//!
//! They are run one after another by `cargo xtask test --load`, as root, and take
//! minutes; with `TCPTRACE_LOAD=small`, as for every change, it is a twentieth of it. Every test has a network
//! namespace of its own. `TCPTRACE_BIN` names another binary to test.

mod connections;
mod counters;
mod flood;
mod kernel_counts;
mod loop_back;
mod memory;
#[path = "../live/namespace.rs"]
#[expect(dead_code, reason = "the live tests need more of it")]
mod namespace;
mod namespaces;
mod served;
mod stalled;
mod time_waits;
mod traced;
mod wire;

/// How much there is to be done: so much, or a twentieth of it for `TCPTRACE_LOAD=small`.
fn load(full: u64) -> u64 {
    match std::env::var("TCPTRACE_LOAD").as_deref() {
        Ok("small") => full / 20,
        _ => full,
    }
}
