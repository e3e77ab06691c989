//! How many descriptors a process may have, and has.

use std::fs;

/// A process that has no descriptor left: accept() fails with EMFILE.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct DescriptorLimit {
    /// RLIMIT_NOFILE, the soft one.
    pub limit: u32,
}

/// The limit of a process, if it is reached; `None` if not, or if that can't be told.
#[must_use]
pub fn exhausted(pid: u32) -> Option<DescriptorLimit> {
    let limits = fs::read_to_string(format!("/proc/{pid}/limits")).ok()?;
    let limit = soft_limit(&limits)?;
    // A limit that was lowered leaves those above it open: only those below count.
    let used = fs::read_dir(format!("/proc/{pid}/fd"))
        .ok()?
        .flatten()
        .filter_map(|entry| entry.file_name().to_str()?.parse::<u32>().ok())
        .filter(|descriptor| *descriptor < limit)
        .count();
    (used >= limit as usize).then_some(DescriptorLimit { limit })
}

/// Reads `Max open files  1024  524288  files`.
fn soft_limit(limits: &str) -> Option<u32> {
    let line = limits
        .lines()
        .find_map(|line| line.strip_prefix("Max open files"))?;
    line.split_whitespace().next()?.parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_soft_limit_is_read() {
        let text = "Limit                     Soft Limit           Hard Limit           Units\n\
                    Max processes             95844                95844                processes\n\
                    Max open files            1024                 524288               files\n";
        assert_eq!(soft_limit(text), Some(1024));
        assert_eq!(
            soft_limit("Max open files  unlimited  unlimited  files"),
            None
        );
        assert_eq!(soft_limit(""), None);
    }

    #[test]
    fn a_process_with_room_has_not_reached_it() {
        assert_eq!(exhausted(std::process::id()), None);
    }
}
