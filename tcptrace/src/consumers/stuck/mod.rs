//! Who is to blame for connections that don't go on: looked for once, or as long as one likes.

mod follow;
mod look;
mod now;
mod once;
mod over;
mod worker;

pub use self::{follow::Stuck, now::StuckNow};
