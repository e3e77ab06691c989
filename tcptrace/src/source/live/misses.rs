//! Events for which the kernel did not run a program.

use std::{
    fs,
    os::fd::{AsRawFd as _, BorrowedFd},
    path::PathBuf,
};

use aya::maps::{MapData, PerCpuArray};

/// Counts events that neither a program nor the one that stands in for it was run for: the kernel
/// does not run a program within itself, so an interrupt that comes while it runs, and makes an
/// event of the same kind, is not told by it, nor what another task does after it took the CPU from
/// one in the middle of it (`bpf_prog_get_recursion_context()` in
/// `__bpf_trace_run()`, kernel/trace/bpf_trace.c).
pub(super) struct Misses {
    /// The kernel tells them there since 5.12 (`bpf_prog_show_fdinfo()`, kernel/bpf/syscall.c).
    fdinfo: PathBuf,
    /// How often the other one told an event in its place, per CPU.
    stood_in: PerCpuArray<MapData, u64>,
    /// How often a program was left out until the last look: by now, the one that stands in has
    /// had its turn. A CPU may be taken away between the two, by an interrupt or a hypervisor.
    left_out: u64,
    /// What was left out for good before the programs were all attached: nobody was promised to
    /// see it.
    before: u64,
}

impl Misses {
    /// Of the program that a descriptor of this process stands for, as long as it is open.
    pub fn of(program: BorrowedFd<'_>, stood_in: PerCpuArray<MapData, u64>) -> Self {
        let fdinfo = format!("/proc/self/fdinfo/{}", program.as_raw_fd()).into();
        let mut misses = Self {
            fdinfo,
            stood_in,
            left_out: 0,
            before: 0,
        };
        misses.left_out = misses.left_out_so_far().unwrap_or_default();
        misses.before = misses.count(0).unwrap_or_default();
        misses
    }

    /// How many until the last look; `None` where the kernel does not tell. `told_twice` is how
    /// often the other one told what the first had told: that was no standing in.
    pub fn count(&mut self, told_twice: u64) -> Option<u64> {
        let stood_in: u64 = self.stood_in.get(&0, 0).ok()?.iter().sum();
        let now = self.left_out_so_far()?;
        let left_out = std::mem::replace(&mut self.left_out, now);
        let missed = left_out.saturating_sub(stood_in.saturating_sub(told_twice));
        Some(missed.saturating_sub(self.before))
    }

    fn left_out_so_far(&self) -> Option<u64> {
        parse(&fs::read_to_string(&self.fdinfo).ok()?)
    }
}

fn parse(fdinfo: &str) -> Option<u64> {
    fdinfo
        .lines()
        .find_map(|line| line.strip_prefix("recursion_misses:"))?
        .trim()
        .parse()
        .ok()
}

#[cfg(test)]
mod tests {
    use super::parse;

    #[test]
    fn what_was_left_out_is_read_where_the_kernel_tells() {
        let fdinfo = "pos:\t0\nprog_type:\t26\nrun_cnt:\t9\nrecursion_misses:\t3\n";
        assert_eq!(parse(fdinfo), Some(3));
        assert_eq!(parse("pos:\t0\n"), None);
    }
}
