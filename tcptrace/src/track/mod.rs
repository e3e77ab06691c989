//! The state machine: events in, transitions out. No I/O, no clock, no printing; time is that of
//! the events, and what is said to have passed ([`Tracker::advance`]).
//!
//! A connection is, one after another, a request (SYN_RECV at a listener), a full socket and a
//! minisock (TIME_WAIT, an orphan's FIN_WAIT2). The kernel tells of the three apart; here they
//! are one [`Flow`](flow::Flow) again.

mod closing;
mod connections;
mod deadlines;
mod duplicates;
mod flow;
mod flows;
mod forget;
mod holding;
mod minisocks;
mod order;
mod remembered;
mod requests;
mod resync;
mod sockets;
mod syn;
mod tracker;

pub use self::tracker::{Limits, Tracker};
