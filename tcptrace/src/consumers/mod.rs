//! What each command does with what happens: `watch`, `flows`, `stats`, `stuck` and `top` are fed by the loop
//! of [`engine`](crate::engine). `list`, and `stuck` where it looks only once, need no loop: they ask
//! the kernel for what is there.

mod due;
mod flows;
mod keeping;
mod lines;
mod list;
mod looks;
mod record;
#[cfg(feature = "serve")]
mod serve;
mod stats;
mod stuck;
mod top;
mod watch;

#[cfg(feature = "serve")]
pub use self::serve::{Serve, Served};
pub use self::{
    flows::Flows,
    keeping::Spare,
    list::{Sockets, recorded_sockets, sockets},
    record::Record,
    stats::Stats,
    stuck::Stuck,
    top::Top,
    watch::Watch,
};
