//! One file a command: which options, which aggregate, which output.

mod doctor;
mod duration;
mod explain;
mod export;
mod flows;
mod info;
mod list;
mod output;
mod record;
#[cfg(feature = "report")]
mod report;
mod schema;
#[cfg(feature = "serve")]
mod serve;
#[cfg(feature = "ship")]
mod ship;
mod stats;
mod stuck;
mod top;
mod watch;

#[cfg(feature = "report")]
pub use self::report::{ReportOptions, ReportTarget, report};
#[cfg(feature = "serve")]
pub use self::serve::{ServeOptions, serve};
#[cfg(feature = "ship")]
pub use self::ship::{ShipOptions, ShipSchemaOptions, ship, ship_schema};
pub use self::{
    doctor::{DoctorOptions, ReportFormat, doctor},
    duration::{DurationError, duration},
    explain::{ExplainOptions, explain},
    export::{ExportOptions, ExportedRows, export},
    flows::{FlowsOptions, flows},
    info::{InfoOptions, info},
    list::{ListOptions, list},
    output::Output,
    record::{RecordOptions, record},
    schema::schema,
    stats::{StatsOptions, stats},
    stuck::{StuckOptions, stuck},
    top::{TopOptions, top},
    watch::{WatchOptions, watch},
};
