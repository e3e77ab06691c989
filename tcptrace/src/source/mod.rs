//! Where the events come from.

mod cgroup_made;
mod decode;
pub mod live;

pub use self::decode::{DecodeError, decode};
