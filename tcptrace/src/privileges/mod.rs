//! What tcptrace may do: no more than it needs, and less once it is attached.
//!
//! The kernel keeps capabilities, the bounding set and no_new_privs for each thread, and a thread
//! begins with those of the one that makes it. So they are reduced before any other thread is
//! there; the only one that keeps all is the one that starts a traced command, until it has done
//! so (`engine/child.rs`): the command runs with the caller's privileges, not with tcptrace's.

mod capability;
mod reduce;

pub use self::{
    capability::{CAPABILITIES, CONTAINERS, Capability, ELSEWHERE, OWNERS, SIGNAL, load},
    reduce::{as_caller, effective, keep, keep_callers, keep_or_spare, missing},
};
pub use rustix::thread::CapabilitySet;
