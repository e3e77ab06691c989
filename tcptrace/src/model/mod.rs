//! The vocabulary: what all other rooms speak of. No input and no output, and no room is imported.

mod address;
mod connection;
mod coverage;
mod degraded;
mod event;
mod flow;
mod holding;
mod kernel_error;
mod length;
mod listeners;
mod machine;
mod ports;
mod reason;
mod remembered;
mod state;
mod text;
mod time;
mod transition;
mod workload;

pub(crate) use self::{address::ip, listeners::Listeners};
pub use self::{
    address::{Endpoint, Family, Link, Tuple},
    connection::{Connection, Existing, Known, SocketKind},
    coverage::{Coverage, PidNamespace},
    degraded::{Degraded, NoAddresses, Why},
    event::{
        AcceptedEvent, Cgroup, CgroupMade, Comm, Cookie, EarlyCause, Event, Evidence,
        FinDroppedEvent, ForkedEvent, Measured, MinisockEvent, MinisockState, Owner, Process,
        Reach, RequestEvent, ResetSentEvent, SocketEvent, SynEvent, TimerChange,
    },
    flow::{FlowEnd, FlowRecord, PathStep},
    holding::{HolderAnswer, HolderQuestion},
    kernel_error::KernelError,
    length::Length,
    listeners::{DropCounts, DropLook, ListenerDrops},
    machine::{KeepaliveSettings, Machine, NamespaceSettings},
    ports::{PortRange, Reuse},
    reason::{Closer, Detail, Reason, Side},
    remembered::{Closed, Holding, Minisock, Remembered, Stage, Stopped, Syn},
    state::{State, UnknownState},
    text::printable,
    time::ns,
    transition::Transition,
    workload::{Container, LONGEST_NAME, Pod, Runtime, Workload},
};
