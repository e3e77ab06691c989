//! One file a command: which options, which aggregate, which output.

mod doctor;
mod duration;
mod explain;
mod flows;
mod list;
mod output;
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
    output::Output,
    schema::schema,
    stats::{StatsOptions, stats},
    stuck::{StuckOptions, stuck},
    watch::{WatchOptions, watch},
};
