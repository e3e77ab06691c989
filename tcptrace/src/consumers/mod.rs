//! What each command does with what happens: `watch`, `flows`, `stats`, `stuck`, `top` and `report` are fed by the loop
//! of [`engine`](crate::engine). `list`, and `stuck` where it looks only once, need no loop: they ask
//! the kernel for what is there.

mod due;
mod flows;
mod keeping;
mod lines;
mod list;
mod looks;
mod record;
#[cfg(feature = "report")]
mod report;
#[cfg(feature = "serve")]
mod serve;
mod stats;
mod stuck;
mod top;
mod watch;

#[cfg(feature = "report")]
pub use self::report::{GatheredReport, Report};
#[cfg(feature = "serve")]
pub use self::serve::{Serve, Served};
pub use self::{
    flows::Flows,
    keeping::Spare,
    list::{recorded_sockets, sockets},
    record::Record,
    stats::Stats,
    stuck::Stuck,
    top::Top,
    watch::Watch,
};

use crate::{filter::Filter, host::Cgroups, model::Connection};

/// Whether a connection is asked for; whose control group it is is looked up only if that matters.
fn is_asked_for(filter: &Filter, it: &Connection, cgroups: &mut Cgroups) -> bool {
    let in_cgroup = filter.in_cgroup && cgroups.is_asked_for(it.owner.cgroup);
    filter.matches_connection(it, in_cgroup)
}
