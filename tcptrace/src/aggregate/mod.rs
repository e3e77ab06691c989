//! Sums up: records of connections, figures, what goes on from second to second, and counters that
//! only grow. Pure.

pub mod flows;
pub mod meters;
mod pulse;
pub mod stats;
mod ways;

pub use self::{
    pulse::{Beat, Pulse, Traffic},
    ways::{InStates, Way, Ways},
};
