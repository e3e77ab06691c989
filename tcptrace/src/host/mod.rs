//! What the rest of the machine tells: /proc, control groups, network interfaces, sock_diag. The
//! loop never waits for it.

mod boot;
mod cgroup;
mod clock;
pub mod cpu;
mod keepalives;
mod links;
mod looker;
mod memory;
pub mod snapshot;
mod workload;

pub use self::{
    boot::{boot_id, host_name, kernel_release},
    cgroup::{CgroupFilter, Cgroups, Reader as WorkloadReader, is_split, silent as silent_cgroup},
    clock::{Clock, jiffies_per_second, monotonic_now, suspended},
    keepalives::Keepalives,
    links::{Interface, Links},
    looker::Looker,
    memory::give_back_at_once,
    snapshot::*,
    workload::{Place, RuntimeFiles, full_unit_name, place_of},
};
