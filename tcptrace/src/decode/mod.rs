//! Makes events of the records of the kernel half: pure functions from bytes, which never panic,
//! whatever the bytes are.

mod address;
mod cgroup;
mod event;
mod record;
mod text;

pub use self::{
    address::{Endpoint, Link, Tuple},
    cgroup::CgroupMade,
    event::{
        AcceptedEvent, Cgroup, Comm, Cookie, EarlyCause, Event, Evidence, FinDroppedEvent,
        ForkedEvent, Measured, MinisockEvent, MinisockState, Owner, Process, Reach, RequestEvent,
        ResetSentEvent, SocketEvent, SynEvent, TimerChange,
    },
    record::{DecodeError, decode},
    text::printable,
};
