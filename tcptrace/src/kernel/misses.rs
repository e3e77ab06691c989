//! Events for which the kernel did not run a program.

use std::{
    fs,
    os::fd::{AsRawFd as _, BorrowedFd},
    path::PathBuf,
};

/// Counts runs of a program that the kernel left out: it does not run a program within itself, so
/// an interrupt that comes while it runs, and makes an event of the same kind, is not told
/// (`bpf_prog_get_recursion_context()` in `__bpf_trace_run()`, kernel/trace/bpf_trace.c).
#[derive(Debug)]
pub(super) struct Misses {
    /// The kernel tells them there since 5.12 (`bpf_prog_show_fdinfo()`, kernel/bpf/syscall.c).
    fdinfo: PathBuf,
}

impl Misses {
    /// Of the program that a descriptor of this process stands for, as long as it is open.
    pub fn of(program: BorrowedFd<'_>) -> Self {
        let fdinfo = format!("/proc/self/fdinfo/{}", program.as_raw_fd()).into();
        Self { fdinfo }
    }

    /// How many so far; `None` where the kernel does not tell.
    pub fn count(&self) -> Option<u64> {
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
