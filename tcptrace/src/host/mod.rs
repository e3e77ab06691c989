//! What the rest of the machine tells: the loop never waits for it.

pub mod cpu;
mod looker;

pub use self::looker::Looker;
