//! Sums up: records of connections, figures, and what goes on from second to second. Pure.

pub mod flows;
mod pulse;
pub mod stats;

pub use self::pulse::{Beat, Pulse, Traffic, Way};
