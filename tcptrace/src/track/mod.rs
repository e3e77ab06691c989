//! The state machine: events in, transitions out. No I/O, no clock, no printing; time is that of
//! the events, and what is said to have passed ([`Tracker::advance`]).
//!
//! A connection is, one after another, a request (SYN_RECV at a listener), a full socket and a
//! minisock (TIME_WAIT, an orphan's FIN_WAIT2). The kernel tells of the three apart; here they
//! are one [`Flow`](flow::Flow) again.

mod closing;
mod connections;
mod deadlines;
mod flow;
mod forget;
mod holding;
mod length;
mod listeners;
mod minisocks;
mod order;
mod reason;
mod requests;
mod resync;
mod sockets;
mod state;
mod syn;
mod tracker;
mod transition;
mod twice;

pub(crate) use self::listeners::Listeners;
pub use self::{
    connections::Connection,
    holding::{Found, Question},
    length::Length,
    reason::{Closer, Detail, Reason, Side},
    state::{State, UnknownState},
    tracker::{Existing, ExistingKind, Limits, Sight, Tracker},
    transition::Transition,
};
