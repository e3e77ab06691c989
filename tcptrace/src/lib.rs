//! tcptrace shows every TCP connection of a Linux machine going through its states, live, and
//! tells why.
//!
//! The folders follow the way of the data, in one direction; none imports one that stands below it
//! (`cargo xtask lint` sees to it):
//!
//! * [`model`] is the vocabulary,
//! * [`language`] has its words for people, in several languages,
//! * [`privileges`] are given up as soon as they are not needed,
//! * [`host`] asks the machine while the others go on,
//! * [`filter`] drops what nobody asked for,
//! * [`record`] keeps what happens in a folder,
//! * [`source`] gives events: [`source::live`] loads the kernel half and reads what it sends,
//! * [`track`] makes transitions of the events: the state machine,
//! * [`aggregate`] sums them up,
//! * [`diagnose`] tells who is to blame for those that don't go on,
//! * [`explain`] has words for what is seen,
//! * [`doctor`] tells whether it can be, and how TCP is set up,
//! * [`output`] writes all that,
//! * `report` makes a page of it,
//! * [`screen`] draws it, live,
//! * `metrics` tells it to monitoring systems,
//! * [`engine`] puts them together, and runs the loop,
//! * `ship` brings a recording's flows elsewhere,
//! * [`consumers`] take what it tells: what each command does with it,
//! * [`commands`] choose source, consumer and output.

pub mod aggregate;
pub mod commands;
pub mod consumers;
pub mod diagnose;
pub mod doctor;
pub mod engine;
pub mod explain;
pub mod filter;
pub mod host;
pub mod language;
#[cfg(feature = "serve")]
pub mod metrics;
pub mod model;
pub mod output;
pub mod privileges;
pub mod record;
#[cfg(feature = "report")]
pub mod report;
pub mod screen;
#[cfg(feature = "ship")]
pub mod ship;
pub mod source;
pub mod track;
