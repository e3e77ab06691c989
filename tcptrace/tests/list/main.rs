//! `tcptrace list` against real sockets of the running kernel.
//!
//! Every test has a network namespace of its own. They need root; without it each of them fails
//! and says so. `TCPTRACE_BIN` names another binary to test.

#[path = "../faults/copied.rs"]
mod copied;
mod filters;
mod listing;
#[path = "../live/namespace.rs"]
#[expect(dead_code, reason = "the live tests need more of it")]
mod namespace;
mod output;
#[path = "../live/patience.rs"]
mod patience;
#[path = "../view/schema.rs"]
mod schema;
mod states;
