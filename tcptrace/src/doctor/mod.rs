//! Whether this machine can be traced, and how TCP is set up on it.
//!
//! What is read comes as text and is judged by pure functions; only [`examine`] asks the machine.

mod capabilities;
mod check;
mod counters;
mod examine;
mod hooks;
mod meaning;
pub mod proc;
mod report;
mod settings;
mod traps;

pub use self::{
    check::{Check, Status},
    counters::Counter,
    examine::{examine, judge},
    report::Report,
    settings::{Setting, Value},
    traps::{ListenerState, Warning},
};
