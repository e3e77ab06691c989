//! tcptrace shows every TCP connection of a Linux machine going through its states, live, and
//! tells why.
//!
//! The folders follow the way of the data, in one direction:
//!
//! * [`kernel`] loads the kernel half and reads what it sends,
//! * [`decode`] makes events of the bytes,
//! * [`host`] asks the machine while the others go on,
//! * [`snapshot`] knows the sockets that were there before,
//! * [`track`] makes transitions of the events: the state machine,
//! * [`flows`] makes one record a connection of them,
//! * [`stats`] sums them up,
//! * [`filter`] drops those that nobody asked for,
//! * [`stuck`] tells who is to blame for those that don't go on,
//! * [`explain`] has words for what is seen,
//! * [`doctor`] tells whether it can be, and how TCP is set up,
//! * [`view`] writes the others,
//! * [`privileges`] are given up as soon as they are not needed,
//! * [`schema`] tells what is written for programs,
//! * [`commands`] put these together.

pub mod commands;
pub mod decode;
pub mod doctor;
pub mod explain;
pub mod filter;
pub mod flows;
pub mod host;
pub mod kernel;
pub mod privileges;
pub mod schema;
pub mod snapshot;
pub mod stats;
pub mod stuck;
pub mod track;
pub mod view;
