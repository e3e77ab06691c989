//! How many descriptors a process may have, and has.

use std::fs;

use serde::{Deserialize, Serialize};

use procfs::process::LimitValue;

/// A process that has no descriptor left: accept() fails with EMFILE.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct DescriptorLimit {
    /// RLIMIT_NOFILE, the soft one.
    pub limit: u32,
}

/// The limit of a process, if it is reached; `None` if not, or if that can't be told.
#[must_use]
pub fn exhausted(pid: u32) -> Option<DescriptorLimit> {
    let process = procfs::process::Process::new(pid.try_into().ok()?).ok()?;
    let LimitValue::Value(limit) = process.limits().ok()?.max_open_files.soft_limit else {
        return None;
    };
    let limit = u32::try_from(limit).ok()?;
    // A limit that was lowered leaves those above it open: only those below count.
    let used = fs::read_dir(format!("/proc/{pid}/fd"))
        .ok()?
        .flatten()
        .filter_map(|entry| entry.file_name().to_str()?.parse::<u32>().ok())
        .filter(|descriptor| *descriptor < limit)
        .count();
    (used >= limit as usize).then_some(DescriptorLimit { limit })
}

#[cfg(test)]
mod tests {
    use std::{
        io::{Read as _, Write as _},
        process::{Command, Stdio},
    };

    use rustix::process::{Pid, Resource, Rlimit, prlimit};

    use super::*;

    #[test]
    fn a_process_with_room_has_not_reached_it() {
        assert_eq!(exhausted(std::process::id()), None);
    }

    #[test]
    fn a_process_without_room_has_reached_it() {
        let mut cat = Command::new("cat")
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .expect("cat");
        // Once it answers, it has opened all that it needs.
        let input = cat.stdin.as_mut().expect("a pipe");
        input.write_all(b"x").expect("it reads");
        let output = cat.stdout.as_mut().expect("a pipe");
        output.read_exact(&mut [0]).expect("it writes");
        let limit = Rlimit {
            current: Some(3),
            maximum: Some(20),
        };
        prlimit(Pid::from_raw(cat.id() as i32), Resource::Nofile, limit).expect("a limit");
        let told = exhausted(cat.id());
        cat.kill().expect("it runs");
        cat.wait().expect("it ends");
        assert_eq!(told, Some(DescriptorLimit { limit: 3 }));
    }
}
