//! What the rest of the machine tells: the loop never waits for it.

mod looker;

pub use self::looker::Looker;
