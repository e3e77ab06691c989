//! What each command does with what happens: `watch`, `flows`, `stats`, `stuck` and `top` are fed by the loop
//! of [`engine`](crate::engine). `list`, and `stuck` where it looks only once, need no loop: they ask
//! the kernel for what is there.

mod flows;
mod lines;
mod list;
mod looks;
mod record;
mod stats;
mod stuck;
mod top;
mod watch;

pub use self::{
    flows::Flows,
    list::{Sockets, recorded_sockets, sockets},
    record::{Record, Spare},
    stats::Stats,
    stuck::Stuck,
    top::Top,
    watch::Watch,
};
