//! The rows that there are: one file for each type of line, or for what several have.

mod count;
mod doctor;
mod ended;
mod flow;
mod holders;
mod identity;
mod owner;
mod recording;
mod run;
mod socket;
mod stats;
mod stuck;
mod transition;
mod workload;

pub use self::stats::GroupValue;
#[cfg(feature = "report")]
pub use self::stats::{ListenerRow, MakerRow, NamedLink, PortsRow, RetriedRow, ServiceRow};
pub(super) use self::{
    count::CountRow,
    doctor::DoctorRow,
    flow::FlowRow,
    owner::OwnerCache,
    recording::{ClockRow, DamageRow, LossRow, OptionRow, PieceRow, RecordingRow},
    run::{EndRow, LostRow, StartRow},
    socket::SocketRow,
    stats::{
        ShownGroup, StateLine, StatsRow, began, listeners, makers, overflowed, ports, retried,
        services,
    },
    stuck::StuckRow,
    transition::TransitionRow,
};
