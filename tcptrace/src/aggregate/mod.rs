//! Sums up: records of connections, figures, what goes on from second to second, and counters that
//! only grow. Pure.

pub mod flows;
mod longest;
pub mod meters;
mod pulse;
mod rates;
pub mod stats;
mod ways;

pub use self::{
    longest::Longest,
    pulse::{Beat, Pulse, Traffic},
    rates::{RateCounts, RateSlot, Rates},
    ways::{InStates, Way, Ways},
};
