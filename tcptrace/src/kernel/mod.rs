//! Where the data begins: loads the kernel half, and reads what it sends.

mod boot;
mod buffer;
mod cgroup;
mod clock;
mod error;
mod load;
mod misses;
pub mod offsets;
mod pushdown;
mod reader;
mod symbols;

pub use self::{
    boot::release,
    buffer::{BufferSizeError, buffer_size},
    cgroup::{Cgroups, is_split, silent as silent_cgroup},
    clock::{Clock, jiffies_per_second, monotonic_now},
    error::KernelError,
    load::{Degraded, Kernel, Metrics, Options},
    reader::{Drained, Reader},
    symbols::Symbols,
};
