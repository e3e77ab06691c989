//! The package in a Debian that was booted: its units, as systemd runs them.

use anyhow::{Context as _, Result};

use super::{
    super::names::DEBIAN,
    system::{System, by_root},
};

/// Installs what the units are tried with: who asks for metrics, and where flows are brought.
const MORE: &str = "DEBIAN_FRONTEND=noninteractive \
    apt-get --quiet=2 install --no-install-recommends curl clickhouse-server >/dev/null";
/// What is done from one boot to the next: functions of booted.sh.
const BOOTS: [&str; 3] = ["by_hand", "enabled", "shipping"];
/// How long a boot may take, in seconds. On a machine that does nothing else it takes a quarter of that.
const LIMIT: &str = "300";
/// What a kernel is told that boots, which is systemd here: all comes up as usual, and says little.
const WORDS: [&str; 4] = [
    "systemd.wants=multi-user.target",
    "systemd.getty_auto=no",
    "systemd.show_status=no",
    "systemd.log_level=warning",
];

/// Installs it there, and starts, restarts, enables, upgrades and removes what it has.
///
/// # Errors
/// When anything is not as it should be: see booted.sh, whose words are passed through.
pub fn all(system: &System) -> Result<()> {
    system
        .run(|words| {
            words.args(["sh", "-c", MORE]);
        })
        .context("Debian's packages can't be installed there")?;
    for boot in BOOTS {
        let script = format!("sh /shared/booted.sh {boot} {DEBIAN} {}", system.package);
        by_root("env", |words| {
            // As Debian boots by itself, whatever this machine has.
            words.arg("SYSTEMD_NSPAWN_UNIFIED_HIERARCHY=1");
            words.args(["timeout", "--kill-after=10", LIMIT]);
            words.args(["systemd-nspawn", "--quiet", "--boot", "--directory"]);
            words.arg(&system.folder);
            // Nobody else need know of it: the machine may have no systemd.
            words.args(["--register=no", "--keep-unit", "--link-journal=no"]);
            words.arg("--private-network");
            // What the units ask for is not a container's by default.
            words.args([
                "--capability=all",
                "--system-call-filter=bpf perf_event_open",
            ]);
            words.args(WORDS);
            // Its status is that of the boot.
            words.arg(format!("systemd.run=\"{script}\""));
        })
        .with_context(|| format!("units of {DEBIAN} in {}", system.distribution))?;
    }
    Ok(())
}
