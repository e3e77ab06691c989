//! What was measured, and where.

use std::{env, fs, process::Command};

use crate::repository::Repository;

/// The state of the repository.
pub struct Checkout {
    /// The commit, with a mark if files differ from it; `None`: not known.
    pub commit: Option<String>,
    /// tcptrace's version.
    pub version: &'static str,
    /// The command that was typed.
    pub command: String,
}

impl Checkout {
    /// Asks git.
    #[must_use]
    pub fn of(repository: &Repository) -> Self {
        let commit = Command::new("git")
            .args(["describe", "--always", "--dirty", "--exclude=*"])
            .current_dir(&repository.root)
            .output()
            .ok()
            .filter(|output| output.status.success())
            .and_then(|output| String::from_utf8(output.stdout).ok())
            .map(|told| told.trim().to_owned());
        let words: Vec<String> = env::args().skip(1).collect();
        Self {
            commit,
            version: env!("CARGO_PKG_VERSION"),
            command: format!("cargo xtask {}", words.join(" ")),
        }
    }
}

/// The machine in a line: processor, memory, kernel.
#[must_use]
pub fn describe() -> String {
    let processors = fs::read_to_string("/proc/cpuinfo").unwrap_or_default();
    let memory = fs::read_to_string("/proc/meminfo").unwrap_or_default();
    let kernel = fs::read_to_string("/proc/sys/kernel/osrelease").unwrap_or_default();
    let mut parts = vec![processor(&processors)];
    if let Some(gib) = memory_gib(&memory) {
        parts.push(format!("{gib:.0} GiB"));
    }
    parts.push(format!("Linux {}", kernel.trim()));
    if is_virtual(&processors) {
        parts.push("a virtual machine".to_owned());
    }
    parts.join(", ")
}

/// Of /proc/cpuinfo: how many, and which.
fn processor(told: &str) -> String {
    let count = told
        .lines()
        .filter(|line| line.starts_with("processor"))
        .count();
    let name = field(told, "model name").unwrap_or("unknown processor");
    format!("{count} CPUs ({name})")
}

/// Of /proc/meminfo.
fn memory_gib(told: &str) -> Option<f64> {
    let kilobytes: f64 = field(told, "MemTotal")?
        .strip_suffix("kB")?
        .trim()
        .parse()
        .ok()?;
    Some(kilobytes / 1024.0 / 1024.0)
}

/// x86 tells it among the flags.
fn is_virtual(cpuinfo: &str) -> bool {
    field(cpuinfo, "flags")
        .is_some_and(|flags| flags.split_whitespace().any(|flag| flag == "hypervisor"))
}

fn field<'a>(told: &'a str, name: &str) -> Option<&'a str> {
    told.lines().find_map(|line| {
        let (key, value) = line.split_once(':')?;
        (key.trim() == name).then(|| value.trim())
    })
}

#[cfg(test)]
mod tests {
    use super::{is_virtual, memory_gib, processor};

    #[test]
    fn proc_is_read() {
        let cpuinfo = "processor\t: 0\nmodel name\t: Some CPU\nflags\t\t: fpu hypervisor lm\n\n\
             processor\t: 1\nmodel name\t: Some CPU\n";
        assert_eq!(processor(cpuinfo), "2 CPUs (Some CPU)");
        assert!(is_virtual(cpuinfo));
        assert!(!is_virtual("flags\t: fpu\n"));
        assert_eq!(memory_gib("MemTotal:       2097152 kB\n"), Some(2.0));
        assert_eq!(memory_gib(""), None);
    }
}
