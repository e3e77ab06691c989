//! A report of `stats`, its lists, and its lines in CSV.

mod link;
mod lists;
mod report;
mod state_line;
mod tables;

pub use self::{
    lists::{listeners, makers, overflowed, ports, retried, services},
    report::{GroupValue, StatsRow},
    state_line::StateLine,
};
