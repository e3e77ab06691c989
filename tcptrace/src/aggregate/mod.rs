//! Sums up: records of connections, and figures. Pure.

pub mod flows;
pub mod stats;
