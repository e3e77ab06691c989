//! The kernel of this machine: loads the kernel half, and reads what it sends.

mod btf;
mod buffer;
mod error;
mod events;
mod load;
mod misses;
pub mod offsets;
mod pushdown;
mod reader;
mod symbols;

pub use self::{
    buffer::{BufferSizeError, buffer_size},
    events::Live,
    load::{Kernel, Metrics, Options},
    reader::{Drained, Reader},
    symbols::Symbols,
};
