//! A report of `stats`, its lists, and its lines in CSV.

mod by_name;
mod group_value;
mod groups;
mod link;
mod lists;
mod report;
mod state_line;
mod tables;

pub use self::{
    group_value::GroupValue,
    groups::ShownGroup,
    lists::{listeners, makers, overflowed, ports, retried, services},
    report::{StatsRow, began},
    state_line::StateLine,
};
#[cfg(feature = "report")]
pub use self::{
    link::NamedLink,
    report::{ListenerRow, MakerRow, PortsRow, RetriedRow, ServiceRow},
};
