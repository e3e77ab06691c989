//! Services that packages would start as soon as they are installed stay off.

use std::{
    fs::{self, OpenOptions},
    io::{ErrorKind, Write as _},
    os::unix::fs::OpenOptionsExt as _,
    path::{Path, PathBuf},
};

use anyhow::{Context as _, Result};
use nix::sys::signal::{SigSet, SigmaskHow, Signal};

/// Debian's packages ask it whether they may start a service: invoke-rc.d(8).
const POLICY: &str = "/usr/sbin/policy-rc.d";
/// 101: they may not.
const FORBID: &str = "#!/bin/sh
# Made by `cargo xtask` of tcptrace while it installs packages. If it does not run, delete this.
exit 101
";

/// Services stay off for as long as this value lives. The administrator's own policy stays what it
/// is.
#[derive(Debug)]
pub struct Off(Option<PathBuf>);

impl Off {
    /// From now on.
    ///
    /// # Errors
    /// When the policy can't be written.
    pub fn begin() -> Result<Self> {
        Self::by(Path::new(POLICY))
    }

    fn by(policy: &Path) -> Result<Self> {
        let made = OpenOptions::new()
            .write(true)
            .create_new(true)
            .mode(0o755)
            .open(policy)
            .and_then(|mut file| file.write_all(FORBID.as_bytes()));
        match made {
            Ok(()) => Ok(Self(Some(policy.to_owned()))),
            Err(error) if error.kind() == ErrorKind::AlreadyExists => {
                // One of ours, which was killed.
                let ours = fs::read_to_string(policy).is_ok_and(|text| text == FORBID);
                Ok(Self(ours.then(|| policy.to_owned())))
            }
            Err(error) => Err(error).with_context(|| {
                format!(
                    "{} can't be written, which keeps services off",
                    policy.display()
                )
            }),
        }
    }
}

impl Drop for Off {
    fn drop(&mut self) {
        if let Some(policy) = &self.0
            && let Err(error) = fs::remove_file(policy)
        {
            eprintln!("xtask: delete {} by hand: {error}", policy.display());
        }
    }
}

/// Signals that would end this process wait for as long as this value lives.
#[derive(Debug)]
pub struct Uninterrupted(SigSet);

impl Uninterrupted {
    /// From now on; children begin so, too.
    ///
    /// # Errors
    /// When signals can't be blocked.
    pub fn begin() -> Result<Self> {
        let set: SigSet = [Signal::SIGINT, Signal::SIGTERM, Signal::SIGHUP]
            .into_iter()
            .collect();
        let before = set
            .thread_swap_mask(SigmaskHow::SIG_BLOCK)
            .context("signals can't be blocked")?;
        Ok(Self(before))
    }
}

impl Drop for Uninterrupted {
    fn drop(&mut self) {
        let _ = self.0.thread_set_mask();
    }
}

#[cfg(test)]
mod tests {
    use std::{fs, os::unix::fs::PermissionsExt as _};

    use super::{FORBID, Off};

    #[test]
    fn the_policy_is_there_for_as_long_as_it_is_needed() {
        let folder = tempfile::tempdir().unwrap();
        let policy = folder.path().join("policy-rc.d");
        let off = Off::by(&policy).unwrap();
        assert_eq!(
            fs::metadata(&policy).unwrap().permissions().mode() & 0o111,
            0o111
        );
        drop(off);
        assert!(!policy.exists());
        // What another xtask left when it was killed goes, too.
        fs::write(&policy, FORBID).unwrap();
        drop(Off::by(&policy).unwrap());
        assert!(!policy.exists());
    }

    #[test]
    fn the_administrators_policy_is_not_touched() {
        let folder = tempfile::tempdir().unwrap();
        let policy = folder.path().join("policy-rc.d");
        fs::write(&policy, "#!/bin/sh\nexit 0\n").unwrap();
        drop(Off::by(&policy).unwrap());
        assert_eq!(fs::read_to_string(&policy).unwrap(), "#!/bin/sh\nexit 0\n");
    }
}
