//! Puts the parts together: one file a command, and what all live ones share.

mod child;
mod doctor;
mod duration;
mod explain;
mod flows;
mod keepalives;
mod lines;
mod list;
mod live;
mod schema;
mod stats;
mod stuck;
mod watch;

pub use self::{
    doctor::{DoctorOptions, ReportFormat, doctor},
    duration::{DurationError, duration},
    explain::{ExplainOptions, explain},
    flows::{FlowsOptions, flows},
    list::{ListOptions, list},
    live::{Limit, Live, LiveOptions, Outcome},
    schema::schema,
    stats::{StatsOptions, stats},
    stuck::{StuckOptions, stuck},
    watch::{Output, WatchOptions, watch},
};
