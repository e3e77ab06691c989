//! The states of TCP: include/net/tcp_states.h, the same since ever.

pub const ESTABLISHED: u8 = 1;
pub const SYN_SENT: u8 = 2;
pub const SYN_RECV: u8 = 3;
/// Of minisocks, whatever their substate.
pub const TIME_WAIT: u8 = 6;
pub const CLOSED: u8 = 7;
pub const CLOSE_WAIT: u8 = 8;
pub const LAST_ACK: u8 = 9;
pub const LISTEN: u8 = 10;
