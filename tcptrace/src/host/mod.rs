//! What the rest of the machine tells: the loop never waits for it.

pub mod cpu;
mod links;
mod looker;

pub use self::{
    links::{Interface, Links},
    looker::Looker,
};
